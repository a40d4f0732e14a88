"""Which candidate brought each line of a harness in, and what that candidate was measured to do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from optimizer.facts import Facts
from task_agent.harness import HarnessBundle


class BlamedLine(NamedTuple):
    """Hold one line of a file, without its end, and the candidate that brought it in."""

    candidate: str
    text: str


@dataclass(frozen=True, slots=True)
class Effect:
    """Hold what one candidate of a lineage did, all of it together: a line alone is never measured.

    `train_change` is against its parent, on tasks that proposers read; `gain` is what its gate test saw on
    held-out tasks, with its interval, None until the run is finished.
    """

    candidate: str
    title: str
    verdict: str
    lines: int
    train_change: float | None
    gain: float | None
    interval: tuple[float, float] | None


class Blamed(NamedTuple):
    """Hold a line of descent, what each of it did, and where the lines of the last harness come from."""

    chain: list[str]
    effects: list[Effect]
    files: Mapping[str, Sequence[BlamedLine]]


def blame(chain: Sequence[tuple[str, HarnessBundle]]) -> dict[str, list[BlamedLine]]:
    """Follow every line of the last harness of `chain` back to the one that brought it in.

    Args:
        chain: Candidates from the first to the one asked about, each made from the one before.

    Returns:
        The lines of each file by path; a file that is no text is one line without words.
    """
    known: dict[str, list[BlamedLine]] = {}
    before: Mapping[str, bytes] = {}
    for name, bundle in chain:
        known = {
            path: known[path] if before.get(path) == content else _followed(known.get(path, []), name, content)
            for path, content in bundle.files.items()
        }
        before = bundle.files
    return known


def _followed(old: Sequence[BlamedLine], name: str, content: bytes) -> list[BlamedLine]:
    """Keep the origin of the lines that stayed; all others are `name`'s."""
    try:
        new = content.decode().split("\n")
    except UnicodeDecodeError:
        return [BlamedLine(name, "")]
    if new[-1] == "":
        new.pop()
    found = [BlamedLine(name, text) for text in new]
    for block in difflib.SequenceMatcher(None, [line.text for line in old], new).get_matching_blocks():
        found[block.b : block.b + block.size] = old[block.a : block.a + block.size]
    return found


def lineage_of(facts: Facts, candidate: str) -> list[str]:
    """List a candidate's line of descent, the baseline first."""
    chain = [candidate]
    while (parent := facts.candidate(chain[-1]).parent) is not None:
        chain.append(parent)
    return chain[::-1]


def effects(facts: Facts, chain: Sequence[str], files: Mapping[str, Sequence[BlamedLine]]) -> list[Effect]:
    """Say what each candidate of a line of descent was measured to do, and how many lines of it are left."""
    lines = [line.candidate for found in files.values() for line in found]
    return [_effect(facts, name, lines.count(name)) for name in chain]


def _effect(facts: Facts, name: str, lines: int) -> Effect:
    row, verdict = facts.candidate(name), facts.verdicts.get(name)
    before = facts.train_score(row.parent) if row.parent else None
    after = facts.train_score(name)
    looks = facts.looks.get(name, ())
    # Before the end somebody could still propose from what a gate test saw.
    seen = looks[-1].record if looks and facts.finish is not None else {}
    low, high = seen.get("interval") or (None, None)
    return Effect(
        candidate=name,
        title=row.title,
        verdict=verdict.verdict.value if verdict else ("baseline" if row.slot == 0 else "open"),
        lines=lines,
        train_change=None if before is None or after is None else after - before,
        gain=seen.get("mean"),
        interval=None if low is None or high is None else (low, high),
    )
