"""Choose two attempts of one task that are worth reading side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from optimizer.ledger.records import AttemptRow


class Pair(NamedTuple):
    """Hold a passing and a failing attempt of one task."""

    passing: AttemptRow
    failing: AttemptRow


def choose(rows: Sequence[AttemptRow], candidate: str, against: str) -> Pair | None:
    """Choose a passing and a failing attempt, the same ones each time.

    Tried in this order: `candidate` passes where `against` fails, the other way round, both within
    `candidate`, both within `against`. Of several the attempts with the lowest replicates are taken.

    Args:
        rows: The attempts of one task.
        candidate: Whose success is looked for, such as the champion's.
        against: Whose failure is looked for, such as the baseline's.
    """
    orders = [(candidate, against), (against, candidate), (candidate, candidate), (against, against)]
    found = (_between(rows, winner, loser) for winner, loser in orders)
    return next((pair for pair in found if pair is not None), None)


def opposite(rows: Sequence[AttemptRow], one: AttemptRow, preferred: Sequence[str]) -> Pair | None:
    """Choose an attempt that ended otherwise than `one`, of the preferred candidates first."""
    others = [row for row in _scored(rows) if _passed(row) != _passed(one)]
    for name in (*preferred, *sorted({row.spec.candidate for row in others})):
        mine = [row for row in others if row.spec.candidate == name]
        if mine:
            return Pair(one, mine[0]) if _passed(one) else Pair(mine[0], one)
    return None


def _between(rows: Sequence[AttemptRow], winner: str, loser: str) -> Pair | None:
    scored = _scored(rows)
    won = [row for row in scored if row.spec.candidate == winner and _passed(row)]
    lost = [row for row in scored if row.spec.candidate == loser and not _passed(row)]
    return Pair(won[0], lost[0]) if won and lost else None


def _scored(rows: Sequence[AttemptRow]) -> list[AttemptRow]:
    scored = [row for row in rows if row.reward is not None]
    return sorted(scored, key=lambda row: (row.spec.replicate, row.spec.id))


def _passed(row: AttemptRow) -> bool:
    return row.reward is not None and row.reward >= 1
