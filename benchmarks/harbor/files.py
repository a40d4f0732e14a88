"""Folders as mappings from relative path to bytes, read only when asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.errors import SuiteError
from task_agent.sandbox.base import Program
from traces.errors import Place


class FolderFiles(Mapping[str, bytes]):
    """Read the regular files below a folder, one at a time and only when asked; of their modes, that they are programs.

    Raises:
        SuiteError: There is a link or another special file below it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = tuple(sorted(_names(folder))) if folder.is_dir() else ()
        self._known = frozenset(self._names)

    def __getitem__(self, name: str) -> bytes:
        if name not in self._known:
            raise KeyError(name)
        path = self._folder / name
        content = path.read_bytes()
        return Program(content) if path.stat().st_mode & 0o111 and not content.startswith(b"#!") else content

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __repr__(self) -> str:
        return f"FolderFiles({str(self._folder)!r}, {len(self)} files)"


class RenamedFiles(Mapping[str, bytes]):
    """Show some files of another mapping under other names."""

    def __init__(self, source: Mapping[str, bytes], names: Mapping[str, str]) -> None:
        self._source = source
        self._names = dict(sorted(names.items()))

    def __getitem__(self, name: str) -> bytes:
        return self._source[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


def read_text(path: Path) -> str:
    """Read a file that a task must have.

    Raises:
        SuiteError: It is missing, or is not text.
    """
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        raise SuiteError("is missing, so this folder is not a task in Harbor's format", place=Place(path)) from None
    except OSError as problem:
        raise SuiteError(f"cannot be read: {problem.strerror}", place=Place(path)) from None
    except UnicodeDecodeError as problem:
        raise SuiteError(f"is not UTF-8 text: {problem}", place=Place(path)) from problem


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise SuiteError("links and special files are not supported in a task", place=Place(path))
        if path.is_file():
            yield path.relative_to(folder).as_posix()


class JoinedFiles(Mapping[str, bytes]):
    """Lay one mapping over another; where both have a name, the upper one counts."""

    def __init__(self, lower: Mapping[str, bytes], upper: Mapping[str, bytes]) -> None:
        self._lower = lower
        self._upper = upper
        self._names = tuple(sorted({*lower, *upper}))

    def __getitem__(self, name: str) -> bytes:
        return self._upper[name] if name in self._upper else self._lower[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
