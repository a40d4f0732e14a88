"""What an attempt uses, money or tokens or seconds or turns: one arm against another, as a paired ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.gate.arms import GateTask
from optimizer.gate.guards import Costs
from optimizer.gate.population import paired_t, quantile, units_of


@dataclass(frozen=True, slots=True)
class Ratio:
    """Report how many times as much an arm uses as another, with a two-sided interval.

    The geometric mean over tasks or clusters of the ratio of task means, so that no long task
    outweighs the rest. `first` and `second` are the arms' plain means of task means on the same
    tasks; `left_out` counts tasks that one arm says nothing of. None is unknown, never 0.
    """

    first: float | None
    second: float | None
    ratio: float | None
    lower: float | None
    upper: float | None
    tasks: int
    left_out: int


def paired_ratio(tasks: Sequence[GateTask], first: Costs, second: Costs, *, level: float = 0.95) -> Ratio:
    """Compare what two arms use on the same tasks.

    Args:
        tasks: The tasks compared.
        first: What each attempt of the first arm used, by task; unknown amounts left out.
        second: The second arm's; the ratio is second / first.
        level: Two-sided confidence.
    """
    means = [(_mean(first.get(task.id, ())), _mean(second.get(task.id, ()))) for task in tasks]
    kept = np.array([one > 0 and other > 0 for one, other in means], dtype=np.bool_)
    shared = [pair for pair, keep in zip(means, kept.tolist(), strict=True) if keep]
    if not shared:
        return Ratio(None, None, None, None, None, 0, len(tasks))
    logs = np.array([math.log(other / one) if one > 0 and other > 0 else 0.0 for one, other in means])
    units = units_of(tasks, kept, logs)
    found = paired_t(units, 0.0)
    reach = None if found is None or found.df is None else quantile(level, found.df) * found.se
    middle = float(units.difference.mean())
    return Ratio(
        first=math.fsum(one for one, _ in shared) / len(shared),
        second=math.fsum(other for _, other in shared) / len(shared),
        ratio=math.exp(middle),
        lower=None if reach is None else math.exp(middle - reach),
        upper=None if reach is None else math.exp(middle + reach),
        tasks=len(shared),
        left_out=len(tasks) - len(shared),
    )


def _mean(amounts: Sequence[float]) -> float:
    """Average amounts; 0 where there are none, which no attempt that worked has used."""
    return math.fsum(amounts) / len(amounts) if amounts else 0.0
