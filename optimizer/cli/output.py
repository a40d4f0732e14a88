"""How commands answer: a table or sentences for people, one JSON envelope for programs."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

from optimizer.cli.manner import NOW, ROWS_ONLY, Format, on_terminal, preset
from traces.errors import ConfigError, RatchetError, UsageError

SCHEMA_VERSION = 1
WIDEST = 100
"""Sentences are wrapped to the terminal, but never wider than this; pipes get this width."""
CELL_CHARS = 160
"""Cells of a table are cut to the terminal's width, or to this when piped; JSON holds the whole text."""
LEAST_CELL = 16
"""Columns are narrowed to this width, and no further."""
GAP = 2

Json = Mapping[str, Any]  # Any: JSON
Colour = Literal["green", "yellow", "red", "dim", "bold"]
_CODES: Final[dict[str, str]] = {"green": "32", "yellow": "33", "red": "31", "dim": "2", "bold": "1"}


class UnwritableError(UsageError):
    """Say that the answer cannot be written where stdout goes."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"cannot write the answer: {error.strerror}", hint="look at where stdout goes")


def escape(text: str) -> str:
    """Make text written by agents or tasks safe for a terminal: control characters become visible."""
    from traces.render import escape as visible

    return visible(text)


def one_line(text: str) -> str:
    """Make such text fit one line."""
    return escape(" ".join(text.split()))


def clip(text: str, width: int) -> str:
    """Cut one line to a width, saying so with `...`."""
    return text if len(text) <= width else f"{text[: max(width - 3, 0)]}..."


def width() -> int:
    """Give the columns that sentences may fill."""
    return max(min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST), 40)


def wrap(text: str, indent: str = "", columns: int | None = None) -> str:
    """Break a sentence into lines of the terminal's width (or `columns`), each with `indent` before it."""
    filled = textwrap.wrap(
        text, columns or width(), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    return "\n".join(filled)


def coloured(stream: TextIO) -> bool:
    """Say whether colours fit a stream: a terminal that is not dumb, and nobody said no."""
    plain = NOW.no_colour or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return on_terminal(stream) and not plain


def paint(text: str, colour: Colour) -> str:
    """Colour text for stdout where colours fit it."""
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if coloured(sys.stdout) else text


def say(text: str = "") -> None:
    """Write a result line to stdout.

    Raises:
        UnwritableError: It takes no more, as on a full disk.
    """
    try:
        sys.stdout.write(f"{text}\n")
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnwritableError(error) from None


def tell(text: str) -> None:
    """Write anything that is not the result to stderr, unless nothing else is wanted."""
    if not NOW.quiet:
        complain(text)


def complain(text: str) -> None:
    """Write an error to stderr; a night does not end because nobody reads it any more."""
    with suppress(BrokenPipeError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def write_json(data: Json, *, compact: Sequence[str] = ()) -> None:
    """Write the envelope: schema version, time, data.

    Args:
        data: The answer.
        compact: Its keys that `--compact` leaves, all when none is named.
    """
    kept = {key: data[key] for key in compact} if NOW.compact and compact else data
    envelope = {"schema_version": SCHEMA_VERSION, "as_of": datetime.now(UTC).isoformat(), "data": kept}
    say(json.dumps(envelope, indent=None if NOW.compact else 2, default=str))


def write_error(error: RatchetError, code: int, command: str) -> None:
    """Write the JSON form of an error to stdout."""
    fields: dict[str, Any] = {"code": int(code), **_told(error), "command": command}  # Any: JSON
    if error.more:
        fields["problems"] = [_told(each) for each in error.all]
    say(json.dumps({"error": fields}, indent=2, default=str))


def _told(error: RatchetError) -> dict[str, Any]:  # Any: JSON
    """Say what is wrong and how to mend it; of a file also where, and what may stand there."""
    words: dict[str, Any] = {"message": error.message, "field": getattr(error, "key", ""), "hint": error.hint}
    if not isinstance(error, ConfigError):
        return {**words, "field": ""}
    if error.place is not None:
        words |= {"file": error.place.path, "line": error.place.line, "column": error.place.column}
    return {**words, "allowed": list(error.allowed)} if error.allowed else words


def write_rows(
    columns: Sequence[str],
    rows: Sequence[Json],
    *,
    limit: int,
    as_json: bool,
    narrow: str,
    compact: Sequence[str] = (),
    total: int | None = None,
    more: bool = False,
) -> None:
    """Write at most `limit` rows and say how to narrow the list when more there are.

    Args:
        columns: The columns of the table.
        rows: All rows, or the first of them when `total` is given; JSON holds all their keys.
        limit: Rows shown at most; 0 for all.
        as_json: Answer for a program: in JSON, or in the lines that `--format` names.
        narrow: What narrows the list, such as `--task KEY or --limit`.
        compact: The columns that `--compact` or a narrow terminal leaves, all when none is named.
        total: How many rows there are.
        more: There are more rows than these, and nobody counted them.
    """
    shown = rows[:limit] if limit > 0 else rows
    whole = None if more else len(rows) if total is None else total
    truncated = whole is None or len(shown) < whole
    named = NOW.format or preset()
    if as_json and NOW.compact and compact:
        shown = [{key: row.get(key) for key in compact} for row in shown]
    if as_json and named not in ROWS_ONLY:
        write_json({"rows": shown, "total": whole, "truncated": truncated, "next": narrow if truncated else None})
        return
    if as_json:
        (_write_lines if named is Format.JSONL else _write_csv)(shown)
    else:
        columns = _fitting(columns, shown, compact)
        write_table(columns, [[row.get(column) for column in columns] for row in shown])
    if truncated:
        tell(f"showing {len(shown):,} of {'more' if whole is None else f'{whole:,}'}; add {narrow}")


def _write_lines(rows: Sequence[Json]) -> None:
    for row in rows:
        say(json.dumps(row, default=str))


def _write_csv(rows: Sequence[Json]) -> None:
    import csv
    from io import StringIO

    if rows:
        text = StringIO()
        writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _plain(value) for key, value in row.items()} for row in rows)
        say(text.getvalue().removesuffix("\n"))


