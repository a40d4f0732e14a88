"""How much an attempt's files take on the disk of the host, looked at from time to time: no limit holds their sum.

A look counts what files occupy, a file with several names once. It cannot see files that are deleted and still
open, nor what lies in a folder that was shut to us.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

INTERVAL_S = 0.5
"""Seconds between two looks, at least; a look that takes long is followed by a longer pause."""
SHARE = 20
_MOST_DEPTH = 200
_BLOCK = 512
_CLUSTER = 4096
_DIR = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def occupied(size: int) -> int:
    """Give what a file of so many bytes takes on a disk."""
    return -(-size // _CLUSTER) * _CLUSTER


def is_over(folders: Sequence[Path], limit_bytes: int) -> bool:
    """Say whether the files below `folders` take more than the limit, or nest too deep to be counted."""
    look = _Look(limit_bytes)
    return any(look.is_over_at(None, str(folder), _MOST_DEPTH) for folder in folders)


class _Look:
    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes
        self._seen: set[int] = set()

    def is_over_at(self, parent: int | None, name: str, depth: int) -> bool:
        try:
            fd = os.open(name, _DIR, dir_fd=parent)
        except OSError:  # it is gone, or shut
            return False
        try:
            return not depth or self._is_over_below(fd, depth)
        finally:
            os.close(fd)

    def _is_over_below(self, folder: int, depth: int) -> bool:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    state = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                self._count(state)
                if self._left < 0:
                    return True
                if stat.S_ISDIR(state.st_mode) and self.is_over_at(folder, entry.name, depth - 1):
                    return True
        return False

    def _count(self, state: os.stat_result) -> None:
        if state.st_ino in self._seen:
            return
        if state.st_nlink > 1 and not stat.S_ISDIR(state.st_mode):
            self._seen.add(state.st_ino)
        self._left -= state.st_blocks * _BLOCK
