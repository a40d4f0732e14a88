"""Amounts as bars, longest scale first come; an unknown amount has no bar, only its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from optimizer.report.html.element import Child, Element, h

WIDEST = 72
"""Percent of the width that the longest bar takes: its words stand to the right of it."""


class Bar(NamedTuple):
    """Name one amount; `words` are what it reads."""

    label: str
    amount: float | None
    words: str


def bars(rows: Sequence[Bar]) -> Element:
    """Draw amounts one under the other."""
    most = max((row.amount for row in rows if row.amount), default=0.0)
    drawn: list[Child] = []
    for row in rows:
        width = WIDEST * row.amount / most if most and row.amount else 0.0
        drawn.append(h("div", row.label))
        drawn.append(
            h(
                "svg",
                h("rect", x=0, y=3, width=f"{width:.2f}%", height=14, rx=2) if width else None,
                h("text", row.words, x=f"{width:.2f}%", y=15, dx=8 if width else 0),
                role="img",
            )
        )
    return h("div", drawn, class_="bars")
