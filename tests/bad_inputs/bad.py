"""A bad input: what is spoilt, what is asked, and the exit code and words that must come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .desk import Desk

Spoil = Callable[[Desk], None]
NIGHT = ("run", "night.yaml")
NAMED = (*NIGHT, "--run-id", "a")


def nothing(desk: Desk) -> None:
    """Spoil nothing: the words or the environment are wrong."""


@dataclass(frozen=True)
class Bad:
    """Hold one row; `run_file` rows are also asked of `config check` and `doctor`."""

    name: str
    says: tuple[str, ...]
    spoil: Spoil = nothing
    words: tuple[str, ...] = NIGHT
    code: int = 2
    env: Mapping[str, str] = field(default_factory=dict)
    needs_run: bool = False

    @property
    def of_run_file(self) -> bool:
        """Say whether the run file, or what it names, is what is wrong."""
        return self.words == NIGHT and "DOCKER_HOST" not in self.env


def swap(old: str, new: str, name: str = "night.yaml") -> Spoil:
    """Replace text of a file."""
    return lambda desk: desk.edit(name, old, new)


def hold(name: str, content: str | bytes) -> Spoil:
    """Give a file other content."""
    return lambda desk: desk.write(name, content)


def one_by_one(*spoils: Spoil) -> Spoil:
    """Spoil several things."""

    def put(desk: Desk) -> None:
        for spoil in spoils:
            spoil(desk)

    return put


def lose(name: str) -> Spoil:
    """Remove a file or folder."""
    return lambda desk: desk.remove(name)


def folder_at(name: str) -> Spoil:
    """Put a folder where a file should be."""

    def put(desk: Desk) -> None:
        desk.remove(name)
        (desk.root / name).mkdir()

    return put


def link_at(name: str, target: str) -> Spoil:
    """Put a link somewhere."""

    def put(desk: Desk) -> None:
        if (desk.root / name).exists():
            desk.remove(name)
        (desk.root / name).symlink_to(target)

    return put
