"""Pieces that many sections of the page are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from optimizer.facts import Coverage
from optimizer.report.html.element import Child, Element, h
from optimizer.report.text import percent

NOT_MEASURED = "not measured"
LONG_CELL = 40
FEW_ROWS = 12
NUMERIC = frozenset(
    {"test", "level", "looks", "runs a task", "difference", "p", "attempts", "tokens", "spend", "iteration"}
)


def section(name: str, title: str, *children: Child) -> Element:
    """Make a section that the page's head can lead to."""
    return h("section", h("h2", title), *children, id=name)


def grid(columns: Sequence[str], rows: Iterable[Sequence[Child]], *, total: bool = False, wide: bool = True) -> Element:
    """Make a table that can be sorted and scrolls by itself when it is too wide; an empty cell reads `-`."""
    heads = [h("th", name, scope="col", data_sort="number" if name in NUMERIC else "text") for name in columns]
    lines = [[*row] for row in rows]
    last = len(lines) - 1 if total else None
    body = [
        h("tr", [_cell(cell) for cell in row],
          class_="total" if at == last else None)
        for at, row in enumerate(lines)
    ]  # fmt: skip
    table = h("table", h("thead", h("tr", heads)), h("tbody", body), class_="wide" if wide else None)
    return h("div", table, class_="scroll", tabindex="0")


def folded(rows: Sequence[object], table: Element) -> Element:
    """Fold a table of many rows away under a line that counts them."""
    return h("details", h("summary", f"One by one ({len(rows)})"), table, open=len(rows) <= FEW_ROWS)


def _cell(cell: Child) -> Element:
    return h("td", cell or "-", class_="long" if isinstance(cell, str) and len(cell) > LONG_CELL else None)


def facts_list(pairs: Iterable[tuple[str, Child]]) -> Element:
    """Make a list of names with what they are; what is empty is left out."""
    return h("dl", [[h("dt", name), h("dd", what)] for name, what in pairs if what], class_="facts")


def bullet_list(lines: Iterable[str]) -> Element:
    """Make a list of sentences."""
    return h("ul", [h("li", prose(line)) for line in lines])


def prose(text: str) -> Child:
    """Set what stands between backticks as code; text with an odd one is left as it is."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return text
    return [h("code", part) if at % 2 else part for at, part in enumerate(parts)]


def badge(kind: str) -> Element:
    """Show a verdict as a word in a frame: filled for a keep, so that no colour is needed."""
    return h("span", kind, class_=f"badge {kind}")


def score(share: float | None, coverage: Coverage) -> str:
    """Write a score with what it rests on."""
    return NOT_MEASURED if share is None else f"{percent(share)} ({coverage})"


def plural(count: int, word: str) -> str:
    """Write a count with its word."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
