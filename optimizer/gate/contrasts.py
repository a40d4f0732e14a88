"""Several arms on the same tasks, each held against the first, with intervals that hold all at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.gate.arms import Flags, Floats, GateTask, Rewards, Tally, differences, means, tally
from optimizer.gate.design import POWER, S2, TAU
from optimizer.gate.estimates import Estimand, Middle, benchmark_middle, population_middle
from optimizer.gate.missing import included
from optimizer.gate.population import Units, quantile, units_of

DRAWS: Final = 20_000
SEED: Final = 20_261_126

ONE, MAX_T, BONFERRONI = "one interval", "max-t", "Bonferroni"


@dataclass(frozen=True, slots=True)
class Contrast:
    """Report one arm's mean difference from the first arm; every number is None when nothing can be estimated.

    `smallest` is the true difference that a comparison with this noise would call four times in five.
    """

    difference: float | None
    lower: float | None
    upper: float | None
    smallest: float | None


@dataclass(frozen=True, slots=True)
class Contrasts:
    """Report all arms: the contrasts in the order of the arms after the first, and what they rest on.

    `means` are the arms' scores over the tasks used, None without any; `units` tasks or clusters;
    `method` says how the intervals were made to hold together.
    """

    target: Estimand
    level: float
    method: str
    means: tuple[float | None, ...]
    rows: tuple[Contrast, ...]
    tasks: int
    units: int
    excluded: tuple[str, ...]


def contrasts(
    tasks: Sequence[GateTask],
    arms: Sequence[Rewards],
    *,
    target: Estimand,
    level: float = 0.95,
    phi: float = 1.0,
    sd_floor: float = 0.10,
) -> Contrasts:
    """Hold every arm against the first on the tasks that all of them can be compared on.

    With two arms this is `estimate`. With more, all intervals hold together with `level`: about the
    population by the largest of correlated t statistics (Dunnett's idea, simulated from the
    correlation seen), about these very tasks by Bonferroni.

    Args:
        tasks: The tasks compared.
        arms: Rewards by task, None where missing; at least two arms.
        target: What the number is about.
        level: Two-sided confidence of all intervals together.
        phi: Over-dispersion of replicates (benchmark only).
        sd_floor: Least standard deviation of a task difference (population only).

    Raises:
        ValueError: Fewer than two arms, or a reward that is not a number in [0, 1].
    """
    ids = [task.id for task in tasks]
    tallies = [tally(ids, arm) for arm in arms]
    if len(tallies) < 2 or not all(each.sound for each in tallies):
        raise ValueError("two arms at least, of rewards in [0, 1], are compared")
    first, *others = tallies
    kept = np.logical_and.reduce([included(each, first) for each in others])
    middles = [_middle(tasks, each, first, kept, target, phi, sd_floor) for each in others]
    method = ONE if len(others) == 1 else MAX_T if target == "population" else BONFERRONI
    wide = _criticals(tasks, tallies, kept, middles, method, level)
    return Contrasts(
        target=target,
        level=level,
        method=method,
        means=tuple(float(means(each)[kept].mean()) if kept.any() else None for each in tallies),
        rows=tuple(_contrast(middle, critical) for middle, critical in zip(middles, wide, strict=True)),
        tasks=int(kept.sum()),
        units=next((middle.units for middle in middles if middle is not None), 0),
        excluded=tuple(ids[at] for at in np.flatnonzero(~kept).tolist()),
    )


def _middle(
    tasks: Sequence[GateTask], new: Tally, old: Tally, kept: Flags, target: Estimand, phi: float, sd_floor: float
) -> Middle | None:
    if target == "population":
        return population_middle(tasks, new, old, kept, sd_floor)
    return benchmark_middle(new, old, kept, phi)


def _criticals(
    tasks: Sequence[GateTask],
    arms: Sequence[Tally],
    kept: Flags,
    middles: Sequence[Middle | None],
    method: str,
    level: float,
) -> list[float]:
    """Give each contrast the number of standard errors its interval reaches."""
    if method == MAX_T and all(middles):
        each = [units_of(tasks, kept, differences(arm, arms[0])) for arm in arms[1:]]
        df = min(middle.df or math.inf for middle in middles if middle is not None)
        return [max_t(correlation(each), df, level)] * len(middles)
    single = 1 - (1 - level) / len(middles)
    return [quantile(single, middle.df) if middle else math.inf for middle in middles]


def _contrast(middle: Middle | None, critical: float) -> Contrast:
    if middle is None:
        return Contrast(None, None, None, None)
    reach = critical * middle.se
    power = quantile(2 * POWER - 1, middle.df)
    return Contrast(
        difference=middle.difference,
        lower=max(-1.0, middle.difference - reach),
        upper=min(1.0, middle.difference + reach),
        smallest=min(1.0, (critical + power) * middle.se),
    )


def correlation(units: Sequence[Units]) -> Floats:
    """Give the correlation of the mean differences, from the units' residuals within strata."""
    stratum = units[0].stratum
    size = np.bincount(stratum, minlength=1)
    weight = np.sqrt(size / np.maximum(size - 1, 1))[stratum]
    rows = np.array([_residuals(each, size) * weight for each in units])
    moments = rows @ rows.T
    scale = np.sqrt(np.diag(moments))
    scale[scale == 0] = np.inf  # what does not vary is taken for unrelated, which widens
    seen = moments / np.outer(scale, scale)
    np.fill_diagonal(seen, 1.0)
    return np.asarray(seen, dtype=np.float64)


