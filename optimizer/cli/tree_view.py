"""The tree of candidates as a terminal shows it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from optimizer.cli.candidate_page import VERDICT_COLOURS
from optimizer.cli.output import clip, one_line, paint
from optimizer.reading.lineage import PLAIN, Branch, Node, Strokes, branches

ONE_LINE = 108
"""From this many columns on, the reason stands on a node's own line."""
LEAST_TITLE = 20
NUMBERS = 9 + 2 + 6 + 2
FOLDED = "folded"


def drawn(nodes: Sequence[Node], columns: int) -> Iterator[str]:
    """Give the lines of a tree, to fit into `columns`."""
    tree = branches(nodes, Strokes() if _knows(sys.stdout) else PLAIN)
    names = [
        branch.first + ("" if node.verdict == FOLDED else node.id) for node, branch in zip(nodes, tree, strict=True)
    ]
    layout = _layout(nodes, max(map(len, names), default=0), columns)
    titles = f"{'title':<{layout.title}}  why" if layout.beside else "title"
    yield f"{'':<{layout.name}}  {'verdict':<9}  {'train':>6}  {titles}"
    for node, branch, name in zip(nodes, tree, names, strict=True):
        yield from _node(node, branch, name, layout)


class _Layout(NamedTuple):
    """Hold widths: of names, titles and reasons, and whether a reason stands beside its title or below it."""

    name: int
    title: int
    reason: int
    beside: bool
    columns: int


def _layout(nodes: Sequence[Node], name: int, columns: int) -> _Layout:
    room = max(columns - name - 2 - NUMBERS, LEAST_TITLE)
    if columns < ONE_LINE:
        return _Layout(name, room, room, False, columns)
    titles = max((len(one_line(node.title)) for node in nodes if node.verdict != FOLDED), default=0)
    reasons = max((len(_reason(node)) for node in nodes), default=0)
    title = max(min(titles, room - reasons - 2), LEAST_TITLE)
    return _Layout(name, title, max(room - title - 2, LEAST_TITLE), True, columns)


def folded(nodes: Sequence[Node], limit: int) -> tuple[Node, ...]:
    """Count what was not kept together, beside what it was tried on, when more than `limit` nodes are there."""
    if not limit or len(nodes) <= limit:
        return tuple(nodes)
    parents = {node.parent for node in nodes}
    found: list[Node] = []
    leaves: dict[str | None, list[Node]] = {}
    for node in nodes:
        if node.on_path or node.id in parents or node.verdict == "open":
            found.append(node)
            continue
        if node.parent not in leaves:
            leaves[node.parent] = []
            found.append(replace(node, verdict=FOLDED))
        leaves[node.parent].append(node)
    return tuple(_counted(node, leaves[node.parent]) if node.verdict == FOLDED else node for node in found)


def _counted(node: Node, leaves: Sequence[Node]) -> Node:
    if len(leaves) == 1:
        return leaves[0]
    # Findings are counted in a reason; without the count, equal reasons are equal.
    reasons = Counter((leaf.reason or "").partition(" (")[0] for leaf in leaves)
    told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    first, last = leaves[0].id, leaves[-1].id
    return replace(node, title=f"{len(leaves)} not kept, {first} to {last}: {told}", reason=None)


def record(node: Node) -> dict[str, Any]:  # Any: JSON
    """Give a node as JSON."""
    return {
        "candidate": node.id,
        "parent": node.parent,
        "depth": node.depth,
        "title": node.title,
        "verdict": node.verdict,
        "reason": node.reason,
        "train": node.train_score,
        "scored": str(node.coverage),
        "on_path": node.on_path,
        "champion": node.champion,
    }


def _node(node: Node, branch: Branch, name: str, layout: _Layout) -> Iterator[str]:
    title, reason = one_line(node.title), _reason(node)
    if node.verdict == FOLDED:
        yield paint(clip(f"{name}{title}", layout.columns), "dim")
        return
    score = "-" if node.train_score is None else f"{100 * node.train_score:.1f}%"
    head = f"{name:<{layout.name}}  {node.verdict:<9}  {score:>6}  {clip(title, layout.title)}"
    beside = f"{head:<{layout.name + 2 + NUMBERS + layout.title}}  {clip(reason, layout.reason)}"
    yield _painted(node, (beside if layout.beside else head).rstrip())
    if reason and not layout.beside:
        below = f"{branch.rest:<{layout.name}}  {'':<9}  {'':>6}  {clip(reason, layout.reason)}"
        yield _painted(node, below, below=True)


def _reason(node: Node) -> str:
    return "; ".join(part for part in ("champion" * node.champion, node.reason or "") if part)


def _painted(node: Node, text: str, *, below: bool = False) -> str:
    if node.on_path:
        return text if below else paint(text, "bold")
    return paint(text, VERDICT_COLOURS.get(node.verdict, "dim"))


def _knows(stream: Any) -> bool:  # Any: a stream of text, or what stands for one in a test
    """Say whether a stream can write the strokes of a tree."""
    try:
        "".join(Strokes()).encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
