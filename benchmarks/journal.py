"""A file of JSON lines that only grows, shared by processes.

Every line is on disk before a call returns, a lock keeps two writers from interleaving, and a line
torn by a crash is dropped by the next writer.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class Journal:
    """Read and extend one file while its lock is held; `content` is what stood in it, torn line left out."""

    def __init__(self, descriptor: int, folder: Path) -> None:
        self._descriptor = descriptor
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            stream.seek(0)
            found = stream.read()
        self.content = whole_lines(found)
        if len(self.content) < len(found):
            os.ftruncate(descriptor, len(self.content))
        os.lseek(descriptor, 0, os.SEEK_END)
        if not found:
            _sync_folder(folder)

    def append(self, line: Mapping[str, object]) -> None:
        """Put one line on disk."""
        data = (json.dumps(line, sort_keys=True) + "\n").encode()
        while data:
            data = data[os.write(self._descriptor, data) :]
        os.fsync(self._descriptor)


def whole_lines(content: bytes) -> bytes:
    """Leave out a last line that was never finished."""
    return content[: content.rfind(b"\n") + 1]


@contextmanager
def locked(path: Path) -> Iterator[Journal]:
    """Open the journal at `path` for one writer, and make it where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield Journal(descriptor, path.parent)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