def _residuals(units: Units, size: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    centre = np.bincount(units.stratum, weights=units.difference) / size
    return np.asarray(units.difference - centre[units.stratum], dtype=np.float64)


def max_t(correlated: Floats, df: float, level: float) -> float:
    """Give the value that the largest of correlated t statistics stays below with probability `level`.

    Simulated with a fixed seed; each statistic has its own estimated error, and these hang together
    as the statistics do. Never above Bonferroni's value, nor below that of a single t.
    """
    count = len(correlated)
    single, bonferroni = quantile(level, df), quantile(1 - (1 - level) / count, df)
    if count == 1 or df < count:
        return bonferroni
    rng = np.random.default_rng(SEED)
    values, vectors = np.linalg.eigh(correlated)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    spread = np.sqrt(((root @ _wishart_root(rng, count, df)) ** 2).sum(axis=2) / df)
    ratio = np.abs(rng.normal(size=(DRAWS, count)) @ root.T) / spread
    return min(max(float(np.quantile(ratio.max(axis=1), level)), single), bonferroni)


def _wishart_root(rng: np.random.Generator, count: int, df: float) -> Floats:
    """Draw triangles whose products with themselves are sums of squares and products (Bartlett's way)."""
    root = np.zeros((DRAWS, count, count))
    for row in range(count):
        root[:, row, :row] = rng.normal(size=(DRAWS, row))
        root[:, row, row] = np.sqrt(rng.chisquare(df - row, size=DRAWS))
    return root


def smallest_difference(
    *, tasks: int, runs: int, target: Estimand, level: float = 0.95, arms: int = 2, tau: float = TAU, s2: float = S2
) -> float:
    """Foretell the true difference that a design would call four times in five, before it is paid for.

    Args:
        tasks: Tasks compared.
        runs: Attempts of each task in each arm.
        target: What the number is about.
        level: Two-sided confidence of all intervals together.
        arms: Arms compared, the first included.
        tau: Standard deviation of a difference over tasks.
        s2: Mean within-task variance of one attempt.
    """
    between = tau**2 if target == "population" else 0.0
    se = math.sqrt((between + s2 * 2 / runs) / tasks)
    df = float(max(tasks - 1, 1))
    return min(1.0, (quantile(1 - (1 - level) / (arms - 1), df) + quantile(2 * POWER - 1, df)) * se)
