"""Worlds whose truth is known, to hold a gate against.

A world has a population of tasks with success rates; the held-out tasks are a sample of it. Each
candidate changes the rates by an effect whose mean is set exactly, so that a keep can be called
true or false. Synthetic: it says how a rule behaves, nothing about any model.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

import numpy as np

from optimizer.gate.arms import Floats, GateTask

Reward = Literal["binary", "skewed"]
Truth = Literal["population", "heldout"]

POPULATION = 2000


@dataclass(frozen=True, slots=True)
class Change:
    """Describe what a candidate does to the rates of its parent.

    `gain` is its exact mean effect, `spread` the standard deviation over tasks before rates are cut to
    [0, 1]. `crashes` is a share of its attempts that end at 0 whatever the task, `lost_failures` a share
    of its failures that come back as missing. `outlier` is the share of tasks that pay for the rest's
    small gains, for skewed worlds. `leaks` counts visible tasks whose answer the change holds.
    """

    gain: float = 0.0
    spread: float = 0.0
    crashes: float = 0.0
    lost_failures: float = 0.0
    outlier: float = 0.0
    leaks: int = 0


NOTHING = Change()


@dataclass(frozen=True, slots=True)
class _Harness:
    change: Change
    rates: Floats
    seen: list[float]


class World:
    """Draw attempts of candidates whose true gain is known.

    Args:
        seed: Everything random follows from it.
        tasks: How many held-out tasks.
        visible: How many tasks a proposer sees, apart from those and from the population that truth is about.
        correlation: Intra-class correlation of attempts of one harness at one task.
        reward: `binary`, or `skewed`: nearly without noise, most tasks a little up, few far down.
        truth: Whether a change's mean effect is set over the population or over the held-out tasks.
        baseline: Crashes and losses of the first harness.
    """

    def __init__(
        self,
        seed: int,
        *,
        tasks: int = 100,
        visible: int = 0,
        correlation: float = 0.0,
        reward: Reward = "binary",
        truth: Truth = "population",
        baseline: Change = NOTHING,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._coin = random.Random(seed)
        self._correlation = correlation
        self._reward = reward
        self._known = POPULATION - visible
        self._measured = self._known if truth == "population" else tasks
        self.tasks = tuple(GateTask(f"t{number:03d}") for number in range(tasks))
        self.visible = tuple(GateTask(f"v{number:03d}") for number in range(visible))
        self._at = {task.id: number for number, task in enumerate((*self.tasks, *self.visible))}
        base = self._base_rates()
        self._harnesses = {"c000": _Harness(baseline, base, self._seen(base))}

    def add(self, candidate: str, change: Change, *, parent: str = "c000") -> None:
        """Make a candidate out of a parent."""
        rates = self._leaked(self._changed(self._harnesses[parent].rates, change), change.leaks)
        self._harnesses[candidate] = _Harness(change, rates, self._seen(rates))

    def true_gain(self, candidate: str, parent: str = "c000") -> float:
        """Give the mean gain over the population, crashes included, visible tasks left out."""
        return self._mean(candidate) - self._mean(parent)

    def draw(self, candidate: str, task: str, count: int) -> list[float | None]:
        """Make attempts: the shape `Night` asks for."""
        harness = self._harnesses[candidate]
        rate = harness.seen[self._at[task]]
        if self._reward == "skewed":
            return [min(1.0, max(0.0, rate + self._coin.uniform(-0.01, 0.01))) for _ in range(count)]
        return [self._attempt(harness.change, rate) for _ in range(count)]

    def _attempt(self, change: Change, rate: float) -> float | None:
        if change.crashes and self._coin.random() < change.crashes:
            return 0.0
        if self._coin.random() < rate:
            return 1.0
        return None if change.lost_failures and self._coin.random() < change.lost_failures else 0.0

    def _base_rates(self) -> Floats:
        if self._reward == "skewed":
            return self._rng.uniform(0.3, 0.6, POPULATION)
        kind = self._rng.random(POPULATION)
        low, high = self._rng.beta(0.5, 20, POPULATION), self._rng.beta(20, 0.5, POPULATION)
        middle = self._rng.uniform(0.1, 0.9, POPULATION)
        return np.where(kind < 0.30, low, np.where(kind < 0.65, high, middle))

    def _changed(self, rates: Floats, change: Change) -> Floats:
        effect = self._rng.normal(0.0, 1.0, POPULATION) * change.spread
        if change.outlier:
            effect = np.where(self._rng.random(POPULATION) < change.outlier, -0.3, 0.0)
        if not effect.any() and not change.gain:
            return rates
        low, high = -1.0, 1.0
        measured = slice(None, self._measured)
        for _ in range(40):
            shift = (low + high) / 2
            moved = np.clip(rates + effect + shift, 0.0, 1.0)
            high, low = (shift, low) if (moved - rates)[measured].mean() > change.gain else (high, shift)
        return np.clip(rates + effect + (low + high) / 2, 0.0, 1.0)

    def _leaked(self, rates: Floats, leaks: int) -> Floats:
        if not leaks:
            return rates
        known = self._rng.choice(np.arange(self._known, POPULATION), leaks, replace=False)
        return np.where(np.isin(np.arange(POPULATION), known), 0.98, rates)

    def _seen(self, rates: Floats) -> list[float]:
        """Give the rates of held-out and visible tasks, each a draw around it when attempts hang together."""
        heldout = np.concatenate([rates[: len(self.tasks)], rates[self._known :]])
        if self._correlation:
            weight = (1 - self._correlation) / self._correlation
            safe = np.clip(heldout, 1e-6, 1 - 1e-6)
            heldout = self._rng.beta(safe * weight, (1 - safe) * weight)
        return [float(rate) for rate in heldout]

    def _mean(self, candidate: str) -> float:
        harness = self._harnesses[candidate]
        return float(harness.rates[: self._known].mean()) * (1 - harness.change.crashes)
