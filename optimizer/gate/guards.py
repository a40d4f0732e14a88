"""Conditions a better score must not break: cost and latency."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Costs = Mapping[str, Sequence[float]]
"""Task id -> what each attempt cost: dollars, tokens or seconds."""

LEAST = 1e-6
"""Costs below this count as this much, so that a free task has a logarithm."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Report a guard: the geometric mean ratio candidate / champion and its one-sided upper bound.

    Both are None, and the guard fails, where fewer than two tasks can be compared.
    """

    name: str
    passed: bool
    ratio: float | None
    upper: float | None
    limit: float
    tasks: int


def ratio_guard(
    name: str,
    candidate: Costs,
    champion: Costs,
    *,
    limit: float = 1.25,
    confidence: float = 0.90,
    typical: bool = False,
) -> Guard:
    """Bound how much more a candidate costs per task than the champion.

    Passes when the upper t bound on the mean log ratio of task means, winsorised at the 1% and 99%
    task, lies within log(limit). With fewer than two shared tasks nothing can be bounded and it fails.

    Args:
        name: What is bounded, such as `cost`.
        candidate: Its attempts' costs by task.
        champion: The champion's, by task.
        limit: The ratio allowed.
        confidence: One-sided confidence of the bound.
        typical: Compare geometric means of a task's attempts. They do not depend on how many there are, but take
            little notice of a rare attempt that costs far more.
    """
    from scipy.special import stdtrit

    shared = sorted(task for task in candidate if candidate[task] and champion.get(task))
    if len(shared) < 2:
        return Guard(name, passed=False, ratio=None, upper=None, limit=limit, tasks=len(shared))
    level = _mean_log if typical else _log_mean
    logs = np.array([level(candidate[task]) - level(champion[task]) for task in shared])
    logs = np.clip(logs, *np.quantile(logs, (0.01, 0.99)))
    reach = float(stdtrit(len(logs) - 1, confidence)) * float(logs.std(ddof=1)) / math.sqrt(len(logs))
    mean = float(logs.mean())
    upper = math.exp(mean + reach)
    return Guard(name, passed=upper <= limit, ratio=math.exp(mean), upper=upper, limit=limit, tasks=len(logs))


def _log_mean(costs: Sequence[float]) -> float:
    return math.log(max(math.fsum(costs) / len(costs), LEAST))


def _mean_log(costs: Sequence[float]) -> float:
    return math.fsum(math.log(max(cost, LEAST)) for cost in costs) / len(costs)
