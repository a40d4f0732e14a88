"""A difference between two harnesses as a terminal shows it: unified, side by side, or counted."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import zip_longest
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Final

from optimizer.cli.manner import on_terminal
from optimizer.cli.output import Colour, clip, escape, paint, say, tell

if TYPE_CHECKING:  # the command line reads the styles at every start
    from optimizer.facts import Facts
    from task_agent.harness import HarnessBundle
    from task_agent.harness.hunks import FileDiff, Hunk, Line

ROOMY = 120
"""From this many columns on a terminal, a difference is shown side by side unless asked otherwise."""
MOST_LINES = 200
MOST_CHARS = 2000
TAB = 4
_SIGNS: Final = {"same": " ", "removed": "-", "added": "+"}
_COLOURS: Final[dict[str, Colour]] = {"removed": "red", "added": "green"}


class Style(StrEnum):
    """Name the ways a difference is shown."""

    AUTO = "auto"
    UNIFIED = "unified"
    SIDE_BY_SIDE = "side-by-side"
    STAT = "stat"


def write_difference(
    facts: Facts,
    data: Mapping[str, Any],  # Any: JSON
    other: str,
    files: Sequence[FileDiff],
    *,
    style: Style,
    full: bool,
) -> None:
    """Write what a candidate changes of `other`; all of it only if `full`."""
    from optimizer.cli.candidate_page import where

    columns = get_terminal_size((ROOMY, 24)).columns
    if not files:
        say(f"no difference from {other}")
        return
    say(paint(f"changes from {other}", "bold"))
    lines = list(drawn(files, chosen(style, columns, terminal=on_terminal()), columns, full=full))
    shown = lines if full else lines[:MOST_LINES]
    for line in shown:
        say(line)
    if len(shown) < len(lines):
        run, candidate = facts.folder.id, data["candidate"]
        more = f"ratchet candidates diff {run} {candidate} --against {other}{where(facts)}"
        tell(f"showing {len(shown)} of {len(lines):,} lines; all: {more} --full, counts: {more} --style stat")


def record(files: Sequence[FileDiff], before: HarnessBundle, after: HarnessBundle) -> dict[str, Any]:  # Any: JSON
    """Give a difference as JSON: counts, files with their hunks, and the unified text."""
    from task_agent.harness import unified

    added, removed = sum(file.added for file in files), sum(file.removed for file in files)
    return {
        "stat": {"files": len(files), "added": added, "removed": removed},
        "files": [_file_record(file) for file in files],
        "unified": unified(before, after),
    }


def _file_record(file: FileDiff) -> dict[str, Any]:  # Any: JSON
    names = ("path", "status", "binary", "old_mode", "new_mode", "old_bytes", "new_bytes", "added", "removed")
    hunks = [{"header": hunk.header, "lines": [line._asdict() for line in hunk.lines]} for hunk in file.hunks]
    return {**{name: getattr(file, name) for name in names}, "hunks": hunks}


def chosen(style: Style, columns: int, *, terminal: bool) -> Style:
    """Choose for `auto`: side by side where a terminal is roomy, else unified."""
    if style is not Style.AUTO:
        return style
    return Style.SIDE_BY_SIDE if terminal and columns > ROOMY else Style.UNIFIED


def drawn(files: Sequence[FileDiff], style: Style, columns: int, *, full: bool) -> Iterator[str]:
    """Give the lines of a difference; long lines of text are cut unless `full`."""
    if style is Style.STAT:
        yield from stat(files, columns)
        return
    for number, file in enumerate(files):
        if number:
            yield ""
        yield from (_side_by_side if style is Style.SIDE_BY_SIDE else _unified)(file, columns, full)


def stat(files: Sequence[FileDiff], columns: int) -> Iterator[str]:
    """Count each file's new and lost lines, with a bar, and all of them together."""
    name = min(max((len(file.path) for file in files), default=0), max(columns - 40, 20))
    most = max((file.added + file.removed for file in files), default=0)
    digits = len(str(most))
    room = max(min(columns - name - 2 * digits - 24, 40), 8)
    for file in files:
        counts = f"{f'+{file.added}':>{digits + 1}} {f'-{file.removed}':>{digits + 1}}"
        scale = min(1.0, room / most) if most else 0.0
        plus, minus = (round(n * scale) or int(n > 0) for n in (file.added, file.removed))
        bar = _tinted("+" * plus, "added") + _tinted("-" * minus, "removed")
        kind = "" if file.status == "changed" else f"{file.status} file"
        notes = ", ".join(part for part in (kind, *_notes(file)) if part)
        shown = "not text".rjust(2 * digits + 3) if file.binary else counts
        yield "  ".join(part for part in (clip(file.path, name).ljust(name), shown, bar, notes) if part).rstrip()
    added, removed = (sum(counts) for counts in ([f.added for f in files], [f.removed for f in files]))
    yield f"{len(files)} file{'' if len(files) == 1 else 's'}, +{added} -{removed} lines"


