"""Who was made from whom."""

from __future__ import annotations

from optimizer.report.html.chart.tree import Twig, tree
from optimizer.report.html.climb import key
from optimizer.report.html.element import Element, h
from optimizer.report.html.parts import section
from optimizer.report.html.reading import Reading


def champion_path(reading: Reading) -> list[str]:
    """List the candidates from the baseline to the champion."""
    parents = {row.id: row.parent for row in reading.facts.candidates}
    path = [reading.facts.champion.id]
    while (parent := parents.get(path[-1])) and parent not in path:
        path.append(parent)
    return path[::-1]


def lineage(reading: Reading) -> Element:
    """Draw the tree of candidates."""
    path = champion_path(reading)
    return section(
        "lineage",
        "Lineage",
        h(
            "figure",
            tree(_twigs(reading), path),
            h("ul", key(), class_="key"),
            h("figcaption", "From left to right as they were proposed; the champion's line is bold: ",
              h("b", " → ".join(path)), "."),
        ),
    )  # fmt: skip


def _twigs(reading: Reading) -> list[Twig]:
    depth: dict[str, int] = {}
    twigs = []
    for row in reading.facts.candidates:
        depth[row.id] = depth[row.parent] + 1 if row.parent in depth else 0
        kind = reading.kind(row)
        words = f"{row.id}, {kind}: {reading.title(row, 80)}"
        twigs.append(Twig(row.id, row.parent, row.slot, depth[row.id], kind, words))
    return twigs
