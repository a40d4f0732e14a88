"""What two arms of one and the same harness say about noise (A/A), and earlier tests about how unevenly changes act."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.gate.arms import Rewards, Tally, differences, sound_pair, tally
from optimizer.gate.benchmark import separate_noise
from optimizer.gate.missing import included

FEWEST_TESTS = 3
"""From fewer past tests than this nothing is said about how unevenly changes act."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Report an A/A measurement of `runs` attempts per task and arm.

    `s2` is the mean within-task variance of one attempt. `excess` is how much larger task differences
    between the arms are than attempts within an arm explain, about 1; `shared` is the variance that
    attempts of an arm share, in units of `s2`, 0 unless the excess is beyond its own error, and `phi`
    the factor it puts on the benchmark target's variance. `correlation` pairs attempts by position
    within a task: about 0, or the arms share their randomness. `difference` should be about 0.

    Neither shows how unevenly a change acts on tasks (tau): `unevenness` takes that from past tests.
    """

    tasks: int
    runs: float
    s2: float
    excess: float
    shared: float
    phi: float
    correlation: float | None
    difference: float
    difference_se: float

    def phi_for(self, runs: int, pool: int) -> float:
        """Carry `phi` over to other numbers of attempts: it grows with attempts per arm."""
        return _inflation(self.shared, _harmonic(runs, pool))


def _harmonic(first: float, second: float) -> float:
    return 2.0 / (1.0 / first + 1.0 / second)


def _inflation(shared: float, runs: float) -> float:
    """Give the factor by which noise exceeds what the benchmark statistic reckons with.

    That statistic takes its variance over both arms together, so it sees part of the excess itself.
    """
    return (1.0 + runs * shared) / (1.0 + runs * shared / (2.0 * runs - 1.0))


def noise(arm_a: Rewards, arm_b: Rewards) -> Noise | None:
    """Measure noise from two arms of the same harness; None with fewer than two tasks of two attempts each.

    Position matters here and only here: attempt i of one arm is paired with attempt i of the other.

    Raises:
        ValueError: A reward is not a number in [0, 1].
    """
    ids = sorted(task for task in arm_a if task in arm_b)
    first, second = sound_pair(ids, arm_a, arm_b)
    fit = included(first, second) & (np.minimum(first.scored, second.scored) >= 2)
    if int(fit.sum()) < 2:
        return None
    spread = (_squares(first) + _squares(second))[fit] / (first.scored + second.scored - 2)[fit]
    expected = spread * (1 / first.scored[fit] + 1 / second.scored[fit])
    seen = differences(first, second)[fit]
    excess = float((seen**2).sum() / expected.sum()) if expected.sum() > 0 else 1.0
    count = len(seen)
    error = math.sqrt(2.0 * float((expected**2).sum())) / float(expected.sum()) if expected.sum() > 0 else 0.0
    runs = _harmonic(float(first.scored[fit].mean()), float(second.scored[fit].mean()))
    shared = (excess - 1.0) / runs if excess > 1 + 2 * error else 0.0
    return Noise(
        tasks=count,
        runs=runs,
        s2=float(spread.mean()),
        excess=excess,
        shared=shared,
        phi=_inflation(shared, runs),
        correlation=_correlation([ids[at] for at in np.flatnonzero(fit).tolist()], arm_a, arm_b),
        difference=float(seen.mean()),
        difference_se=math.sqrt(max(excess, 1.0) * float(expected.sum())) / count,
    )


def unevenness(tests: Sequence[tuple[Rewards, Rewards]]) -> float | None:
    """Estimate tau, the standard deviation over tasks of what a change does, from past tests' two arms.

    By moments: what task differences vary beyond the noise of their attempts, averaged over tests (DerSimonian and
    Laird, 1986, with equal weights). None unless three tests have two scored attempts in each arm on two tasks.
    """
    found = [excess for one, other in tests if (excess := _beyond_noise(one, other)) is not None]
    if len(found) < FEWEST_TESTS:
        return None
    return math.sqrt(max(0.0, math.fsum(found) / len(found)))


def _beyond_noise(candidate: Rewards, champion: Rewards) -> float | None:
    ids = sorted(task for task in candidate if task in champion)
    ours, theirs = tally(ids, candidate), tally(ids, champion)
    fit = included(ours, theirs) & (np.minimum(ours.scored, theirs.scored) >= 2)
    if int(fit.sum()) < 2:
        return None
    seen = differences(ours, theirs)[fit]
    return float(seen.var(ddof=1) - separate_noise(ours, theirs)[fit].mean())


def _squares(arm: Tally) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.maximum(arm.squares - arm.total**2 / np.maximum(arm.scored, 1), 0.0)


def _correlation(ids: Sequence[str], arm_a: Rewards, arm_b: Rewards) -> float | None:
    left: list[float] = []
    right: list[float] = []
    for task in ids:
        pairs = [(a, b) for a, b in zip(arm_a[task], arm_b[task], strict=False) if a is not None and b is not None]
        if len(pairs) >= 2:
            a_mean = sum(a for a, _ in pairs) / len(pairs)
            b_mean = sum(b for _, b in pairs) / len(pairs)
            left += [a - a_mean for a, _ in pairs]
            right += [b - b_mean for _, b in pairs]
    power = math.fsum(a * a for a in left) * math.fsum(b * b for b in right)
    if power <= 0:
        return None
    return math.fsum(a * b for a, b in zip(left, right, strict=True)) / math.sqrt(power)
