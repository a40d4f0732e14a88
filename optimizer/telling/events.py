"""The driver's event stream on disk: `events.jsonl`, one JSON object a line, in the order things happened.

It is a log, not truth: nothing is decided from it, and a run goes on without it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final

from optimizer.state import Spend
from optimizer.telling.progress import InTurn, Listener, Progress
from traces.errors import RatchetError

NAME = "events.jsonl"
ATTEMPTS_EVERY_S = 1.0
"""`attempts` events come many a second; about one a second is written down."""
POLL_S: Final = 0.2
_BLOCK = 64 * 1024


class EventLog:
    """Stamp events with time and number, append them to a file, and hand them on.

    The driver alone writes, under its lock. A disk that is full or a folder that is gone costs the
    log, never the run: it is told once, and later events are tried again.

    Args:
        path: The file; a torn last line, left by a kill, is mended.
        listen: Hears every event after it was written.
        clock: Unix seconds.
    """

    def __init__(self, path: Path, listen: Listener, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._listen = listen
        self._clock = clock
        self._in_turn = InTurn(self._tell)
        self._fd: int | None = None
        self._next = 0
        self._wrote_attempts_at = -ATTEMPTS_EVERY_S
        self._held: Progress | None = None
        self._whole = True
        self._told_problem = False
        self._over = threading.Event()
        self._pulse = threading.Thread(target=self._beat, name="event log", daemon=True)

    def __enter__(self) -> EventLog:
        last = last_events(self._path, 1)
        self._next = (last[-1].seq or 0) + 1 if last else 0
        self._pulse.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._pulse.join()
        self._close()

    def __call__(self, progress: Progress) -> None:
        """Write the event down and hand it on."""
        self._in_turn(progress)

    def flush(self) -> None:
        """Write down the newest counts of attempts where they were held back, and nothing came since."""
        self._in_turn.between(self._write_held)

    def _beat(self) -> None:
        while not self._over.wait(ATTEMPTS_EVERY_S):
            self.flush()

    def _tell(self, progress: Progress) -> None:
        event = dataclasses.replace(progress, at=self._clock())
        if not self._is_due(event):
            self._held = event
            self._listen(event)
            return
        if event.kind != "attempts":
            self._write_held()
        self._held = None
        self._write(event)

    def _write_held(self) -> None:
        if self._held is not None:
            self._wrote_attempts_at = self._clock()
            event, self._held = self._held, None
            self._write(event)

    def _write(self, progress: Progress) -> None:
        event = dataclasses.replace(progress, seq=self._next)
        self._next += 1
        problem = self._append(event)
        self._listen(event)
        if problem and not self._told_problem:
            self._told_problem = True
            self._listen(Progress("notice", f"{NAME} cannot be written ({problem}); the run goes on", at=event.at))

    def _is_due(self, event: Progress) -> bool:
        if event.kind != "attempts":
            return True
        now = event.at or 0.0
        due = abs(now - self._wrote_attempts_at) >= ATTEMPTS_EVERY_S
        if due:
            self._wrote_attempts_at = now
        return due

    def _append(self, event: Progress) -> str:
        """Write one line; return what went wrong, or nothing."""
        line = to_line(event)
        try:
            fd = self._open()
            line = line if self._whole else b"\n" + line
            self._whole = os.write(fd, line) == len(line)
        except OSError as error:
            self._close()
            return error.strerror or str(error)
        return "" if self._whole else "the disk is full"

    def _open(self) -> int:
        """Give the open file; one that was removed meanwhile is begun anew."""
        if self._fd is not None and os.fstat(self._fd).st_nlink == 0:
            self._close()
        if self._fd is None:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            _mend(self._fd)
            self._whole = True
        return self._fd

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _mend(fd: int) -> None:
    """End a whole last line that lacks its line end; cut a torn one off."""
    size = os.fstat(fd).st_size
    begin, tail = _last_line(fd, size)
    if not tail:
        return
    if from_line(tail) is None:
        os.ftruncate(fd, begin)
    else:
        os.write(fd, b"\n")


def _last_line(fd: int, size: int) -> tuple[int, bytes]:
    """Give where the text after the last line end begins, and that text."""
    begin, tail = size, b""
    while begin > 0:
        step = min(_BLOCK, begin)
        begin -= step
        tail = os.pread(fd, step, begin) + tail
        if b"\n" in tail:
            rest = tail[tail.rindex(b"\n") + 1 :]
            return size - len(rest), rest
    return 0, tail


def with_spend(listen: Listener, spend: Callable[[], Spend]) -> Listener:
    """Add what was spent so far to every event that does not carry it."""

    def tell(progress: Progress) -> None:
        if "usd" not in progress.data:
            # an event must not fail for want of a number, least of all the one that tells of a failure
            with contextlib.suppress(sqlite3.Error, RatchetError):
                progress = dataclasses.replace(progress, data={**progress.data, **spend_data(spend())})
        listen(progress)

    return tell


def spend_data(spent: Spend) -> dict[str, float]:
    """Write a spend as event data: `usd`, `tokens`, and the requests without a price."""
    return {"usd": round(spent.usd, 6), "tokens": spent.tokens, "unpriced": spent.unpriced_requests}


def log_of(run_folder: Path) -> Path:
    """Name the log of the run in a folder."""
    return run_folder / NAME


# Lines ------------------------------------------------------------------------


def to_line(event: Progress) -> bytes:
    """Write an event as one line of JSON, pure ASCII whatever agents wrote."""
    at = datetime.fromtimestamp(event.at or 0.0, UTC).isoformat(timespec="milliseconds")
    record = {"at": at, "seq": event.seq, "kind": event.kind, "text": event.text, "data": dict(event.data)}
    return json.dumps(record, default=str).encode() + b"\n"


def from_line(line: bytes) -> Progress | None:
    """Read one line; None when it is torn or no event."""
    try:
        record = json.loads(line)
        at = datetime.fromisoformat(record["at"]).timestamp()
        return Progress(str(record["kind"]), str(record["text"]), dict(record["data"]), at, record["seq"])
    except (ValueError, TypeError, KeyError):
        return None


def read_events(path: Path) -> Iterator[Progress]:
    """Read all events, one after the other; none when there is no log.

    A torn last line, and any other that is no event, is left out.
    """
    try:
        with path.open("rb") as file:
            yield from filter(None, map(from_line, file))
    except FileNotFoundError:
        return


def last_events(path: Path, count: int, worth: Callable[[Progress], bool] = lambda _: True) -> list[Progress]:
    """Read the last events that are `worth` it, without reading what lies before them."""
    try:
        with path.open("rb") as file:
            begin, tail, events = file.seek(0, os.SEEK_END), b"", list[Progress]()
            while begin > 0 and len(events) < count:
                step = min(max(_BLOCK, len(tail)), begin)
                begin -= step
                file.seek(begin)
                tail = file.read(step) + tail
                events = [event for event in _whole_events(tail, begin) if worth(event)]
    except OSError:
        return []
    return events[-count:] if count > 0 else []


def _whole_events(tail: bytes, begin: int) -> list[Progress]:
    """Read the events of a file's end; its first line may be cut unless the end is the whole file."""
    lines = tail.split(b"\n")
    return [event for line in lines[1 if begin else 0 :] if (event := from_line(line)) is not None]


class EventReader:
    """Read a log piece by piece, as it grows.

    A file that does not exist yet is empty; one that was replaced or cut is read from its beginning.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._inode = 0
        self._rest = b""

    def read(self) -> list[Progress]:
        """Give the events that were written since the last call."""
        try:
            with self._path.open("rb") as file:
                self._place(os.fstat(file.fileno()))
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [event for line in lines if (event := from_line(line)) is not None]

    def _place(self, stat: os.stat_result) -> None:
        if stat.st_ino != self._inode or stat.st_size < self._offset:
            self._offset, self._inode, self._rest = 0, stat.st_ino, b""


def follow(
    reader: EventReader, alive: Callable[[], bool], *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Progress]:
    """Give new events as they come, until the run is finished or its driver is gone.

    Args:
        reader: Stands where following begins.
        alive: Says whether a driver works on the run.
        sleep: Waits between two looks at the file.
    """
    while True:
        living = alive()  # asked first: what a dying driver wrote last is read below
        for event in reader.read():
            yield event
            if event.kind == "finished":
                return
        if not living:
            return
        sleep(POLL_S)
