"""Who came from whom: the candidates as a tree whose trunk is the champion's path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from optimizer.facts import Coverage, Facts
from optimizer.words import short_reason


@dataclass(frozen=True, slots=True)
class Node:
    """Hold one candidate of the tree.

    `depth` counts the steps from the baseline; `verdict` is a verdict's word, `baseline` or `open`;
    `on_path` marks the champion and all it was made from. `title` is as its author wrote it: escape it.
    """

    id: str
    parent: str | None
    depth: int
    title: str
    verdict: str
    reason: str | None
    train_score: float | None
    coverage: Coverage
    on_path: bool
    champion: bool


class Branch(NamedTuple):
    """Draw the tree before one node: on its own line, and on further lines of its text."""

    first: str
    rest: str


class Strokes(NamedTuple):
    """Name what a tree is drawn with."""

    trunk: str = "● "
    leaf: str = "○ "
    fork: str = "├─"
    end: str = "└─"
    bar: str = "│ "
    gap: str = "  "


PLAIN = Strokes("* ", "o ", "|-", "`-", "| ", "  ")
"""Strokes for terminals that know ASCII alone."""


def lineage(facts: Facts) -> tuple[Node, ...]:
    """List every candidate once, parents first, the champion's path last among the children of a node.

    A page that draws from left to right takes `depth` and `parent`; a terminal takes `branches` too.
    """
    rows = {row.id: row for row in facts.candidates}
    path = champion_path({row.id: row.parent for row in facts.candidates}, facts.state.champion)
    nodes = []
    for name, depth in walk({row.id: row.parent for row in facts.candidates}, path):
        row, verdict = rows[name], facts.verdicts.get(name)
        nodes.append(
            Node(
                id=name,
                parent=row.parent,
                depth=depth,
                title=row.title,
                verdict=verdict.verdict.value if verdict else ("baseline" if row.slot == 0 else "open"),
                reason=short_reason(verdict) if verdict else None,
                train_score=facts.train_score(name),
                coverage=facts.train_coverage(name),
                on_path=name in path,
                champion=name == facts.state.champion,
            )
        )
    return tuple(nodes)


def champion_path(parents: Mapping[str, str | None], champion: str) -> frozenset[str]:
    """Follow the champion back to the baseline."""
    path: set[str] = set()
    here: str | None = champion
    while here is not None and here in parents and here not in path:
        path.add(here)
        here = parents[here]
    return frozenset(path)


def walk(parents: Mapping[str, str | None], path: frozenset[str] = frozenset()) -> Iterator[tuple[str, int]]:
    """Give every candidate once with its depth: parents first, `path` last among the children of a node.

    A candidate whose parent does not stand before it in `parents` begins a tree of its own.
    """
    children: dict[str | None, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for name, parent in parents.items():
        children[parent if parent in seen else None].append(name)
        seen.add(name)
    waiting = [(name, 0) for name in reversed(_trunk_last(children[None], path))]
    while waiting:
        name, depth = waiting.pop()
        yield name, depth
        waiting += [(child, depth + 1) for child in reversed(_trunk_last(children[name], path))]


def _trunk_last(names: Sequence[str], path: frozenset[str]) -> list[str]:
    return sorted(names, key=lambda name: name in path)


def branches(nodes: Sequence[Node], strokes: Strokes | None = None) -> list[Branch]:
    """Draw the tree of `lineage`: the champion's path straight down at the left, all others beside it."""
    strokes = strokes or Strokes()
    drawn: list[Branch] = []
    indents: dict[str, str] = {}
    after = _followed(nodes)
    for node in nodes:
        inner = strokes.bar if after[node.id].children else strokes.gap
        if node.on_path or node.parent not in indents:
            indents[node.id] = ""
            mark = strokes.trunk if node.on_path else strokes.leaf
            drawn.append(Branch(mark, inner))
            continue
        before, follows = indents[node.parent], after[node.id].siblings
        below = before + (strokes.bar if follows else strokes.gap)
        indents[node.id] = below
        drawn.append(Branch(before + (strokes.fork if follows else strokes.end) + strokes.leaf, below + inner))
    return drawn


class _Followed(NamedTuple):
    siblings: bool
    children: bool


def _followed(nodes: Sequence[Node]) -> dict[str, _Followed]:
    """Say of each node whether a later sibling, and whether a child, is drawn below it."""
    found: dict[str, _Followed] = {}
    parents: set[str | None] = set()
    for node in reversed(nodes):
        found[node.id] = _Followed(node.parent in parents, node.id in parents)
        parents.add(node.parent)
    return found
