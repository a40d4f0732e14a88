"""Where a session starts from after a standstill, and what is closed to it: from the ledger alone."""

from __future__ import annotations

from collections.abc import Iterator

from optimizer.ledger import CandidateRow, ProposalRow
from optimizer.propose import Closed, Pivot
from optimizer.stages.bench import Bench
from optimizer.stages.evidence import train_score
from optimizer.stages.examine import diff_of

HELD_UP = ("not_better", "level_exhausted", "money", "time", "stale")
"""Causes of verdicts on candidates that nothing speaks against but that no gain was shown."""
CLOSED_AT_MOST = 12


def start_of(bench: Bench, champion: str, pivot: int) -> str:
    """Choose what the sessions of a pivot start from: the best archive member not used since the last keep.

    A member is as good as the champion on train, and was turned down for want of a shown gain alone; where there is
    none, it is the champion.
    """
    rows = [row for row in bench.ledger.proposals().values() if row.parent == champion and row.pivot]
    if same := next((row.start for row in rows if row.pivot == pivot), None):
        return same
    used = {row.start for row in rows}
    own = train_score(bench, champion)
    ranked = sorted((-score, row.slot, row.id) for row, score in _members(bench, champion) if row.id not in used)
    return next((name for score, _, name in ranked if own is not None and -score >= own), champion)


def _members(bench: Bench, champion: str) -> Iterator[tuple[CandidateRow, float]]:
    verdicts = bench.ledger.verdicts()
    for row in bench.ledger.candidates():
        held_up = row.id in verdicts and verdicts[row.id].cause in HELD_UP
        score = train_score(bench, row.id) if held_up and row.id != champion else None
        if score is not None:
            yield row, score


def pivot_of(bench: Bench, asked: ProposalRow) -> Pivot | None:
    """Describe the pivot a slot was opened with; None when it was opened with none."""
    if not asked.pivot:
        return None
    kept, beside = _since_keep(bench), siblings(bench, asked)
    slots = [row["slot"] for row in bench.ledger.slots() if kept < row["slot"] < asked.slot]
    slots = [slot for slot in slots if slot not in beside]
    since = [row for row in bench.ledger.candidates() if row.slot in slots]
    closed = [Closed(row.id, row.title, diff_of(bench, row.id, _start(bench, row))) for row in since]
    champion = bench.archive.load(asked.parent)
    return Pivot(asked.parent, asked.start, len(slots), tuple(closed[-CLOSED_AT_MOST:]), champion)


def siblings(bench: Bench, asked: ProposalRow) -> list[int]:
    """List the other slots that were opened with this one: their sessions know nothing of each other."""
    rows = bench.ledger.proposals().values()
    return [row.slot for row in rows if row.after_attempt == asked.after_attempt and row.slot != asked.slot]


def _start(bench: Bench, row: CandidateRow) -> str:
    asked = bench.ledger.proposals().get(row.slot)
    return asked.start if asked else str(row.parent)


def _since_keep(bench: Bench) -> int:
    champion = bench.ledger.state().champion
    return next(row.slot for row in bench.ledger.candidates() if row.id == champion)
