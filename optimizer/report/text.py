"""Puts text that agents and tasks wrote into Markdown, where none of it can act as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from traces.render import escape

CELL_CHARS = 200
_ACTIVE = re.compile(r"[\\`*\[\]<>|#~$&]|(?<![^\W_])_|_(?![^\W_])|(?<=:)//|(?<=www)\.|@")


def one_line(text: str, limit: int = CELL_CHARS) -> str:
    """Make text fit one line of a terminal: control characters visible, white space single, cut with `...`."""
    line = escape(" ".join(text.split()))
    return line if len(line) <= limit else f"{line[: max(limit - 3, 0)]}..."


def inline(text: str, limit: int = CELL_CHARS) -> str:
    """Make text stand for itself inside a line of Markdown, in a table cell too."""
    return _ACTIVE.sub(lambda match: f"\\{match[0]}", one_line(text, limit))


def code(text: str, limit: int = CELL_CHARS) -> str:
    """Set text as a code span, in a table cell too; a back-tick in it becomes an apostrophe."""
    safe = one_line(text, limit).replace("`", "'").replace("|", "\\|")
    return f"`{safe}`" if safe else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table; its cells are Markdown already. An empty cell reads `-`."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cell or '-' for cell in line)} |" for line in lines)


def bullets(lines: Iterable[str], limit: int = 600) -> str:
    """Write plain sentences as a Markdown list."""
    return "\n".join(f"- {inline(line, limit)}" for line in lines)


def percent(share: float | None) -> str:
    """Write a score; an unknown one is `-`, never 0."""
    return "-" if share is None else f"{100 * share:.1f}%"


def points(share: float | None) -> str:
    """Write a difference of scores in percentage points; an unknown one is `-`."""
    return "-" if share is None else f"{100 * share:+.1f}"
