"""What decides in a world: the gate itself, or any other rule with the same four words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from optimizer.gate.arms import GateTask
from optimizer.gate.config import GateConfig
from optimizer.gate.estimates import estimate
from optimizer.gate.night import Night
from optimizer.gate.pruning import PruneConfig, Pruned, Pruning
from optimizer.gate.simulation.worlds import World

REPORT_RUNS = 5
"""Attempts per test task and arm behind the morning's number."""


@dataclass(frozen=True, slots=True)
class Claim:
    """State the gain a rule tells its user; bounds are None where it gives none.

    `removed` are kept changes that were taken out again before the gain was measured, `pruning` the attempts that took.
    """

    gain: float
    lower: float | None = None
    upper: float | None = None
    removed: tuple[str, ...] = ()
    pruning: int = 0


class Arena(Protocol):
    """Be where rules decide: tasks for the proposer's eyes, held-out ones, and attempts."""

    @property
    def seed(self) -> int:
        """Give what everything random follows from."""

    @property
    def visible(self) -> Sequence[GateTask]:
        """List the tasks a proposer sees."""

    @property
    def tasks(self) -> Sequence[GateTask]:
        """List the held-out tasks."""

    def draw(self, candidate: str, task: str, count: int) -> list[float | None]:
        """Make attempts."""


class Rule(Protocol):
    """Decide on one candidate after another, each built on the champion of the moment."""

    @property
    def champion(self) -> str:
        """Name what is kept now."""

    @property
    def attempts_spent(self) -> int:
        """Count every attempt so far."""

    def test(self, candidate: str) -> bool:
        """Say whether the candidate becomes the champion."""

    def claim(self) -> Claim:
        """State the gain of the champion over the first harness."""


class GateRule:
    """Let a night of the real gate decide, and fresh attempts state the gain.

    They are made on test tasks, or on the held-out ones where truth is about these very tasks.

    Args:
        world: Where it decides.
        config: The gate's settings.
        prune: How to prune at the night's end; None for not at all.
    """

    def __init__(self, world: World, config: GateConfig, prune: PruneConfig | None = None) -> None:
        self._world, self._config, self._prune = world, config, prune
        self._night = Night(config, world.tasks, world.draw)
        self._kept: list[str] = []
        self._pruned: Pruned | None = None
        self._reported = 0

    @property
    def champion(self) -> str:
        """Name what is kept now, after pruning what is left."""
        return self._pruned.champion if self._pruned else self._night.champion

    @property
    def attempts_spent(self) -> int:
        """Count every attempt so far, those of pruning and of the report included."""
        return self._night.attempts_spent + (self._pruned.attempts if self._pruned else 0) + self._reported

    def test(self, candidate: str) -> bool:
        """Say whether the gate keeps it."""
        kept = self._night.test(candidate).verdict == "keep"
        if kept:
            self._kept.append(candidate)
        return kept

    def claim(self) -> Claim:
        """Prune, then attempt tasks with both harnesses afresh; without a keep there is nothing to claim."""
        if not self._kept:
            return Claim(0.0)
        if self._prune:
            anchor, world = self._night.champion, self._world
            pruning = Pruning(self._prune, self._config, world.tasks, world.draw)
            self._pruned = pruning.prune(anchor, self._kept, lambda changes: world.without(anchor, changes))
        return self._measured(self._pruned or Pruned(self.champion, (), 0))

    def _measured(self, pruned: Pruned) -> Claim:
        about_these = self._world.config.truth == "heldout"
        tasks, names = self._world.tasks if about_these else self._world.sealed, ("c000", self.champion)
        first, last = ({task.id: self._world.draw(name, task.id, REPORT_RUNS) for task in tasks} for name in names)
        self._reported = REPORT_RUNS * len(tasks) * 2
        seen = estimate(tasks, baseline=first, champion=last, target="benchmark" if about_these else "population")
        return Claim(seen.difference or 0.0, seen.lower, seen.upper, pruned.removed, pruned.attempts)
