"""One driver a run: an advisory file lock that the kernel drops when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from traces.errors import UsageError
from traces.storage import stored

_PID_BYTES = 16
_LOOKS = 50
_PAUSE_S = 0.01


class RunLockedError(UsageError):
    """Say that another driver holds the run."""


class DriverLock:
    """Hold a run for this process; a second driver is refused, a dead one leaves nothing behind.

    Args:
        folder: The run directory; the lock is its file `driver.lock`, which names the holder's pid.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "driver.lock"
        self._fd: int | None = None

    def __enter__(self) -> DriverLock:
        """Take the lock.

        Raises:
            RunLockedError: Another living process holds it.
            StorageError: The folder is gone or cannot be written.
        """
        with stored(self._path):
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                self._take(fd)
            except BaseException:
                os.close(fd)
                raise
        self._fd = fd
        return self

    def _take(self, fd: int) -> None:
        """Lock, against drivers only: one who just looks holds the file for a moment too, and names nobody in it."""
        for _ in range(_LOOKS):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if pid := _named(fd):
                    raise _driven(self._path.parent, pid) from None
                time.sleep(_PAUSE_S)
                continue
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            return
        raise _driven(self._path.parent, 0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd is not None:
            with suppress(OSError):
                os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None


def holder(folder: Path) -> int | None:
    """Give the pid of the living driver of the run in `folder`, 0 when it cannot be told, None when there is none."""
    try:
        fd = os.open(folder / "driver.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _named(fd) or _named_soon(fd)
    finally:
        os.close(fd)
    return None


def _named(fd: int) -> int:
    """Read which living process the file names as its holder; 0 for none."""
    text = os.pread(fd, _PID_BYTES, 0).decode(errors="replace").strip()
    return int(text) if text.isdigit() and Path(f"/proc/{text}").exists() else 0


def _named_soon(fd: int) -> int:
    """Wait a moment for a holder that has not written its name yet, or has just let go."""
    time.sleep(_PAUSE_S)
    return _named(fd)


def _driven(folder: Path, pid: int) -> RunLockedError:
    who = f"process {pid}" if pid else "a process that cannot be seen from here"
    end = f", or stop it: ratchet stop {folder.name}" if pid else ""
    return RunLockedError(f"run {folder.name!r} is driven by {who}", hint=f"wait for it{end}")
