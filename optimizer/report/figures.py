"""Pictures for pages that are not the report: one SVG file each, light or dark as the reader's screen is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from optimizer.report.html.chart.scale import Scale, fit
from optimizer.report.html.element import Child, Element, Verbatim, h, render
from optimizer.report.html.theme import COLOURS

WIDE, LEFT, RIGHT, TOP, ROW, FOOT = 760, 200, 80, 64, 30, 46
PLOT = WIDE - LEFT - RIGHT
USED: Final = ("page", "line", "text", "quiet", "good", "bad", "open")


class Amount(NamedTuple):
    """Hold a named amount with its error, and how it is written; `ours` is drawn in our colour."""

    label: str
    value: float
    error: float
    words: str
    ours: bool


class Pair(NamedTuple):
    """Hold what somebody claims, and what is true."""

    label: str
    claimed: float
    true: float


class Curve(NamedTuple):
    """Hold a line through points; `dashed` sets it apart from its neighbour of the same colour."""

    label: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


class Spot(NamedTuple):
    """Hold one point of a plane, hollow where it is out of bounds."""

    label: str
    x: float
    y: float
    within: bool


def bars(title: str, note: str, rows: Sequence[Amount]) -> str:
    """Draw amounts with their errors, one under the other."""
    scale = fit([0.0, *(row.value + row.error for row in rows)], low=0.0)
    drawn = [_bar(scale, _row(number), row) for number, row in enumerate(rows)]
    return _framed(title, note, len(rows), scale, f"{{:{_digits(scale)}}}".format, drawn)


def _bar(scale: Scale, y: float, row: Amount) -> Child:
    colour, end = "good" if row.ours else "bad", LEFT + PLOT * scale.at(row.value)
    return [
        _label(row.label, y),
        h("rect", x=LEFT, y=y - 9, width=f"{max(end - LEFT, 1):.1f}", height=18, rx=2, class_=f"{colour} soft"),
        _across(scale, row.value - row.error, row.value + row.error, y, "text"),
        h("text", row.words, x=f"{LEFT + PLOT * scale.at(row.value + row.error) + 8:.1f}", y=y + 5, class_="said"),
    ]


def claims(title: str, note: str, rows: Sequence[Pair]) -> str:
    """Draw what was claimed against what is true, in points."""
    scale = fit([0.0, *(each for row in rows for each in row[1:])])
    drawn = [_claim(scale, _row(number), row) for number, row in enumerate(rows)]
    return _framed(title, note, len(rows), scale, lambda tick: f"{100 * tick:+.0f}" if tick else "0", drawn)


def _claim(scale: Scale, y: float, row: Pair) -> Child:
    true, claimed = (LEFT + PLOT * scale.at(value) for value in (row.true, row.claimed))
    apart = 100 * (row.claimed - row.true)
    return [
        _label(row.label, y),
        _across(scale, row.true, row.claimed, y, "open"),
        h("circle", cx=f"{true:.1f}", cy=y, r=6, class_="good"),
        h("circle", cx=f"{claimed:.1f}", cy=y, r=6, class_="bad hollow"),
        h("text", f"{apart:+.1f}", x=f"{max(true, claimed) + 12:.1f}", y=y + 5, class_="said"),
    ]


def curves(title: str, note: str, lines: Sequence[Curve]) -> str:
    """Draw shares (0 to 1) over counts, with equal steps; a name stands where its curve is halfway."""
    counts = sorted({x for line in lines for x, _ in line.points})
    tall, wide = 300, WIDE - 60 - 40
    across = {x: 60 + wide * at / max(len(counts) - 1, 1) for at, x in enumerate(counts)}

    def up(y: float) -> float:
        return TOP + tall * (1 - y)

    drawn: list[Child] = [_tick(60, up(y), wide, f"{y:.1f}") for y in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    drawn += [h("text", f"{x:g}", x=f"{across[x]:.1f}", y=TOP + tall + 20, class_="tick middle") for x in counts]
    drawn += [_curve(line, across, up) for line in lines]
    return _picture(title, note, TOP + tall + FOOT, drawn)


def _curve(line: Curve, across: Mapping[float, float], up: Callable[[float], float]) -> Child:
    colour = "bad" if line.dashed else "good"
    places = [f"{across[x]:.1f},{up(y):.1f}" for x, y in line.points]
    named_x, named_y = min(line.points, key=lambda point: abs(point[1] - 0.5))
    return [
        h("path", d="M" + "L".join(places), class_=f"{colour} line{' dashed' if line.dashed else ''}"),
        [h("circle", cx=place.split(",")[0], cy=place.split(",")[1], r=3, class_=colour) for place in places],
        h("text", line.label, x=f"{across[named_x] - 7:.1f}", y=f"{up(named_y) - 6:.1f}", class_="said end"),
    ]


def plane(title: str, note: str, spots: Sequence[Spot], *, bound: float) -> str:
    """Draw named points; to the right of `bound` is out of bounds."""
    x_scale, y_scale = fit([0.0, bound, *(spot.x for spot in spots)]), fit([0.0, *(spot.y for spot in spots)])
    tall, wide = 340, WIDE - 60 - 190

    def x(value: float) -> float:
        return 60 + wide * x_scale.at(value)

    def y(value: float) -> float:
        return TOP + tall * (1 - y_scale.at(value))

    drawn: list[Child] = [_tick(60, y(each), wide, f"{each:g}") for each in y_scale.ticks]
    drawn += [
        h("text", f"{each:g}", x=f"{x(each):.1f}", y=TOP + tall + 20, class_="tick middle") for each in x_scale.ticks
    ]
    drawn.append(h("line", x1=f"{x(bound):.1f}", x2=f"{x(bound):.1f}", y1=TOP, y2=TOP + tall, class_="open dashed"))
    falling = sorted(spots, key=lambda spot: (-spot.y, spot.x))
    for spot, said in zip(falling, _apart([y(spot.y) for spot in falling], 19, TOP + tall), strict=True):
        kind, at = "good" if spot.within else "bad hollow", (f"{x(spot.x):.1f}", f"{y(spot.y):.1f}")
        drawn.append(h("line", x1=at[0], y1=at[1], x2=60 + wide + 14, y2=f"{said:.1f}", class_="grid"))
        drawn.append(h("circle", cx=at[0], cy=at[1], r=5, class_=kind))
        drawn.append(h("text", spot.label, x=60 + wide + 18, y=f"{said + 4:.1f}", class_="said"))
    return _picture(title, note, TOP + tall + FOOT, drawn)


def _apart(places: Sequence[float], least: float, end: float) -> list[float]:
    """Move falling labels so far down that none covers the one above it, and up again from the end."""
    down: list[float] = []
    for place in places:
        down.append(max(place, down[-1] + least) if down else place)
    for at in range(len(down) - 1, -1, -1):
        down[at] = min(down[at], end - least * (len(down) - 1 - at))
    return down


def _tick(left: float, y: float, wide: float, words: str) -> Child:
    return [
        h("line", x1=left, x2=left + wide, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid"),
        h("text", words, x=left - 8, y=f"{y + 4:.1f}", class_="tick end"),
    ]


def _row(number: int) -> float:
    return TOP + ROW * number + ROW / 2


def _digits(scale: Scale) -> str:
    return ".0f" if scale.step >= 1 else ".1f" if scale.step >= 0.1 else ".2f"


def _label(words: str, y: float) -> Element:
    return h("text", words, x=LEFT - 10, y=y + 5, class_="end")


def _across(scale: Scale, low: float, high: float, y: float, colour: str) -> Element:
    ends = sorted(LEFT + PLOT * scale.at(value) for value in (low, high))
    return h("line", x1=f"{ends[0]:.1f}", x2=f"{ends[1]:.1f}", y1=y, y2=y, class_=f"{colour} stroke")


def _framed(
    title: str, note: str, rows: int, scale: Scale, write: Callable[[float], str], drawn: Sequence[Child]
) -> str:
    bottom = TOP + ROW * rows
    ticks: list[Child] = []
    for tick in scale.ticks:
        x = f"{LEFT + PLOT * scale.at(tick):.1f}"
        ticks.append(h("line", x1=x, x2=x, y1=TOP, y2=bottom, class_="grid"))
        ticks.append(h("text", write(tick), x=x, y=bottom + 18, class_="tick middle"))
    return _picture(title, note, bottom + FOOT, [*ticks, *drawn])


def _picture(title: str, note: str, tall: float, drawn: Sequence[Child]) -> str:
    """Put a title above, a note below, and paper behind."""
    body: list[Child] = [
        h("title", title),
        h("style", Verbatim(_style())),
        h("rect", width=WIDE, height=tall, rx=8, class_="paper"),
        h("text", title, x=20, y=32, class_="title"),
        drawn,
        h("text", note, x=20, y=tall - 8, class_="tick"),
    ]
    picture = h("svg", body, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDE} {tall:g}", role="img")
    return render(picture) + "\n"


def _style() -> str:
    light, dark = (";".join(f"--{name}:{COLOURS[name][at]}" for name in USED) for at in (0, 1))
    return (
        f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        "text{font:14px system-ui,sans-serif;fill:var(--text)}.title{font-size:17px;font-weight:600}"
        ".tick{font-size:12px;fill:var(--quiet)}.said{font-size:12px}.end{text-anchor:end}.middle{text-anchor:middle}"
        ".paper{fill:var(--page);stroke:var(--line)}.grid{stroke:var(--line)}.good{fill:var(--good)}.bad{fill:var(--bad)}"
        ".soft{opacity:.75}.stroke{stroke-width:2}.text.stroke{stroke:var(--text)}.open{stroke:var(--open)}"
        ".hollow{fill:var(--page);stroke:var(--bad);stroke-width:2}.line{fill:none;stroke-width:2}"
        ".good.line{stroke:var(--good)}.bad.line{stroke:var(--bad)}.dashed{stroke-dasharray:5 4}"
    )
