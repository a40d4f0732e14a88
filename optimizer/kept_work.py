"""What attempts left to be graded, on disk: archives, since the names in them are the agent's."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from benchmarks.artifacts import Kept, pack, unpack
from traces.storage import stored

FOLDER = "artifacts"
"""Where they stand in a run's folder."""


class KeptWork:
    """Keep artifacts as `<attempt>.tar.gz`, and work directories as `<attempt>.work.tar.gz`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, attempt: str, kept: Kept) -> None:
        """Write what an attempt left; nothing where that is nothing."""
        if kept.files:
            self._write(self._files(attempt), pack(kept.files))
        if kept.work is not None:
            self._write(self._work(attempt), gzip.compress(kept.work, compresslevel=6, mtime=0))

    def get(self, attempt: str) -> Kept:
        """Read what an attempt left.

        Raises:
            ValueError: An archive is damaged; names it.
        """
        files, work = self._read(self._files(attempt)), self._read(self._work(attempt))
        try:
            found = unpack(files) if files is not None else {}
        except ValueError as error:
            raise ValueError(f"{self._files(attempt)}: {error}") from error
        try:
            return Kept(found, gzip.decompress(work) if work is not None else None)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{self._work(attempt)}: it is damaged: {error}") from error

    def _files(self, attempt: str) -> Path:
        return self._folder / f"{attempt}.tar.gz"

    def _work(self, attempt: str) -> Path:
        return self._folder / f"{attempt}.work.tar.gz"

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        with stored(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    @staticmethod
    def _read(path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
