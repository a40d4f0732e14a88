"""What people ask of a living driver: one standing request in the run's folder, and signals."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final, Literal

from optimizer.telling.progress import Listener, Progress
from traces.errors import UsageError

NAME: Final = "request.json"
TICK_S: Final = 0.25
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

Verb = Literal["stop", "pause"]
After = Literal["iteration", "now"]


class Interrupted(BaseException):
    """Say that a person stopped the run; it can be resumed."""


@dataclass(frozen=True, slots=True)
class Request:
    """Ask one driver, named by its `pid`, for something.

    `after` says when to stop, `certify` to end the night with its certified number. `at` is ISO UTC.
    """

    verb: Verb
    pid: int
    after: After = "now"
    certify: bool = False
    at: str = ""

    @property
    def drains(self) -> bool:
        """Say whether nothing more is to be launched."""
        return self.verb == "pause" or self.after == "now"

    def __str__(self) -> str:
        if self.verb == "pause":
            return "pausing: what is in flight may end, then the driver waits"
        when = "after this iteration" if self.after == "iteration" else "now: what is in flight may end"
        return f"{'ending the night with its certified number' if self.certify else 'stopping'} {when}"


def ask(folder: Path, request: Request) -> Request:
    """Leave a request in a run's folder; the newest replaces an earlier one.

    Raises:
        UsageError: The folder cannot be written.
    """
    stamped = Request(request.verb, request.pid, request.after, request.certify, datetime.now(UTC).isoformat())
    draft = folder / f".{NAME}-{os.getpid()}"
    try:
        draft.write_text(json.dumps(asdict(stamped)) + "\n")
        draft.replace(folder / NAME)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from None
    return stamped


def standing(folder: Path, pid: int | None) -> Request | None:
    """Read the request that stands for the driver `pid`; one left for an earlier driver is none."""
    try:
        read = Request(**json.loads((folder / NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    known = read.verb in ("stop", "pause") and read.after in ("iteration", "now")
    return read if known and pid is not None and read.pid == pid else None


def withdraw(folder: Path) -> None:
    """Remove the request that stands, if any."""
    with suppress(OSError):
        (folder / NAME).unlink()


class Control:
    """Tell a driver what people want: it asks before every launch, between steps and while it waits.

    A request that an earlier driver left is removed at once: it never affects this one.

    Args:
        folder: The run's folder.
        listen: Hears what was asked.
        grace_s: How long what is in flight may take to end once the run is to stop.
        back: The command that takes the run up again.
        clock: Monotonic seconds.
        sleep: Waits.
        interrupt: Breaks off what the main thread does, when the grace is over.
    """

    def __init__(
        self,
        folder: Path,
        listen: Listener,
        *,
        grace_s: float,
        back: str = "ratchet resume",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        interrupt: Callable[[], None] = lambda: signal.pthread_kill(main_thread(), signal.SIGINT),
    ) -> None:
        self._folder = folder
        self._listen = listen
        self._grace_s = grace_s
        self.back = back
        self._clock = clock
        self._sleep = sleep
        self._interrupt = interrupt
        self._request: Request | None = None
        self._stopping_since: float | None = None
        self._broken_off = False
        self._over = threading.Event()
        self.signalled = False
        withdraw(folder)

    @property
    def draining(self) -> bool:
        """Say whether nothing more is to be launched."""
        return self.signalled or (self._request is not None and self._request.drains)

    def look(self) -> Request | None:
        """Read what stands now, and tell of what is new."""
        found = standing(self._folder, os.getpid())
        before, self._request = self._request, found
        if found is not None and found != before:
            self._listen(Progress("notice", f"asked by a person: {found}", asdict(found)))
        elif found is None and before is not None:
            self._listen(Progress("notice", "the request is withdrawn: the run goes on"))
        return found

    def done(self) -> None:
        """Forget the request that stands: it is carried out."""
        withdraw(self._folder)
        self._request = None
        self._stopping_since = None
        self._broken_off = False

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than until something is asked."""
        until = self._clock() + seconds
        while not self.signalled and self.look() is None and (left := until - self._clock()) > 0:
            self._sleep(min(TICK_S, left))

    def hold(self) -> Request | None:
        """Wait as long as a pause stands; give what stands then."""
        while (found := self.look()) is not None and found.verb == "pause" and not self.signalled:
            self._sleep(TICK_S)
        return found

    def tick(self) -> None:
        """Look at the request, and break off what is in flight when its grace is over."""
        request = self.look()
        if not (self.signalled or (request is not None and request.verb == "stop" and request.drains)):
            self._stopping_since = None
            return
        now = self._clock()
        if self._stopping_since is None:
            self._stopping_since = now
        if now - self._stopping_since >= self._grace_s and not self._broken_off:
            self._broken_off = True
            self._listen(Progress("notice", f"what was still in flight after {_span(self._grace_s)} is broken off"))
            self._interrupt()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Take the signals while the block runs; in its end nothing is asked any more."""
        before = {number: signal.getsignal(number) for number in SIGNALS}
        self.arm()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            withdraw(self._folder)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at requests and at the grace while the block runs, whatever the main thread does."""
        watch = threading.Thread(target=self._watch, name="control", daemon=True)
        watch.start()
        try:
            yield
        finally:
            self._over.set()
            watch.join()

    def arm(self) -> None:
        """Take the signals; a library that was started meanwhile may have taken them for itself."""
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Drain at the first signal, break off at the second, or when the grace is over."""
        if self.signalled or self._broken_off:
            raise KeyboardInterrupt
        self.signalled = True
        again = "; Ctrl-C again stops at once" if number == signal.SIGINT else ""
        text = f"stopping: what is in flight has {_span(self._grace_s)} to end{again}; {self.back} goes on later"
        self._listen(Progress("notice", text))

    def _watch(self) -> None:
        while not self._over.wait(TICK_S):
            self.tick()


def _span(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:g} min"


def main_thread() -> int:
    """Give the main thread's number."""
    return threading.main_thread().ident or 0
