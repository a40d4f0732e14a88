"""Reads `answer_position`: comma-separated ranges whose quoting follows no rule."""

from __future__ import annotations

import re
from typing import NamedTuple

from benchmarks.spreadsheetbench.verifier.archive import WorkbookError
from benchmarks.spreadsheetbench.verifier.sheet import MAX_ROW, place_of
from benchmarks.spreadsheetbench.verifier.workbook import Box

MAX_CELLS = 200_000
QUOTES = "'\"‘’“”`"
_TYPOS = str.maketrans({"：": ":", "！": "!", "，": ",", "\u00a0": " ", "$": ""})
_RANGE = re.compile(r"([A-Za-z]{1,3})(\d{0,7})(?::([A-Za-z]{1,3})(\d{0,7}))?$")


class Range(NamedTuple):
    """Name cells of one sheet; without a sheet's name the first one of the answer is meant."""

    sheet: str | None
    box: Box

    def __str__(self) -> str:
        """Write the range as a person would: `Sheet!A1:B9`."""
        from benchmarks.spreadsheetbench.verifier.sheet import name_of

        first, last = name_of(*self.box[:2]), name_of(*self.box[2:])
        cells = first if first == last else f"{first}:{last}"
        return f"{self.sheet}!{cells}" if self.sheet else cells


def parse_ranges(text: str) -> tuple[Range, ...]:
    """Read all ranges of an answer position.

    Quotes are stripped from both halves of each range, and full-width signs, no-break spaces and
    blanks around commas are forgiven: with them the published grader cannot grade at all.

    Raises:
        ValueError: A part is not a range of cells, or the ranges are huge.
    """
    found = tuple(_parse(part) for part in _split(text.translate(_TYPOS)) if part.strip(f" {QUOTES}"))
    if not found:
        raise ValueError("names no cells")
    if sum(_size(one.box) for one in found) > MAX_CELLS:
        raise ValueError(f"names more than {MAX_CELLS} cells")
    return found


def _split(text: str) -> list[str]:
    """Split at commas, but not at those inside a sheet's name."""
    parts: list[str] = []
    held = ""
    for part in text.split(","):
        held = f"{held},{part}" if held else part
        cells = held.rpartition("!")[2].strip(f" {QUOTES}")
        if _RANGE.match(cells):
            parts.append(held)
            held = ""
    return [*parts, held] if held else parts


def _parse(part: str) -> Range:
    sheet, _, cells = part.rpartition("!")
    match = _RANGE.match(cells.strip(f" {QUOTES}"))
    if match is None or (not match[2] and (match[3] is None or match[4])):
        raise ValueError(f"{part.strip()!r} is not a range of cells")
    if not match[2]:
        raise ValueError(f"{part.strip()!r} names whole columns, which has no end to compare")
    try:
        first = place_of(match[1] + match[2])
        last = place_of(match[3] + (match[4] or str(MAX_ROW))) if match[3] else first
    except WorkbookError as problem:
        raise ValueError(str(problem)) from None
    if last[0] < first[0] or last[1] < first[1]:
        raise ValueError(f"{part.strip()!r} ends before it begins")
    return Range(sheet.strip(f" {QUOTES}") or None, (*first, *last))


def _size(box: Box) -> int:
    return (box[2] - box[0] + 1) * (box[3] - box[1] + 1)
