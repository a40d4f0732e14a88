"""A difference between two harnesses as lines to look at: hunks, pairs of lines, counts, kinds of file."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.patch import FileChange, diff

Kind = Literal["same", "removed", "added"]
CONTEXT = 3
MODE, PROGRAM_MODE = "100644", "100755"


class Line(NamedTuple):
    """Hold one line of a hunk, without its end; `old` and `new` are its numbers in the two files."""

    kind: Kind
    old: int | None
    new: int | None
    text: str
    ended: bool = True


class Pair(NamedTuple):
    """Set a line of the old file beside one of the new; None where a side has none."""

    old: Line | None
    new: Line | None


@dataclass(frozen=True, slots=True)
class Hunk:
    """Hold a stretch of changed lines with some unchanged ones around it."""

    lines: tuple[Line, ...]

    @property
    def header(self) -> str:
        """Say where it stands, as unified diffs do."""
        return f"@@ -{_span([line.old for line in self.lines])} +{_span([line.new for line in self.lines])} @@"

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Set old and new beside each other; what was replaced stands beside what replaced it."""
        return tuple(_pairs(self.lines))


@dataclass(frozen=True, slots=True)
class FileDiff:
    """Hold one changed file; one that is not text has no hunks and counts no lines.

    Modes are those git would give: a file that begins with `#!` is a program. None: no such file.
    """

    path: str
    status: Literal["added", "removed", "changed"]
    binary: bool
    old_mode: str | None
    new_mode: str | None
    old_bytes: int
    new_bytes: int
    hunks: tuple[Hunk, ...]

    @property
    def added(self) -> int:
        """Count the lines only the new file has."""
        return sum(line.kind == "added" for hunk in self.hunks for line in hunk.lines)

    @property
    def removed(self) -> int:
        """Count the lines only the old file has."""
        return sum(line.kind == "removed" for hunk in self.hunks for line in hunk.lines)

    @property
    def mode_changed(self) -> bool:
        """Say whether a file became a program, or stopped being one."""
        return self.status == "changed" and self.old_mode != self.new_mode

    @property
    def program(self) -> bool:
        """Say whether the new file is a program."""
        return self.new_mode == PROGRAM_MODE


def file_diffs(parent: HarnessBundle, child: HarnessBundle, *, context: int | None = CONTEXT) -> tuple[FileDiff, ...]:
    """Compare two harnesses file by file.

    Args:
        parent: The old one.
        child: The new one.
        context: Unchanged lines around each change; None for whole files.
    """
    return tuple(_file_diff(change, context) for change in diff(parent, child).changes)


def _file_diff(change: FileChange, context: int | None) -> FileDiff:
    old, new = _lines(change.old), _lines(change.new)
    hunks = () if old is None or new is None else tuple(_hunks(old, new, context))
    return FileDiff(
        path=change.path,
        status="added" if change.old is None else "removed" if change.new is None else "changed",
        binary=old is None or new is None,
        old_mode=_mode(change.old),
        new_mode=_mode(change.new),
        old_bytes=len(change.old or b""),
        new_bytes=len(change.new or b""),
        hunks=hunks,
    )


def _lines(content: bytes | None) -> list[str] | None:
    """Split a file into lines with their ends, or give None when it is not text."""
    try:
        text = (content or b"").decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else list(io.StringIO(text))


def _mode(content: bytes | None) -> str | None:
    if content is None:
        return None
    return PROGRAM_MODE if content.startswith(b"#!") else MODE


def _hunks(old: Sequence[str], new: Sequence[str], context: int | None) -> Iterator[Hunk]:
    around = max(len(old), len(new), 1) if context is None else context
    for group in difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(around):
        yield Hunk(tuple(_changed(old, new, group)))


def _changed(old: Sequence[str], new: Sequence[str], group: Sequence[tuple[str, int, int, int, int]]) -> Iterator[Line]:
    for tag, old_from, old_to, new_from, new_to in group:
        if tag == "equal":
            for offset in range(old_to - old_from):
                yield _line("same", old_from + offset + 1, new_from + offset + 1, old[old_from + offset])
            continue
        yield from (_line("removed", at + 1, None, old[at]) for at in range(old_from, old_to))
        yield from (_line("added", None, at + 1, new[at]) for at in range(new_from, new_to))


def _line(kind: Kind, old: int | None, new: int | None, text: str) -> Line:
    return Line(kind, old, new, text.removesuffix("\n"), text.endswith("\n"))


def _pairs(lines: Sequence[Line]) -> Iterator[Pair]:
    gone: list[Line] = []
    come: list[Line] = []
    for line in lines:
        if line.kind == "same" or (line.kind == "removed" and come):
            yield from _beside(gone, come)
            gone, come = [], []
        if line.kind == "same":
            yield Pair(line, line)
        else:
            (gone if line.kind == "removed" else come).append(line)
    yield from _beside(gone, come)


def _beside(gone: Sequence[Line], come: Sequence[Line]) -> Iterator[Pair]:
    for at in range(max(len(gone), len(come))):
        yield Pair(gone[at] if at < len(gone) else None, come[at] if at < len(come) else None)


def _span(numbers: Sequence[int | None]) -> str:
    """Word a side of a hunk as unified diffs do: first line and count, a count of 1 left out."""
    known = [number for number in numbers if number is not None]
    if not known:
        return "0,0"
    return f"{known[0]}" if len(known) == 1 else f"{known[0]},{len(known)}"
