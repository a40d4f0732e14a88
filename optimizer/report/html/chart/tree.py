"""The lineage: who was made from whom, the champion's path bold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from optimizer.report.html.chart.scale import Scale
from optimizer.report.html.element import Child, Element, h

ROW = 54
TOP = 26
FEW = 12


@dataclass(frozen=True, slots=True)
class Twig:
    """Place one candidate under its parent; `depth` counts its ancestors."""

    name: str
    parent: str | None
    iteration: int
    depth: int
    kind: str
    words: str


def tree(twigs: Sequence[Twig], path: Sequence[str]) -> Element:
    """Draw candidates from left to right as they were proposed, each one step below its parent."""
    last = max(twig.iteration for twig in twigs)
    x = Scale(0, max(last, 1), 1)
    known = {twig.name: twig for twig in twigs}
    height = TOP + ROW * max(twig.depth for twig in twigs) + 26
    ordered = [twig for twig in twigs if twig.name not in path] + [twig for twig in twigs if twig.name in path]
    drawn: list[Child] = [[*_branch(twig, known, x, bold=twig.name in path)] for twig in ordered]
    drawn += [_leaf(twig, x, labelled=twig.name in path or len(twigs) <= FEW) for twig in ordered]
    return h("div", h("svg", h("title", "lineage of the candidates"), drawn, height=height, role="img"), class_="tree")


def _branch(twig: Twig, known: dict[str, Twig], x: Scale, *, bold: bool) -> Iterator[Element]:
    parent = known.get(twig.parent or "")
    if parent is None:
        return
    style, across = "path" if bold else "branch", x.across(twig.iteration)
    level, mine = _level(parent), _level(twig)
    yield h("line", class_=style, x1=x.across(parent.iteration), x2=across, y1=level, y2=level)
    yield h("line", class_=style, x1=across, x2=across, y1=level, y2=mine)


def _level(twig: Twig) -> int:
    return TOP + ROW * twig.depth


def _leaf(twig: Twig, x: Scale, *, labelled: bool) -> Element:
    across, level = x.across(twig.iteration), _level(twig)
    refused = twig.kind in ("reject", "invalid")
    size = 6 if twig.kind in ("keep", "baseline") else 4 if labelled else 3
    style = "halo strong" if twig.kind == "keep" else "halo"
    name = h("text", twig.name, class_=style, x=across, y=level + 20, text_anchor="middle")
    return h(
        "g",
        h("title", twig.words),
        h("circle", class_="dot hollow" if refused else "dot", cx=across, cy=level, r=size),
        name if labelled else None,
        class_=twig.kind,
    )
