"""Amounts as bars; an unknown amount has no bar, only its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from optimizer.report.html.element import Child, Element, h


class Bar(NamedTuple):
    """Name one amount; `words` say how much it is, `note` what it is made of."""

    label: str
    amount: float | None
    words: str
    note: str = ""


def bars(rows: Sequence[Bar]) -> Element:
    """Draw amounts one under the other."""
    most = max((row.amount for row in rows if row.amount), default=0.0)
    drawn: list[Child] = []
    for row in rows:
        width = 100 * row.amount / most if most and row.amount else 0.0
        bar = h("rect", x=0, y=3, width=f"{width:.2f}%", height=14, rx=2) if width else None
        drawn.append(h("div", row.label, " ", h("span", row.note, class_="quiet") if row.note else None))
        drawn.append(h("div", row.words, class_="amount"))
        drawn.append(h("svg", bar, role="img", aria_label=f"{row.label}: {row.words}"))
    return h("div", drawn, class_="bars")
