"""Unified diffs, coloured line by line, within the room a page has for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from optimizer.ledger import CandidateRow
from optimizer.report.html.element import Child, Element, h
from optimizer.report.html.parts import plural
from optimizer.report.html.reading import Reading


@dataclass
class Diffs:
    """Hand out diffs until the page's room for them is used up."""

    room: int

    def block(self, reading: Reading, row: CandidateRow, *, open_below: int = 0) -> Element | None:
        """Show a candidate's change, folded unless it is shorter than `open_below` lines."""
        if reading.redacted:
            return h("p", "Its diff is left out of this page.", class_="note")
        text = reading.diff(row)
        if text is None:
            return h("p", "Its files cannot be read, so there is no diff to show.", class_="note")
        lines = text.splitlines()
        shown = self._fitting(reading, lines)
        self.room -= sum(len(line) for line in shown)
        hidden = len(lines) - len(shown)
        return h(
            "details",
            h("summary", f"Diff against {row.parent}: {counts(lines)}"),
            h("pre", [*coloured(shown)], class_="diff") if shown else None,
            _more(reading, row, hidden) if hidden else None,
            open=len(lines) <= open_below,
        )

    def _fitting(self, reading: Reading, lines: list[str]) -> list[str]:
        """Take the lines from the first on that fit; a single long line is cut rather than left out."""
        left = min(reading.caps.diff_chars, self.room)
        fitting: list[str] = []
        for line in lines[: reading.caps.diff_lines]:
            if left <= 0:
                break
            fitting.append(line[:left])
            left -= len(line)
        return fitting


def counts(lines: list[str]) -> str:
    """Count the files and lines of a unified difference."""
    files = sum(line.startswith(("+++ ", "Binary files ")) for line in lines)
    added = sum(line.startswith("+") and not line.startswith("+++ ") for line in lines)
    removed = sum(line.startswith("-") and not line.startswith("--- ") for line in lines)
    return f"{plural(files, 'file')}, +{added:,} -{removed:,} lines"


def coloured(lines: list[str]) -> Iterator[Child]:
    """Set each line of a unified difference in its colour."""
    for line in lines:
        yield h("span", f"{line}\n", class_=_style(line))


def _style(line: str) -> str | None:
    if line.startswith(("+++ ", "--- ", "Binary files ")):
        return "f"
    return {"+": "a", "-": "r", "@": "h", "\\": "h"}.get(line[:1])


def _more(reading: Reading, row: CandidateRow, hidden: int) -> Element:
    command = reading.command(reading.facts.folder.command("candidates diff", row.id))
    return h("p", f"{plural(hidden, 'line')} more: ", h("code", command), class_="note")
