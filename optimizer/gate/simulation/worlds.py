"""Worlds whose truth is known, to hold a gate against.

A world has a population of tasks with success rates; the held-out tasks are a sample of it. Each
candidate changes the rates by an effect whose mean is set exactly, so that a keep can be called
true or false. Synthetic: it says how a rule behaves, nothing about any model.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from optimizer.gate.arms import Floats, GateTask, Ints
from optimizer.gate.simulation.changes import NOTHING, Change

Reward = Literal["binary", "continuous", "skewed", "exact"]
Truth = Literal["population", "heldout"]

POPULATION = 2000
KNOWN_ANSWER = 0.98
"""The rate at a task whose answer a change holds."""
CONCENTRATION = 4.0
"""How tightly continuous rewards lie around their rate: a variance of p (1 - p) / 5."""


@dataclass(frozen=True, slots=True)
class WorldConfig:
    """Say what a world is made of.

    Args:
        tasks: How many held-out tasks.
        visible: How many tasks a proposer sees, apart from those and from the population that truth is about.
        sealed: How many test tasks, for the report alone.
        correlation: Intra-class correlation of attempts of one harness at one task.
        reward: `binary`; `continuous` in [0, 1]; `skewed`: nearly without noise, most tasks a little up, few far
            down; or `exact`: the rate itself.
        truth: Whether effects are set, and gains measured, over the population or over the held-out tasks.
        baseline: Crashes and losses of the first harness.
        drift: From the candidate `drift_at` on every rate has moved by this share of its way to 1, or to 0 if negative.
    """

    tasks: int = 100
    visible: int = 0
    sealed: int = 0
    correlation: float = 0.0
    reward: Reward = "binary"
    truth: Truth = "population"
    baseline: Change = NOTHING
    drift: float = 0.0
    drift_at: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """Hold what a change does to any rates: moves them, and knows some answers."""

    change: Change
    move: Floats
    answers: Ints

    def of(self, rates: Floats) -> Floats:
        """Give the rates after it."""
        moved = _cut(rates + self.move)
        moved[self.answers] = KNOWN_ANSWER
        return moved


@dataclass(frozen=True, slots=True, eq=False)
class _Harness:
    steps: tuple[_Step, ...]
    names: tuple[str, ...]
    change: Change
    rates: Floats
    seen: dict[str, float]
    plain: bool


class World:
    """Draw attempts of candidates whose true gain is known.

    Args:
        seed: Everything random follows from it.
        config: What the world is made of.
    """

    def __init__(self, seed: int, config: WorldConfig | None = None) -> None:
        self.seed, self.config = seed, config or WorldConfig()
        self._rng = np.random.default_rng(seed)
        self._coin = random.Random(seed)
        self._known = POPULATION - self.config.visible
        self._measured = self._known if self.config.truth == "population" else self.config.tasks
        self.tasks = _named("t", self.config.tasks)
        self.sealed = _named("s", self.config.sealed)
        self.visible = _named("v", self.config.visible)
        self._ids = [task.id for task in (*self.tasks, *self.sealed, *self.visible)]
        base = self._base_rates()
        self._harnesses = {"c000": self._made((), (), base)}

    def add(self, candidate: str, change: Change, *, parent: str = "c000") -> None:
        """Make a candidate out of a parent."""
        before = self._harnesses[parent]
        answers = (
            *self._leaked(change.leaks, self._known, POPULATION),
            *self._leaked(change.heldout_leaks, 0, self.config.tasks),
        )
        step = _Step(change, self._move(before.rates, change), np.array(answers, dtype=np.int64))
        self._harnesses[candidate] = self._made(
            (*before.steps, step), (*before.names, candidate), step.of(before.rates)
        )

    def without(self, champion: str, changes: Sequence[str]) -> str:
        """Make the champion again without some of the changes it is made of, and name what was made."""
        whole = self._harnesses[champion]
        left = [at for at, name in enumerate(whole.names) if name not in changes]
        steps, rates = tuple(whole.steps[at] for at in left), self._harnesses["c000"].rates
        for step in steps:
            rates = step.of(rates)
        name = "-".join((champion, *changes))
        self._harnesses[name] = self._made(steps, tuple(whole.names[at] for at in left), rates)
        return name

    def _made(self, steps: tuple[_Step, ...], names: tuple[str, ...], rates: Floats) -> _Harness:
        change = steps[-1].change if steps else self.config.baseline
        plain = self.config.reward == "binary" and not (change.crashes or change.lost_failures)
        return _Harness(steps, names, change, rates, self._seen(rates), plain)

    def true_gain(self, candidate: str, parent: str = "c000") -> float:
        """Give the mean gain over what `truth` names, crashes included, visible tasks always left out."""
        return round(self._mean(candidate) - self._mean(parent), 9)

    def draw(self, candidate: str, task: str, count: int) -> list[float | None]:
        """Make attempts: the shape `Night` asks for."""
        harness, toss = self._harnesses[candidate], self._coin.random
        rate = harness.seen[task]
        if self.config.drift:
            rate = self._drifted(rate)
        if not harness.plain:
            return [self._attempt(harness.change, rate) for _ in range(count)]
        return [1.0 if toss() < rate else 0.0 for _ in range(count)]

    def _drifted(self, rate: float) -> float:
        drift = self.config.drift if len(self._harnesses) > self.config.drift_at else 0.0
        return rate + drift * (1 - rate if drift > 0 else rate)

    def _attempt(self, change: Change, rate: float) -> float | None:
        if change.crashes and self._coin.random() < change.crashes:
            return 0.0
        if self.config.reward != "binary":
            return self._graded(rate)
        if self._coin.random() < rate:
            return 1.0
        return None if change.lost_failures and self._coin.random() < change.lost_failures else 0.0

    def _graded(self, rate: float) -> float:
        if self.config.reward == "exact":
            return rate
        if self.config.reward == "skewed":
            return min(1.0, max(0.0, rate + self._coin.uniform(-0.01, 0.01)))
        safe = min(max(rate, 0.001), 0.999)
        return self._coin.betavariate(CONCENTRATION * safe, CONCENTRATION * (1 - safe))

    def _base_rates(self) -> Floats:
        if self.config.reward in ("skewed", "exact"):
            return self._rng.uniform(0.3, 0.6, POPULATION)
        kind = self._rng.random(POPULATION)
        low, high = self._rng.beta(0.5, 20, POPULATION), self._rng.beta(20, 0.5, POPULATION)
        middle = self._rng.uniform(0.1, 0.9, POPULATION)
        return np.where(kind < 0.30, low, np.where(kind < 0.65, high, middle))

    def _move(self, rates: Floats, change: Change) -> Floats:
        effect = self._rng.normal(0.0, 1.0, POPULATION) * change.spread
        if change.outlier:
            effect = np.where(self._rng.random(POPULATION) < change.outlier, -0.3, 0.0)
        if not effect.any() and not change.gain:
            return effect
        here, before = (rates + effect)[: self._measured], rates[: self._measured]
        return effect + _shift(here, float(before.mean()) + change.gain)

    def _leaked(self, leaks: int, low: int, high: int) -> list[int]:
        return self._rng.choice(np.arange(low, high), leaks, replace=False).tolist() if leaks else []

    def _seen(self, rates: Floats) -> dict[str, float]:
        """Give the rates of tasks that are attempted, each a draw around it when attempts hang together."""
        attempted = np.concatenate([rates[: self.config.tasks + self.config.sealed], rates[self._known :]])
        if self.config.correlation:
            weight = (1 - self.config.correlation) / self.config.correlation
            safe = np.clip(attempted, 1e-6, 1 - 1e-6)
            attempted = self._rng.beta(safe * weight, (1 - safe) * weight)
        return dict(zip(self._ids, attempted.tolist(), strict=True))

    def _mean(self, candidate: str) -> float:
        harness = self._harnesses[candidate]
        return float(harness.rates[: self._measured].mean()) * (1 - harness.change.crashes)


def _shift(rates: Floats, aim: float) -> float:
    """Give what must be added for the mean, after cutting to [0, 1], to be `aim`: Newton's steps within a bracket."""
    low, high, shift = -1.0, 1.0, 0.0
    for _ in range(60):
        moved = _cut(rates + shift)
        gap = aim - float(moved.mean())
        if abs(gap) < 1e-12:
            break
        low, high = (shift, high) if gap > 0 else (low, shift)
        free = int(np.count_nonzero((moved > 0) & (moved < 1)))
        step = shift + gap * len(rates) / free if free else high
        shift = step if low < step < high else (low + high) / 2
    return shift


def _cut(rates: Floats) -> Floats:
    return np.minimum(np.maximum(rates, 0.0), 1.0)


def _named(letter: str, count: int) -> tuple[GateTask, ...]:
    return tuple(GateTask(f"{letter}{number:03d}") for number in range(count))
