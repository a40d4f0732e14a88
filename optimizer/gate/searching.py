"""A search mode: small batches, and evidence that travels with a change.

It promises nothing about a whole night, its prior is a choice, and no run file can choose it yet. Tests against
one champion share its attempts, yet their evidence is added as if they did not: the posterior is a little too sure.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from optimizer.gate.arms import Floats
from optimizer.gate.night import DrawAttempts
from optimizer.gate.verdicts import STALE_PARENT, Verdict

BETTER, NOT_BETTER = "looks better than the champion", "not shown to be better than the champion"
NOTHING_SCORED, USED_UP = "no attempt could be scored", "the attempts planned are used up"
TOO_MANY_MISSING = "the held-out attempts cannot be judged"
SE_FLOOR = 0.02


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """Hold the thresholds and the prior: a share `spike` of changes does nothing, the rest spread by `tau`."""

    keep_at: float = 0.7
    drop_at: float = 0.25
    forget_below: float = 0.15
    remove_below: float = 0.2
    hold_above: float = 0.9
    batches: int = 12
    batch: int = 12
    pool: int = 3
    pool_cap: int = 6
    spike: float = 0.4
    tau: float = 0.07
    max_missing: float = 0.10


@dataclass(frozen=True, slots=True)
class Evidence:
    """Hold what is known of the effect of adding a change: precision, and precision times mean."""

    weight: float = 0.0
    weighted: float = 0.0

    def plus(self, effect: float, error: float, *, undoes: bool = False) -> Evidence:
        """Add one estimate, with its sign turned when the change was taken away."""
        weight = error**-2
        return Evidence(self.weight + weight, self.weighted + (-effect if undoes else effect) * weight)

    def chance(self, config: SearchConfig) -> float:
        """Give the posterior probability that the effect is above zero."""
        if not self.weight:
            return (1 - config.spike) / 2
        mean, noise, prior = self.weighted / self.weight, 1 / self.weight, config.tau**2
        narrow = math.log(config.spike) - 0.5 * (math.log(noise) + mean**2 / noise)
        wide = math.log(1 - config.spike) - 0.5 * (math.log(noise + prior) + mean**2 / (noise + prior))
        slab = 1 / (1 + math.exp(min(narrow - wide, 700.0)))
        return slab * float(ndtr(mean * math.sqrt(prior / (noise * (noise + prior)))))


class _Arm:
    def __init__(self, tasks: int) -> None:
        self.asked, self.scored, self.total = (np.zeros(tasks) for _ in range(3))

    def add(self, at: int, rewards: Sequence[float | None]) -> None:
        scored = [reward for reward in rewards if reward is not None]
        if not all(0 <= reward <= 1 for reward in scored):
            raise ValueError(f"a reward is not a number in [0, 1]: {scored}")
        self.asked[at] += len(rewards)
        self.scored[at] += len(scored)
        self.total[at] += math.fsum(scored)

    @property
    def missing(self) -> float:
        """Give the share of attempts without a reward."""
        return 1 - float(self.scored.sum()) / max(float(self.asked.sum()), 1.0)


def _difference(ours: _Arm, theirs: _Arm) -> tuple[float, float] | None:
    both = (ours.scored > 0) & (theirs.scored > 0)
    if not both.any():
        return None
    n, m = ours.scored[both], theirs.scored[both]
    a, b = ours.total[both] / n, theirs.total[both] / m
    per_arm: Floats = 2 / (1 / n + 1 / m)
    pooled = (a + b) / 2
    variance = pooled * (1 - pooled) * 2 * per_arm / (2 * per_arm - 1) * (1 / n + 1 / m)
    return float((a - b).mean()), max(math.sqrt(float(variance.sum())) / len(a), SE_FLOOR)


class SearchNight:
    """Search with at most `budget` attempts; what is left of the money is for a fresh report.

    Args:
        config: Thresholds and prior.
        heldout_tasks: Their ids.
        draw: Makes attempts.
        baseline: The first champion's id.
        budget: Attempts at most.
        seed: Settles ties between equally often attempted tasks.
    """

    def __init__(
        self,
        config: SearchConfig,
        heldout_tasks: Sequence[str],
        draw: DrawAttempts,
        baseline: str = "c000",
        budget: int = 3680,
        seed: int = 0,
    ) -> None:
        self.config, self.tasks, self.champion, self.budget = config, tuple(heldout_tasks), baseline, budget
        self.attempts_spent = 0
        self._draw, self._coin = draw, random.Random(seed)
        self._pool = _Arm(len(self.tasks))
        self._known: dict[str, Evidence] = {}

    def test(self, candidate: str, *, change: str, undoes: bool = False, parent: str | None = None) -> Verdict:
        """Test a candidate that makes `change` to the champion, or takes it away again (`undoes`).

        Evidence is kept whatever the verdict, but for a candidate that loses too many attempts. One that the budget
        cuts off is undecided.

        Raises:
            ValueError: `draw` gave another number of rewards than asked for, or one outside [0, 1].
        """
        if parent not in (None, self.champion):
            return Verdict("invalid", STALE_PARENT)
        before = self._known.get(change, Evidence())
        if before.weight and not undoes and before.chance(self.config) < self.config.forget_below:
            return Verdict("reject", NOT_BETTER)
        arm = _Arm(len(self.tasks))
        verdict, after = self._drawn(candidate, arm, before, undoes)
        if arm.missing > self.config.max_missing and after.weight > before.weight:
            return Verdict("invalid", TOO_MANY_MISSING)
        self._known[change] = after
        if verdict.verdict == "keep":
            self.champion, self._pool = candidate, _Arm(len(self.tasks))
        return verdict

    def _drawn(self, candidate: str, arm: _Arm, before: Evidence, undoes: bool) -> tuple[Verdict, Evidence]:
        """Draw batches until the evidence, before and now, says enough."""
        after = before
        for number in range(self.config.batches):
            if not self._batch(candidate, arm, number):
                return Verdict("undecided", USED_UP), after
            found = _difference(arm, self._pool)
            if found is None:
                return Verdict("undecided", NOTHING_SCORED), before
            after = before.plus(*found, undoes=undoes)
            end = self._end(after.chance(self.config), undoes)
            if end is not None:
                return Verdict("keep", BETTER) if end else Verdict("reject", NOT_BETTER), after
        return Verdict("reject", NOT_BETTER), after

    def _end(self, chance: float, undoes: bool) -> bool | None:
        keep, drop = chance > self.config.keep_at, chance < self.config.drop_at
        if undoes:
            keep, drop = chance < self.config.remove_below, chance > self.config.hold_above
        return True if keep else False if drop else None

    def _batch(self, candidate: str, arm: _Arm, number: int) -> bool:
        order = sorted(range(len(self.tasks)), key=lambda at: (arm.asked[at], self._coin.random()))
        chosen = order[: self.config.batch]
        pool = min(max(self.config.pool, number + 1), self.config.pool_cap)
        needs = {at: max(int(pool - self._pool.scored[at]), 0) for at in chosen}
        price = len(chosen) + sum(needs.values())
        if self.attempts_spent + price > self.budget:
            return False
        for at, need in needs.items():
            arm.add(at, self._asked(candidate, at, 1))
            if need:
                self._pool.add(at, self._asked(self.champion, at, need))
        self.attempts_spent += price
        return True

    def _asked(self, name: str, at: int, count: int) -> Sequence[float | None]:
        rewards = self._draw(name, self.tasks[at], count)
        if len(rewards) != count:
            raise ValueError(f"draw gave {len(rewards)} rewards for {name}/{self.tasks[at]}, not {count}")
        return rewards
