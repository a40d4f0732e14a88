"""Differences in points with their intervals, one under the other on one axis with zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from optimizer.report.html.chart.scale import Scale, fit
from optimizer.report.html.element import Child, Element, h
from optimizer.report.text import points

HEIGHT = 44


@dataclass(frozen=True, slots=True)
class Row:
    """Place one difference; `kind` is the style of its mark, `limit` a value it is held against."""

    label: str
    note: str
    value: float
    low: float | None
    high: float | None
    kind: str
    limit: float | None = None


def intervals(rows: Sequence[Row], *, zero: str = "no gain") -> Element:
    """Draw differences on one axis; zero, named as said, is always on it."""
    ends = [end for row in rows for end in (row.low, row.high, row.value, row.limit) if end is not None]
    x = fit([0.0, *ends], most_ticks=7)
    drawn: list[Child] = []
    for row in rows:
        drawn.append(h("div", h("b", row.label), " ", h("span", row.note, class_="quiet"), class_="label"))
        drawn.append(h("div", _track(row, x), class_="track"))
    axis = h("svg", [*_ticks(x, zero)], height=22, aria_hidden="true")
    return h("div", drawn, h("div"), h("div", axis, class_="track"), class_="intervals")


def _track(row: Row, x: Scale) -> Element:
    middle = HEIGHT * 0.66
    bar = None
    if row.low is not None and row.high is not None:
        bar = h("line", class_="bar", x1=x.across(row.low), x2=x.across(row.high), y1=middle, y2=middle)
    hollow = "" if row.kind == "keep" else " hollow"
    return h(
        "svg",
        h("title", f"{row.label}: {points(row.value)} points"),
        [h("line", class_="grid", x1=x.across(tick), x2=x.across(tick), y1=0, y2=HEIGHT) for tick in x.ticks],
        h("line", class_="zero", x1=x.across(0.0), x2=x.across(0.0), y1=0, y2=HEIGHT),
        _limit(x.across(row.limit)) if row.limit is not None else None,
        h(
            "g",
            bar,
            h("circle", class_=f"dot{hollow}", cx=x.across(row.value), cy=middle, r=6),
            h(
                "text",
                points(row.value),
                class_="halo strong",
                x=x.across(row.value),
                y=middle - 12,
                text_anchor="middle",
            ),
            class_=row.kind,
        ),
        height=HEIGHT,
        role="img",
    )


def _limit(at: str) -> Element:
    return h("line", class_="limit", x1=at, x2=at, y1=HEIGHT * 0.36, y2=HEIGHT * 0.96)


def _ticks(x: Scale, zero: str) -> Iterator[Element]:
    for tick in x.ticks:
        words = zero if abs(tick) < 1e-9 else f"{100 * tick:+.0f}"
        yield h("text", words, x=x.across(tick), y=16, text_anchor="middle")
