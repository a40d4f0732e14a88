"""The ground that measurements stand on: what grades, the suite's files, the splits, the run's own files.

Content hashes say whether it is what it was; a file is read again only when its size, times or place changed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

from benchmarks.errors import SuiteError
from benchmarks.registry import SuiteRegistry
from benchmarks.splits import Splits
from benchmarks.suite import stands_on
from optimizer.run_folder import RunFolder
from traces.errors import UsageError

GRADING = ("benchmarks", "optimizer", "task_agent", "traces")
"""Packages whose files make attempts, grade them and decide."""
SHOWING = ("optimizer/cli", "optimizer/report", "optimizer/export", "optimizer/compare", "optimizer/jobs")
"""Parts of them that only show what was decided, or are not part of a night."""
NAMED = 5

Digests = Mapping[str, str]
"""Name of a file, as a person knows it -> hash of its content."""
_Stamp = tuple[int, int, int, int]


class GroundMovedError(UsageError):
    """Say that something that measurements stand on is no longer what it was."""


class Ground:
    """Remember what a run's measurements stand on, from the first look on."""

    def __init__(self) -> None:
        self._first: Digests | None = None
        self._places: Sequence[Path] | None = None
        self._journal = b""

    def moved(self, folder: RunFolder, suite: Mapping[str, object], registry: SplitsRecord) -> list[str]:
        """Name what differs from the first look: changed, gone or new files.

        Args:
            folder: The run's folder.
            suite: The run file's section.
            registry: What the suite registry must say.
        """
        if self._places is None:
            self._places = stands_on(suite, Path.cwd())
        seen = {**evaluator(), **suite_files(self._places), **run_files(folder)}
        first = self._first = self._first or seen
        differing = sorted(name for name in {*first, *seen} if first.get(name) != seen.get(name))
        return [*differing, *self._splits(registry)]

    def _splits(self, registry: SplitsRecord) -> list[str]:
        """Hold the registry's file against what it said: it may only grow, and deals this run its splits."""
        content = registry.content()
        grew = content.startswith(self._journal)
        self._journal = content if grew else self._journal
        return [] if grew and registry.deals() else [f"the split record {registry.name}"]


class SplitsRecord:
    """Read what the suite registry says of a run's splits."""

    def __init__(self, registry: SuiteRegistry, suite: str, run: str, splits: Splits) -> None:
        self.name = f"suites/{suite[:12]}.jsonl"
        self._registry = registry
        self._suite = suite
        self._run = run
        self._splits = splits

    def content(self) -> bytes:
        """Give the record's whole lines."""
        return self._registry.content(self._suite)

    def deals(self) -> bool:
        """Say whether the record still deals the run the splits it works on."""
        try:
            found = self._registry.record(self._suite, self._run)
        except (SuiteError, KeyError):
            return False
        return found is not None and found.splits.hash == self._splits.hash


def evaluator() -> Digests:
    """Hash the installed packages' files that make, grade and decide."""
    found: dict[str, str] = {}
    for package in GRADING:
        root = str(resources.files(package))
        found |= {package + path[len(root) :]: digest for path, digest in _tree(root).digests().items()}
    return {name: digest for name, digest in found.items() if not name.startswith(SHOWING)}


def evaluator_hash() -> str:
    """Hash all of them into one, for a run's lock."""
    lines = (f"{name}\0{digest}" for name, digest in sorted(evaluator().items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def suite_files(places: Sequence[Path]) -> Digests:
    """Hash the files at the places a suite stands on; each is named as seen from the folder of the first."""
    found: dict[str, str] = {}
    for place in map(str, places):
        name = os.path.relpath(place, places[0].parent)
        found |= {f"suite: {name}{path[len(place) :]}": digest for path, digest in _tree(place).digests().items()}
    return found


def run_files(folder: RunFolder) -> Digests:
    """Hash the run's own files that nothing may change: its settings and its lock."""
    return {path.name: _digest(str(path), _stamp(str(path))) for path in (folder.config, folder.lock)}


class _Tree:
    """Hash the files below a folder; names are read again only where a folder changed, files only where they did."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._folders: dict[str, _Stamp | None] = {}
        self._files: list[str] = []
        self._stamps: list[_Stamp | None] = []
        self._digests: dict[str, str] = {}

    def digests(self) -> Digests:
        """Give path -> hash of content."""
        if not self._folders or any(_stamp(folder) != was for folder, was in self._folders.items()):
            self._look_around()
        stamps = [_stamp(path) for path in self._files]
        if stamps != self._stamps or len(self._digests) != len(stamps):
            pairs = zip(self._files, stamps, strict=True)
            self._stamps, self._digests = stamps, {path: _digest(path, stamp) for path, stamp in pairs}
        return self._digests

    def _look_around(self) -> None:
        self._folders, self._files, self._stamps = {self._root: _stamp(self._root)}, [], []
        if Path(self._root).is_file():
            self._files = [self._root]
            return
        for folder, folders, names in os.walk(self._root, onerror=_told):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            self._folders[folder] = _stamp(folder)
            self._files += [f"{folder}/{name}" for name in sorted(names)]


@lru_cache(maxsize=10_000)
def _tree(root: str) -> _Tree:
    return _Tree(root)


def _told(error: OSError) -> None:
    """Raise what `os.walk` would pass over: a folder that cannot be read is not an empty one."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _stamp(path: str) -> _Stamp | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of files at every step
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


@lru_cache(maxsize=100_000)
def _digest(path: str, stamp: _Stamp | None) -> str:
    """Hash a file's content; `stamp` is part of the key, since other content has another one."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest() if stamp is not None else "gone"
    except (FileNotFoundError, NotADirectoryError):
        return "gone"  # any other fault is the disk's or the process's, and no evidence of a change
