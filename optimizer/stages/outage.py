"""Tells an outage from a harness that loses its own attempts, by what was drawn beside it at the same time.

Only attempts lost before the agent's first step are ever drawn again: nothing that the agent did can have
led to the loss, so who is drawn again does not depend on any outcome. The champion drawn at the same
time says whether it was the weather: an outage takes both arms alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from optimizer.attempt_spec import AttemptStatus, Purpose
from optimizer.failure import lost_before_first_step
from optimizer.gate.arms import tally
from optimizer.gate.missing import UNEQUAL_P, missing_report
from optimizer.ledger import AttemptRow, DrawRequest
from optimizer.stages.bench import Bench
from optimizer.stages.evidence import requests

ROUNDS = 3
"""How often a candidate must be lost while the champion beside it is not, before that is held against it."""


def lost_early(row: AttemptRow) -> bool:
    """Say whether infrastructure took the attempt before the agent's first step."""
    return row.state == AttemptStatus.MISSING and lost_before_first_step(row.cause, row.turns)


def taken(rows: Sequence[AttemptRow], limit: float) -> list[AttemptRow]:
    """List what an outage took of a draw: more than `limit` of it, and alike of both its arms; else nothing.

    A draw of one arm alone cannot be told from an outage: what it lost may be drawn again, beside the other arm.
    """
    lost = [row for row in rows if lost_early(row)]
    arms = sorted({row.spec.candidate for row in rows})
    if len(lost) <= limit * len(rows) or (len(arms) == 2 and not _alike(rows, *arms)):
        return []
    return lost


def lost_alone(candidate: str, rows: Sequence[AttemptRow], limit: float) -> bool:
    """Say whether every attempt of a candidate was lost, and no more than `limit` of those made beside it."""
    mine = [row.state == AttemptStatus.MISSING for row in rows if row.spec.candidate == candidate]
    beside = [row.state == AttemptStatus.MISSING for row in rows if row.spec.candidate != candidate]
    return bool(mine) and all(mine) and bool(beside) and sum(beside) <= limit * len(beside)


def _alike(rows: Iterable[AttemptRow], first: str, second: str) -> bool:
    """Say whether two arms of one draw lost attempts early no more unequally than chance allows."""
    seen: dict[str, dict[str, list[float | None]]] = {first: {}, second: {}}
    for row in rows:
        seen[row.spec.candidate].setdefault(row.spec.task, []).append(None if lost_early(row) else 1.0)
    ids = sorted({*seen[first], *seen[second]})
    ours, theirs = tally(ids, seen[first]), tally(ids, seen[second])
    return missing_report(ours, theirs, ours.drawn > 0).p >= UNEQUAL_P


def drawn_whole(bench: Bench, stage: str, asked: Sequence[DrawRequest]) -> list[AttemptRow]:
    """Draw a stage, and draw again what an outage in its middle took; in the order asked.

    Raises:
        OutageError: The outage goes on.
    """
    rows, again = bench.draws.draw(stage, asked), 0
    while lost := taken(rows, bench.gate.max_missing):
        again += 1
        owed = [
            DrawRequest(spec.candidate, spec.harness, spec.task, spec.split, spec.purpose)
            for spec in (row.spec for row in lost)
        ]
        fresh = dict(zip([row.rowid for row in lost], bench.draws.draw(f"{stage}+lost{again}", owed), strict=True))
        rows = [fresh.get(row.rowid, row) for row in rows]
    return rows


def beside_champion(bench: Bench, candidate: str, parent: str, task: str) -> AttemptRow | None:
    """Attempt one train task with a candidate and its champion at the same time, until one tells.

    Returns the candidate's attempt once it was not lost; None when it was lost `ROUNDS` times while the
    champion's was not: that is no outage, the candidate cannot be run.

    Raises:
        OutageError: Both are lost.
    """
    split = "train"
    rows = bench.ledger.attempts(bench.run, candidate=candidate)
    lost = sum(row.state == AttemptStatus.MISSING for row in rows if not row.stage.startswith("beside/"))
    for number in range(ROUNDS):
        asked = [
            request for arm in (candidate, parent) for request in requests(bench, arm, split, Purpose.SMOKE, {task: 1})
        ]
        drawn = bench.draws.draw(f"beside/{candidate}/{lost}/{number}", asked)
        if not lost_alone(candidate, drawn, 0.0):
            return next(row for row in drawn if row.spec.candidate == candidate)
    return None
