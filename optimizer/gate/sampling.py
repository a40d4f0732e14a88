"""The champion against more samples of the baseline for the same money.

The best of n attempts, chosen by the verifier itself, is what no real chooser can do: it bounds from above what
sampling alone can win.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.gate.arms import Floats, GateTask, Rewards
from optimizer.gate.population import paired_t, quantile, units_of


@dataclass(frozen=True, slots=True)
class Sampling:
    """Report the champion's mean against the baseline's best of `n` attempts, on the tasks where both are known.

    `difference` is champion minus best of n, with a two-sided t interval on task means; None where nothing can
    be estimated. `n` may be a fraction. `tasks_left_out` had too few scored attempts.
    """

    n: float
    level: float
    champion_mean: float | None
    best_of_n_mean: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    tasks: int
    tasks_left_out: int


def best_of(rewards: Sequence[float], n: float) -> float | None:
    """Estimate the expected best of `n` attempts without bias; None from fewer attempts than that.

    Averages the best over all ways to choose. Between two whole numbers it is the mix of both that costs
    `n` attempts on average.

    Raises:
        ValueError: `n` is below 1.
    """
    if n < 1:
        raise ValueError(f"the best of {n:g} attempts is none")
    low, high = math.floor(n), math.ceil(n)
    if high > len(rewards):
        return None
    ordered = np.sort(np.asarray(rewards, dtype=np.float64))
    share = n - low
    return float((1 - share) * ordered @ _odds(len(rewards), low) + share * ordered @ _odds(len(rewards), high))


def _odds(count: int, chosen: int) -> Floats:
    """Give the chance of each place in the order, the least first, to be the best of so many chosen."""
    ways = math.comb(count, chosen)
    return np.array([math.comb(below, chosen - 1) / ways for below in range(count)])


def against_sampling(
    tasks: Sequence[GateTask],
    *,
    baseline: Rewards,
    champion: Rewards,
    n: float,
    level: float = 0.95,
    sd_floor: float = 0.10,
) -> Sampling:
    """Compare the champion with the best of `n` attempts of the baseline, task by task.

    Args:
        tasks: The tasks compared.
        baseline: Its rewards by task, None where missing; more of them than `n` make the estimate steadier.
        champion: Likewise.
        n: How many attempts of the baseline cost what one of the champion costs; below 1 counts as 1.
        level: Two-sided confidence.
        sd_floor: Least standard deviation of a task difference.
    """
    n = max(n, 1.0)
    best = {task.id: best_of(_scored(baseline, task.id), n) for task in tasks}
    ours = {task.id: best_of(_scored(champion, task.id), 1) for task in tasks}
    known = np.array([best[task.id] is not None and ours[task.id] is not None for task in tasks])
    after, before = _array(tasks, ours), _array(tasks, best)
    statistic = paired_t(units_of(tasks, known, np.round(after - before, 12)), sd_floor) if known.any() else None
    reach = quantile(level, statistic.df) * statistic.se if statistic else None
    return Sampling(
        n=n,
        level=level,
        champion_mean=float(after[known].mean()) if known.any() else None,
        best_of_n_mean=float(before[known].mean()) if known.any() else None,
        difference=statistic.mean if statistic else None,
        lower=max(-1.0, statistic.mean - reach) if statistic and reach is not None else None,
        upper=min(1.0, statistic.mean + reach) if statistic and reach is not None else None,
        tasks=int(known.sum()),
        tasks_left_out=int((~known).sum()),
    )


def _scored(rewards: Rewards, task: str) -> list[float]:
    return [value for value in rewards.get(task, ()) if value is not None]


def _array(tasks: Sequence[GateTask], values: Mapping[str, float | None]) -> Floats:
    return np.array([values[task.id] or 0.0 for task in tasks], dtype=np.float64)