def _notes(file: FileDiff) -> Iterator[str]:
    if file.mode_changed:
        yield f"mode {file.old_mode} -> {file.new_mode}"
    elif file.status == "added" and file.program:
        yield f"mode {file.new_mode}"
    if file.binary:
        yield f"not text: {file.old_bytes:,} -> {file.new_bytes:,} bytes"
    elif not file.hunks:
        yield "an empty file"


def _unified(file: FileDiff, columns: int, full: bool) -> Iterator[str]:
    old = "/dev/null" if file.status == "added" else f"a/{file.path}"
    new = "/dev/null" if file.status == "removed" else f"b/{file.path}"
    if file.mode_changed:
        yield paint(f"old mode {file.old_mode}", "bold")
        yield paint(f"new mode {file.new_mode}", "bold")
    elif file.status == "added" and file.program:
        yield paint(f"new file mode {file.new_mode}", "bold")
    if file.binary:
        yield paint(f"{old} and {new} differ: not text, {file.old_bytes:,} -> {file.new_bytes:,} bytes", "bold")
        return
    yield paint(f"--- {old}", "bold")
    yield paint(f"+++ {new}", "bold")
    for hunk in file.hunks:
        yield paint(hunk.header, "dim")
        for line in hunk.lines:
            yield _tinted(f"{_SIGNS[line.kind]}{_text(line, full)}", line.kind)
            if not line.ended:
                yield paint("\\ No newline at end of file", "dim")


def _side_by_side(file: FileDiff, columns: int, full: bool) -> Iterator[str]:
    kind = "" if file.status == "changed" else f"  {file.status} file"
    notes = "".join(f", {note}" for note in _notes(file))
    yield paint(f"{file.path}{kind}  +{file.added} -{file.removed}{notes}", "bold")
    digits = len(str(max((n or 0 for h in file.hunks for line in h.lines for n in (line.old, line.new)), default=0)))
    half = max((columns - 3) // 2, digits + 12)
    for hunk in file.hunks:
        yield paint(hunk.header, "dim")
        yield from (
            _beside(hunk, digits, half, full) if file.status == "changed" else _alone(hunk, digits, columns, full)
        )


def _alone(hunk: Hunk, digits: int, columns: int, full: bool) -> Iterator[str]:
    """Give a file that came or went the whole width: there is nothing beside it."""
    for line in hunk.lines:
        number = line.new if line.old is None else line.old
        yield from (_tinted(row, line.kind) for row in _column(line, number, digits, columns, full))


def _beside(hunk: Hunk, digits: int, half: int, full: bool) -> Iterator[str]:
    for old, new in hunk.pairs:
        left = _column(old, old.old if old else None, digits, half, full)
        right = _column(new, new.new if new else None, digits, half, full)
        for one, other in zip_longest(left, right, fillvalue=""):
            padded = one + " " * (half - _cells(one))
            told = f"{_tinted(padded, old.kind if old else '')} | {_tinted(other, new.kind if new else '')}"
            yield told if "\x1b" in told else told.rstrip()


def _column(line: Line | None, number: int | None, digits: int, half: int, full: bool) -> list[str]:
    """Lay one side of a line out: its number and sign, then its text over as many rows as it needs."""
    if line is None:
        return []
    rows = _folded(_text(line, full).expandtabs(TAB), half - digits - 3)
    heads = [f"{number:>{digits}} {_SIGNS[line.kind]} ", *[" " * (digits + 3)] * (len(rows) - 1)]
    return [head + row for head, row in zip(heads, rows, strict=True)]


def _folded(text: str, room: int) -> list[str]:
    """Break a line into rows of a width, at words where that works; no character but a space between is lost."""
    if _cells(text) <= room:
        return [text]
    if _cells(text) == len(text):
        first, *rest = textwrap.wrap(
            text, room, drop_whitespace=False, replace_whitespace=False, expand_tabs=False, break_on_hyphens=False
        )
        return [first, *(row.removeprefix(" ") for row in rest)]
    from rich.cells import chop_cells

    return chop_cells(text, room)


def _cells(text: str) -> int:
    """Count the columns a text takes: letters of some scripts take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _text(line: Line, full: bool) -> str:
    text = escape(line.text)
    return text if full or len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}... ({len(text):,} characters; --full)"


def _tinted(text: str, kind: str) -> str:
    colour = _COLOURS.get(kind)
    return paint(text, colour) if colour and text else text
