"""What a candidate's attempts of a gate test cost and how long they took, bounded against its champion's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from optimizer.gate import GateConfig, Guard, ratio_guard
from optimizer.ledger import AttemptRow


def guards(
    config: GateConfig, candidate: Sequence[AttemptRow], champion: Sequence[AttemptRow], fresh: Sequence[AttemptRow]
) -> tuple[Guard, ...]:
    """Bound what the run file limits; nothing where it limits nothing.

    Cost is in dollars, or in tokens as soon as one attempt has no price. Seconds are compared with the champion's
    attempts of this very test alone, since they depend on the load of the hour.

    Args:
        config: The night's settings.
        candidate: The candidate's attempts of this test.
        champion: All champion attempts that the test pools.
        fresh: Those of them that were made beside the candidate's.
    """
    found = []
    if config.cost_ratio is not None:
        priced = all(row.cost_usd is not None for row in (*candidate, *champion) if _ran(row))
        cost, name = (_dollars, "cost") if priced else (_tokens, "tokens")
        found.append(ratio_guard(name, _by_task(candidate, cost), _by_task(champion, cost), limit=config.cost_ratio))
    if config.latency_ratio is not None:
        ours, theirs = _by_task(candidate, _seconds), _by_task(fresh, _seconds)
        found.append(ratio_guard("latency", ours, theirs, limit=config.latency_ratio, typical=True))
    return tuple(found)


def _dollars(row: AttemptRow) -> float:
    return row.cost_usd or 0.0


def _tokens(row: AttemptRow) -> float:
    return float(row.tokens)


def _seconds(row: AttemptRow) -> float:
    return row.duration_s


def _ran(row: AttemptRow) -> bool:
    """Say whether an attempt went far enough to have a cost: what infrastructure took is no evidence."""
    return row.reward is not None


def _by_task(rows: Sequence[AttemptRow], amount: Callable[[AttemptRow], float]) -> dict[str, list[float]]:
    grouped: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if _ran(row):
            grouped[row.spec.task].append(amount(row))
    return dict(grouped)
