"""Tells a webhook and a program of what a sleeping person wants to know; the run waits for neither."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from optimizer.config import Notify
from optimizer.run_folder import RunFolder
from optimizer.telling.progress import Listener, Progress
from traces.errors import ConfigError

SCHEMA_VERSION: Final = 1
EVENTS: Final = {"finished": "finished", "stopped": "stopped", "needs_attention": "needs_attention"}
"""Kind of progress -> event told; a kept change comes as a verdict."""
NUMBERS: Final = ("candidate", "cause", "reason", "error", "hint", "retry_in_s", "usd", "next")
"""What of an event's data is told; nothing about single tasks."""
SCHEMES: Final = ("http://", "https://")
GAIN: Final = ("difference", "interval", "improved", "level", "coverage")

Send = Callable[[bytes, str], None]
"""Delivers one JSON text (and its event's name), or raises `UndeliveredError`."""


class UndeliveredError(Exception):
    """Say why an event was not delivered, without naming the address."""


@contextmanager
def notifier(config: Notify, folder: RunFolder, listen: Listener) -> Iterator[Listener]:
    """Give a listener that also tells whoever the run file names."""
    channels = dict(_channels(config, os.environ))
    if not channels or not config.events:
        yield listen
        return
    told = Notifier(channels, set(config.events), folder, listen)
    try:
        yield told
    finally:
        told.close(config.timeout_s * len(channels) + 1.0)


def check_notify(config: Notify, environ: Mapping[str, str]) -> None:
    """Refuse what could tell nobody, before a night depends on it.

    Raises:
        ConfigError: The variable holds no address, or there is no such program.
    """
    if config.webhook_env is not None:
        url = environ.get(config.webhook_env, "")
        if not url.startswith(SCHEMES):
            what = "holds no http address" if url else "is not set"
            raise ConfigError(
                f"`notify.webhook_env`: ${config.webhook_env} {what}",
                key="notify.webhook_env",
                hint=f"export {config.webhook_env}=https://...",
            )
    if config.command and shutil.which(config.command[0]) is None:
        raise ConfigError(
            f"`notify.command`: {config.command[0]!r} is no program that can be run from here",
            key="notify.command",
            hint="give its path, and make it executable: chmod +x",
        )


def _channels(config: Notify, environ: Mapping[str, str]) -> Iterator[tuple[str, Send]]:
    if config.webhook_env is not None:
        url = environ.get(config.webhook_env, "")
        yield f"the webhook of ${config.webhook_env}", lambda body, event: post(url, body, config.timeout_s)
    if config.command:
        command = list(config.command)
        yield (
            f"the program {command[0]!r}",
            lambda body, event: call(command, body, event, config.timeout_s),
        )


class Notifier:
    """Hand events on, and tell chosen ones in a thread of its own, in order.

    A channel that fails is complained of once, as a notice.

    Args:
        channels: Name -> how to deliver.
        on: The events told.
        folder: The run.
        listen: Hears every event.
    """

    def __init__(self, channels: Mapping[str, Send], on: set[str], folder: RunFolder, listen: Listener) -> None:
        self._channels = channels
        self._on = on
        self._folder = folder
        self._listen = listen
        self._gain: Mapping[str, Any] | None = None  # Any: JSON
        self._complained: set[str] = set()
        self._waiting: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
        self._thread.start()

    def __call__(self, progress: Progress) -> None:
        """Hand the event on, and tell it when it was asked for."""
        self._listen(progress)
        if progress.kind == "certified":
            self._gain = {name: progress.data.get(name) for name in GAIN}
        event = event_of(progress)
        if event in self._on:
            self._waiting.put((event, self._body(event, progress)))

    def close(self, timeout_s: float) -> None:
        """Deliver what waits, for so long at most."""
        self._waiting.put(None)
        self._thread.join(timeout_s)

    def _body(self, event: str, progress: Progress) -> bytes:
        data = {name: progress.data[name] for name in NUMBERS if name in progress.data}
        record = {
            "schema_version": SCHEMA_VERSION,
            "event": event,
            "run": self._folder.id,
            "at": datetime.now(UTC).isoformat(),
            "text": progress.text,
            "gain": self._gain if event == "finished" else None,
            "data": data,
            "look": self._folder.command("report" if event == "finished" else "status"),
        }
        return json.dumps(record, default=str).encode()

    def _work(self) -> None:
        while (one := self._waiting.get()) is not None:
            event, body = one
            for name, send in self._channels.items():
                try:
                    send(body, event)
                except UndeliveredError as error:
                    self._complain(name, str(error))

    def _complain(self, name: str, problem: str) -> None:
        if name not in self._complained:
            self._complained.add(name)
            self._listen(Progress("notice", f"{name} could not be told ({problem}); the run goes on"))


def event_of(progress: Progress) -> str:
    """Name the event that a progress is for whoever is told, or nothing."""
    if progress.kind == "verdict":
        return "kept" if progress.data.get("verdict") == "keep" else ""
    return EVENTS.get(progress.kind, "")


def post(url: str, body: bytes, timeout_s: float) -> None:
    """Post JSON to a URL.

    Raises:
        UndeliveredError: It was not accepted in time.
    """
    if not url.startswith(SCHEMES):
        raise UndeliveredError("the variable holds no http address" if url else "the variable is not set")
    try:
        request = urllib.request.Request(url, data=body, headers={"content-type": "application/json"}, method="POST")
        with urllib.request.urlopen(request, timeout=timeout_s):
            return
    except urllib.error.HTTPError as error:
        error.close()
        raise UndeliveredError(f"status {error.code}") from None
    except urllib.error.URLError as error:
        raise UndeliveredError(type(error.reason).__name__) from None
    except (OSError, ValueError) as error:  # a ValueError's own words would quote the address
        raise UndeliveredError(type(error).__name__) from None


def call(command: list[str], body: bytes, event: str, timeout_s: float) -> None:
    """Run a program with JSON on stdin, and end it with all it started when it takes too long.

    Raises:
        UndeliveredError: It could not be run, failed, or took too long.
    """
    try:
        program = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"RATCHET_EVENT": event},
            start_new_session=True,
        )
    except OSError as error:
        raise UndeliveredError(error.strerror or "cannot be run") from None
    try:
        program.communicate(body, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)  # it still stands as a process, so its group is its own
        program.communicate()
        raise UndeliveredError(f"took longer than {timeout_s:g} s") from None
    if program.returncode:
        raise UndeliveredError(f"exit code {program.returncode}")
