"""The climb: every measured candidate with its interval, and the champion's staircase through them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from optimizer.report.html.chart.scale import Scale, fit, slots
from optimizer.report.html.element import Element, h

HEIGHT = 260
FEW = 14
RIGHT_END = 0.85


@dataclass(frozen=True, slots=True)
class Dot:
    """Place one candidate; `kind` is its verdict, `baseline` or `open`; unknown ends of its interval are None."""

    iteration: int
    name: str
    kind: str
    value: float
    low: float | None
    high: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Stair:
    """Place the champion's score from one iteration on; None where it was not measured."""

    iteration: int
    value: float | None


def staircase(dots: Sequence[Dot], stairs: dict[str, Sequence[Stair]], last: int, title: str) -> Element:
    """Draw dots with intervals, and one staircase per name in `stairs` (the name is its style)."""
    ends = [end for dot in dots for end in (dot.low, dot.high, dot.value) if end is not None]
    y = fit(ends, low=0.0, high=1.0)
    x = Scale(0, max(last, 1), 1)
    return h(
        "div",
        h(
            "svg",
            h("title", title),
            [*_axes(x, y, last)],
            [line for style, steps in stairs.items() for line in _stairs(style, steps, x, y, last)],
            [_dot(dot, x, y, crowded=len(dots) > FEW) for dot in sorted(dots, key=_rank)],
            [_label(dot, x, y) for dot in dots if dot.kind == "keep" or len(dots) <= FEW],
            height=HEIGHT,
            role="img",
        ),
        class_="plot",
    )


def _up(y: Scale, value: float) -> str:
    return f"{HEIGHT * (1 - y.at(value)):.1f}"


def _axes(x: Scale, y: Scale, last: int) -> Iterator[Element]:
    for tick in y.ticks:
        at = _up(y, tick)
        yield h("line", class_="grid", x1="0", x2="100%", y1=at, y2=at)
        yield h("text", f"{100 * tick:.0f}%", x=-8, y=float(at) + 4, text_anchor="end")
    for slot in slots(last):
        yield h("text", str(slot), x=x.across(slot), y=HEIGHT + 18, text_anchor="middle")


def _stairs(style: str, steps: Sequence[Stair], x: Scale, y: Scale, last: int) -> Iterator[Element]:
    """Draw level pieces and the rises between them; nothing stands where nothing was measured."""
    ends = [*(step.iteration for step in steps[1:]), last]
    before: float | None = None
    for step, end in zip(steps, ends, strict=True):
        if step.value is not None:
            at, height = x.across(step.iteration), _up(y, step.value)
            if before is not None:
                yield h("line", class_=f"stair {style}", x1=at, x2=at, y1=_up(y, before), y2=height)
            yield h("line", class_=f"stair {style}", x1=at, x2=x.across(end), y1=height, y2=height)
        before = step.value


def _rank(dot: Dot) -> int:
    """Draw what was kept last, so that nothing covers it."""
    return ("reject", "invalid", "undecided", "open", "baseline", "keep").index(dot.kind)


def _dot(dot: Dot, x: Scale, y: Scale, *, crowded: bool) -> Element:
    at, height = x.across(dot.iteration), _up(y, dot.value)
    refused = dot.kind in ("reject", "invalid")
    bar = None
    if dot.low is not None and dot.high is not None:
        style = "bar faint" if crowded and refused else "bar thin"
        bar = h("line", class_=style, x1=at, x2=at, y1=_up(y, dot.low), y2=_up(y, dot.high))
    circle = h("circle", class_="dot hollow" if refused else "dot", cx=at, cy=height, r=4 if refused else 5)
    return h("g", h("title", dot.words), bar, circle, class_=dot.kind)


def _label(dot: Dot, x: Scale, y: Scale) -> Element:
    """Write a name above its dot: to the right, but to the left near the right end."""
    style = "halo strong" if dot.kind == "keep" else "halo"
    left = x.at(dot.iteration) > RIGHT_END
    at, height = x.across(dot.iteration), float(_up(y, dot.value)) - 10
    return h("text", dot.name, class_=style, x=at, y=height, dx=-8 if left else 8, text_anchor="end" if left else None)
