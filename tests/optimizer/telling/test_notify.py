"""Telling a webhook and a program: what is told, and that nothing they do delays or breaks a run."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from optimizer.config import Notify
from optimizer.run_folder import RunFolder
from optimizer.telling.notify import check_notify, notifier
from optimizer.telling.progress import Progress
from traces.errors import ConfigError

VARIABLE = "RATCHET_TEST_WEBHOOK"
KEPT = Progress(
    "verdict", "c001: keep - better", {"candidate": "c001", "verdict": "keep", "cause": "better", "usd": 1.5}
)
REFUSED = Progress("verdict", "c002: reject", {"candidate": "c002", "verdict": "reject", "cause": "not_better"})
CERTIFIED = Progress("certified", "gain", {"difference": 0.2, "interval": [0.1, 0.3], "improved": True, "tasks": ["t"]})
FINISHED = Progress("finished", "iterations", {"reason": "iterations"})
STOPPED = Progress("stopped", "stopped; ratchet resume r", {"next": "ratchet resume r"})
ATTENTION = Progress("needs_attention", "down", {"error": "down", "hint": "wait", "retry_in_s": 30.0})


class Hook(ThreadingHTTPServer):
    """A webhook on loopback that answers as told, and remembers what was posted."""

    daemon_threads = True

    def __init__(self, status: int = 200, *, hangs: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.status = status
        self.hangs = hangs
        self.over = threading.Event()
        self.posted: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/secret-path"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class Answering(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.headers["content-type"] == "application/json"
        self.server.posted.append(json.loads(body))
        if self.server.hangs:
            self.server.over.wait(30)
            return
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def told() -> list[Progress]:
    return []


@pytest.fixture
def hooks() -> Iterator[list[Hook]]:
    """Collect webhooks, and close them."""
    made: list[Hook] = []
    yield made
    for hook in made:
        hook.over.set()
        hook.shutdown()
        hook.server_close()
    os.environ.pop(VARIABLE, None)


def hook(hooks: list[Hook], status: int = 200, *, hangs: bool = False) -> Hook:
    made = Hook(status, hangs=hangs)
    hooks.append(made)
    os.environ[VARIABLE] = made.url
    return made


def tell(config: Notify, told: list[Progress], *events: Progress) -> float:
    """Tell events as a driver would; gives how long the driver was held up, the farewell not counted."""
    with notifier(config, RunFolder(Path("runs/r")), told.append) as listen:
        begun = time.monotonic()
        for event in events:
            listen(event)
        return time.monotonic() - begun


def notices(told: list[Progress]) -> list[str]:
    return [event.text for event in told if event.kind == "notice"]


def test_four_kinds_of_events_are_told_and_no_other(hooks: list[Hook], told: list[Progress]) -> None:
    web = hook(hooks)
    events = [
        KEPT,
        REFUSED,
        ATTENTION,
        CERTIFIED,
        FINISHED,
        STOPPED,
        Progress("notice", "x"),
        Progress("attempts", "x"),
    ]
    tell(Notify(webhook_env=VARIABLE), told, *events)
    assert [post["event"] for post in web.posted] == ["kept", "needs_attention", "finished", "stopped"]
    assert [event.kind for event in told] == [event.kind for event in events]


def test_what_is_told_is_small_and_names_no_task(hooks: list[Hook], told: list[Progress]) -> None:
    web = hook(hooks)
    tell(Notify(webhook_env=VARIABLE), told, KEPT, CERTIFIED, FINISHED)
    kept, finished = web.posted
    assert (kept["run"], kept["data"]) == ("r", {"candidate": "c001", "cause": "better", "usd": 1.5})
    assert kept["look"] == "ratchet status r"
    assert finished["gain"] == {
        "difference": 0.2, "interval": [0.1, 0.3], "improved": True, "level": None, "coverage": None,
    }  # fmt: skip
    assert finished["look"] == "ratchet report r"


def test_only_the_chosen_events_are_told(hooks: list[Hook], told: list[Progress]) -> None:
    web = hook(hooks)
    tell(Notify(webhook_env=VARIABLE, events=("finished",)), told, KEPT, ATTENTION, FINISHED)
    assert [post["event"] for post in web.posted] == ["finished"]


def test_a_webhook_that_fails_is_one_notice_without_its_address(hooks: list[Hook], told: list[Progress]) -> None:
    web = hook(hooks, 500)
    tell(Notify(webhook_env=VARIABLE), told, KEPT, KEPT, FINISHED)
    assert len(web.posted) == 3
    assert len(notices(told)) == 1
    assert "status 500" in notices(told)[0]
    assert VARIABLE in notices(told)[0]
    assert "secret-path" not in notices(told)[0]


def test_a_webhook_that_hangs_delays_no_event_and_the_end_by_little(hooks: list[Hook], told: list[Progress]) -> None:
    hook(hooks, hangs=True)
    begun = time.monotonic()
    held_up = tell(Notify(webhook_env=VARIABLE, timeout_s=0.3), told, KEPT, *[FINISHED] * 20)
    assert held_up < 0.2
    assert time.monotonic() - begun < 3
    assert len(notices(told)) == 1


def test_a_webhook_that_is_not_there_is_one_notice(hooks: list[Hook], told: list[Progress]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        os.environ[VARIABLE] = f"http://127.0.0.1:{free.getsockname()[1]}/"
    tell(Notify(webhook_env=VARIABLE), told, KEPT, FINISHED)
    os.environ.pop(VARIABLE)
    assert notices(told) == [f"the webhook of ${VARIABLE} could not be told (ConnectionRefusedError); the run goes on"]


@pytest.mark.parametrize(("url", "why"), [("", "not set"), ("file:///etc/passwd", "no http"), ("http://[", "Error")])
def test_a_variable_without_an_address_is_said_and_never_opened(url: str, why: str, told: list[Progress]) -> None:
    os.environ[VARIABLE] = url
    tell(Notify(webhook_env=VARIABLE), told, KEPT)
    os.environ.pop(VARIABLE)
    assert why in notices(told)[0]
    assert "passwd" not in notices(told)[0]


def program(folder: Path, text: str) -> Path:
    path = folder / "hook.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_program_reads_the_event_on_stdin_and_its_name_in_the_environment(
    tmp_path: Path, told: list[Progress]
) -> None:
    script = program(tmp_path, f'cat > {tmp_path}/seen.json; echo "$RATCHET_EVENT $1" > {tmp_path}/name')
    tell(Notify(command=(str(script), "a word; rm -rf")), told, KEPT)
    assert json.loads((tmp_path / "seen.json").read_text())["event"] == "kept"
    assert (tmp_path / "name").read_text() == "kept a word; rm -rf\n"
    assert notices(told) == []


@pytest.mark.parametrize(("text", "why"), [("exit 3", "exit code 3"), ("cat > /dev/null; exit 1", "exit code 1")])
def test_a_program_that_fails_is_one_notice(text: str, why: str, tmp_path: Path, told: list[Progress]) -> None:
    tell(Notify(command=(str(program(tmp_path, text)),)), told, KEPT, FINISHED)
    assert len(notices(told)) == 1
    assert why in notices(told)[0]


def test_a_program_that_is_not_there_is_one_notice(tmp_path: Path, told: list[Progress]) -> None:
    tell(Notify(command=(str(tmp_path / "absent"),)), told, KEPT)
    assert "No such file" in notices(told)[0]


def test_a_program_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path, told: list[Progress]) -> None:
    script = program(tmp_path, f"sleep 60 & echo $! > {tmp_path}/pid; wait")
    held_up = tell(Notify(command=(str(script),), timeout_s=0.5), told, KEPT)
    assert held_up < 0.2
    assert "longer than 0.5 s" in notices(told)[0]
    child = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 5
    while is_alive(child):
        assert time.monotonic() < until
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_without_anybody_to_tell_the_listener_is_the_plain_one(told: list[Progress]) -> None:
    listen = told.append
    with notifier(Notify(), RunFolder(Path("runs/r")), listen) as given:
        assert given == listen


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (Notify(webhook_env="RATCHET_NOT_SET"), "notify.webhook_env"),
        (Notify(webhook_env="HOME"), "notify.webhook_env"),
        (Notify(command=("no-such-program-anywhere",)), "notify.command"),
    ],
)
def test_a_night_is_not_begun_when_nobody_could_be_told(config: Notify, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_notify(config, {"HOME": "/home/secret"})
    assert caught.value.key == key
    assert "/home/secret" not in caught.value.message


def test_what_can_be_told_is_let_through() -> None:
    check_notify(Notify(webhook_env="HOOK", command=("sh", "-c", "cat")), {"HOOK": "https://example.invalid/x"})
    check_notify(Notify(), {})
