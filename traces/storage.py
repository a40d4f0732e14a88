"""What a disk can do to a run, as errors that say what, where and how to mend it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from traces.errors import RatchetError

_RESUME = "then resume the run: nothing that was recorded is lost"

_FAULTS: Final[dict[int, tuple[str, str]]] = {
    errno.ENOSPC: ("the disk is full", f"free some space, {_RESUME}"),
    errno.EDQUOT: ("the disk quota is used up", f"free some space, {_RESUME}"),
    errno.EFBIG: ("a file may not grow any more", f"raise `ulimit -f`, {_RESUME}"),
    errno.EROFS: ("the disk is read-only", f"make it writable, {_RESUME}"),
    errno.EACCES: ("this user may not write there", f"mend its permissions, {_RESUME}"),
    errno.EPERM: ("this user may not write there", f"mend its permissions, {_RESUME}"),
    errno.EIO: ("the disk fails", f"check the disk, {_RESUME}"),
    errno.EMFILE: ("this process may open no more files", f"`ulimit -n 65536`, or fewer attempts in flight, {_RESUME}"),
    errno.ENFILE: ("this machine may open no more files", f"raise `fs.file-max`, {_RESUME}"),
    errno.ENOENT: ("it is gone", f"put it back, {_RESUME}"),
    errno.ENOTDIR: ("a folder on the way to it is gone", f"put it back, {_RESUME}"),
    errno.ESTALE: ("it is gone", f"mount it again, {_RESUME}"),
}


_NO_MORE_FILES: Final = (errno.EMFILE, errno.ENFILE)


class StorageError(RatchetError):
    """Say that a disk, a folder or a file of a run does not do what it must."""


def storage_error(error: OSError, where: Path) -> StorageError | None:
    """Give the words for an error of the operating system; None when it is none of a disk's."""
    if error.errno not in _FAULTS:
        return None
    reason, mend = _FAULTS[error.errno]
    named = error.filename if isinstance(error.filename, str) and error.filename.startswith("/") else None
    return StorageError(f"cannot use {named or where}: {reason}", hint=mend)


def no_more_files(error: BaseException) -> bool:
    """Say whether this process, or its machine, may open no more files: nothing that an attempt did."""
    return isinstance(error, OSError) and error.errno in _NO_MORE_FILES


def told_again(words: str) -> StorageError:
    """Make the error whose words came from another process."""
    mends = (mend for reason, mend in _FAULTS.values() if words.endswith(reason))
    return StorageError(words, hint=next(mends, f"mend it, {_RESUME}"))


@contextmanager
def stored(where: Path) -> Iterator[None]:
    """Turn the operating system's errors into ours while something below `where` is written or read.

    When the way out of a fault meets further faults, the first one is told.

    Raises:
        StorageError: The disk, the folder or a file in it does not do what it must.
    """
    try:
        yield
    except (OSError, StorageError) as error:
        found = _first(error, where)
        if found is None:
            raise
        raise found from (None if found is error else error)


def _first(error: BaseException | None, where: Path) -> StorageError | None:
    first = None
    while error is not None:
        if isinstance(error, StorageError):
            first = error
        elif isinstance(error, OSError):
            first = storage_error(error, where) or first
        error = error.__cause__ or error.__context__
    return first
