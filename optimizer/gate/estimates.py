"""How much better, with an interval: what certify and compare report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from optimizer.gate.arms import Flags, GateTask, Rewards, Tally, differences, means, sound_pair
from optimizer.gate.benchmark import separate_noise
from optimizer.gate.missing import included
from optimizer.gate.population import paired_t, quantile, units_of

Estimand = Literal["population", "benchmark"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Report a paired difference, champion minus baseline, and what it rests on.

    `units` are tasks or clusters averaged over, `runs` the mean scored attempts per task and arm,
    `coverage` scored / planned attempts of both arms. `improved` only when the lower bound is above 0.
    Every number is None when nothing can be estimated.
    """

    target: Estimand
    level: float
    difference: float | None
    lower: float | None
    upper: float | None
    baseline_mean: float | None
    champion_mean: float | None
    tasks: int
    units: int
    runs: float
    coverage: float
    excluded: tuple[str, ...]
    se: float | None = None

    @property
    def improved(self) -> bool:
        """Say whether the whole interval lies above zero."""
        return self.lower is not None and self.lower > 0


@dataclass(frozen=True, slots=True)
class Middle:
    """Hold a paired difference with its standard error; `df` is None for a normal one."""

    difference: float
    se: float
    df: float | None
    units: int


def look_confidence(look: int) -> float:
    """Give the two-sided confidence of a test split's look: .95 at the first, .975, .9875 and so on.

    One-sided, look n spends .05 / 2^n, so all looks ever made together spend at most .05.

    Raises:
        ValueError: Looks count from 1.
    """
    if look < 1:
        raise ValueError(f"looks count from 1, not {look}")
    return float(1 - 0.1 / 2**look)


def estimate(
    tasks: Sequence[GateTask],
    *,
    baseline: Rewards,
    champion: Rewards,
    target: Estimand,
    level: float = 0.95,
    phi: float = 1.0,
    sd_floor: float = 0.10,
) -> Estimate:
    """Estimate how much the champion gains over the baseline, with a two-sided interval.

    Both arms must be fresh: attempts that took part in no decision. `population` is the t interval
    on task (cluster) means by stratum; `benchmark` speaks of these very tasks and uses within-task noise.

    Args:
        tasks: The tasks compared.
        baseline: Its rewards by task, None where missing.
        champion: Likewise.
        target: What the number is about.
        level: Two-sided confidence.
        phi: Over-dispersion of replicates (benchmark only).
        sd_floor: Least standard deviation of a task difference (population only).

    Raises:
        ValueError: A reward is not a number in [0, 1].
    """
    ids = [task.id for task in tasks]
    old, new = sound_pair(ids, baseline, champion)
    kept = included(old, new)
    about_tasks = target == "population"
    middle = (
        population_middle(tasks, new, old, kept, sd_floor) if about_tasks else benchmark_middle(new, old, kept, phi)
    )
    return _reported(tasks, (old, new), kept, middle, target, level)


def population_middle(tasks: Sequence[GateTask], new: Tally, old: Tally, kept: Flags, sd_floor: float) -> Middle | None:
    """Average differences over task or cluster means by stratum; None when no error can be estimated."""
    statistic = paired_t(units_of(tasks, kept, differences(new, old)), sd_floor) if kept.any() else None
    if statistic is None:
        return None
    return Middle(statistic.mean, statistic.se, statistic.df, statistic.units)


def benchmark_middle(new: Tally, old: Tally, kept: Flags, phi: float) -> Middle | None:
    """Average differences over these very tasks, with the noise within them; None without any task."""
    count = int(kept.sum())
    if count == 0:
        return None
    parts = separate_noise(new, old)[kept]
    freedom = np.maximum((new.scored + old.scored)[kept] - 2, 1).astype(np.float64)
    least = 0.25 * float((1 / new.scored[kept] + 1 / old.scored[kept]).max())
    total = max(float(parts.sum()), least)
    df = total**2 / max(float((parts**2 / freedom).sum()), least**2 / max(float(freedom.sum()), 1.0))
    difference = float(differences(new, old)[kept].sum()) / count
    return Middle(difference, math.sqrt(phi * total) / count, df, count)


def _reported(
    tasks: Sequence[GateTask],
    arms: tuple[Tally, Tally],
    kept: Flags,
    middle: Middle | None,
    target: Estimand,
    level: float,
) -> Estimate:
    old, new = arms
    scored = int(old.scored.sum() + new.scored.sum())
    reach = quantile(level, middle.df) * middle.se if middle else None
    return Estimate(
        target=target,
        level=level,
        difference=middle.difference if middle else None,
        lower=max(-1.0, middle.difference - reach) if middle and reach is not None else None,
        upper=min(1.0, middle.difference + reach) if middle and reach is not None else None,
        baseline_mean=float(means(old)[kept].mean()) if kept.any() else None,
        champion_mean=float(means(new)[kept].mean()) if kept.any() else None,
        tasks=int(kept.sum()),
        units=middle.units if middle else 0,
        runs=scored / 2 / max(int(kept.sum()), 1),
        coverage=scored / max(int(old.drawn.sum() + new.drawn.sum()), 1),
        excluded=tuple(tasks[at].id for at in np.flatnonzero(~kept).tolist()),
        se=middle.se if middle else None,
    )