def _plain(value: object) -> object:
    """Write what is no plain value as JSON; csv leaves None empty."""
    return json.dumps(value, default=str) if isinstance(value, (dict, list, tuple)) else value


def _fitting(columns: Sequence[str], rows: Sequence[Json], compact: Sequence[str]) -> Sequence[str]:
    """Leave the columns of `--compact`; on a narrow terminal leave out the last of the others until it fits."""
    if NOW.compact and compact:
        return compact
    room, left = _room(), list(columns)
    widths = {name: _width(name, (_cell(row.get(name)) for row in rows)) for name in columns}
    spare = [name for name in columns if name not in compact] if compact else []
    while room is not None and spare and _least([widths[name] for name in left]) > room:
        left.remove(spare.pop())
    if len(left) < len(columns):
        tell(f"columns left out of a narrow terminal: {', '.join(name for name in columns if name not in left)}")
    return left


def write_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write an aligned table, every cell made safe: cut where it is too long, the last one of a line wrapped.

    In a pipe every row is one line. On a terminal that is too narrow for a table, each row becomes a few lines.
    """
    cells = [[one_line(_cell(value)) for value in row] for row in rows]
    room = _room()
    if room is not None and _least(_widths(columns, cells)) > room:
        _write_blocks(columns, cells)
        return
    widths = _narrowed(_widths(columns, cells), room)
    for line in [list(columns), *cells]:
        for part in _laid(line, widths, wrapped=room is not None):
            say(part.rstrip())
    whole = widths if room is None else widths[:-1]
    if any(len(cell) > size for line in cells for cell, size in zip(line, whole, strict=False)):
        tell("long cells are cut; --json holds the whole text")


def _laid(line: Sequence[str], widths: Sequence[int], *, wrapped: bool) -> Iterator[str]:
    """Lay out one row; the rest of a long last cell stands below its beginning."""
    before = "".join(clip(cell, size).ljust(size + GAP) for cell, size in zip(line[:-1], widths, strict=False))
    last = textwrap.wrap(line[-1], widths[-1], break_on_hyphens=False) if wrapped else [clip(line[-1], widths[-1])]
    for number, text in enumerate(last or [""]):
        yield (" " * len(before) if number else before) + text


def _write_blocks(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    most = max(map(len, columns))
    for number, line in enumerate(cells):
        if number:
            say()
        for column, cell in zip(columns, line, strict=True):
            say(f"{column:<{most}}  {cell}".rstrip())


def _room() -> int | None:
    """Give the terminal's columns, None for a pipe, which takes any width."""
    return shutil.get_terminal_size().columns if on_terminal() else None


def _widths(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(columns, *cells, strict=True)]


def _width(column: str, cells: Iterable[str]) -> int:
    return max([len(column), *(len(one_line(cell)) for cell in cells)])


def _least(widths: Sequence[int]) -> int:
    """Add up how far a table can be narrowed; its first column, a name to be copied, stays whole."""
    return widths[0] + sum(min(size, LEAST_CELL) for size in widths[1:]) + GAP * (len(widths) - 1)


def _narrowed(widths: Sequence[int], room: int | None) -> list[int]:
    """Narrow the widest columns until a terminal holds the table; a pipe only loses very long cells."""
    fitted = [min(size, CELL_CHARS) for size in widths]
    if room is None:
        return fitted
    name, *others = fitted
    while name + sum(others) + GAP * len(others) > room and max(others, default=0) > LEAST_CELL:
        others[others.index(max(others))] -= 1
    return [name, *others]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value)


def points(share: float | None) -> str:
    """Write a difference of scores in percentage points."""
    return "unknown" if share is None else f"{100 * share:+.1f} points"
