"""How other tools decide, as their sources say, on the same attempts.

Each is the rule alone, not the tool: its proposer, search and prompts are left out, so the comparison is of
decisions. A missing attempt counts as no pass, as where passes are counted.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from optimizer.gate.arms import Floats, GateTask
from optimizer.gate.night import DrawAttempts
from optimizer.gate.simulation.rules import Arena, Claim, Rule

Tasks = Sequence[GateTask]


class _Recording:
    """Attempt tasks once each, and count."""

    def __init__(self, draw: DrawAttempts, baseline: str = "c000") -> None:
        self.champion = baseline
        self.attempts_spent = 0
        self._draw = draw

    def _passes(self, name: str, tasks: Tasks, runs: int = 1) -> Floats:
        self.attempts_spent += runs * len(tasks)
        drawn = [self._draw(name, task.id, runs) for task in tasks]
        return np.array([math.fsum(reward or 0.0 for reward in rewards) / runs for rewards in drawn])


class BestOnRecord(_Recording):
    """Keep what scores more in one attempt per task than the best score on record, or as much where `ties` do."""

    def __init__(self, tasks: Tasks, draw: DrawAttempts, *, ties: bool = False) -> None:
        super().__init__(draw)
        self._tasks, self._ties = tasks, ties
        self._first = self._best = float(self._passes(self.champion, tasks).mean())

    def test(self, candidate: str) -> bool:
        """Compare with the record; the champion is not attempted again."""
        score = float(self._passes(candidate, self._tasks).mean())
        if score < self._best or (score == self._best and not self._ties):
            return False
        self.champion, self._best = candidate, score
        return True

    def claim(self) -> Claim:
        """State the difference of the scores on record."""
        return Claim(self._best - self._first)


class MinibatchThenMean(_Recording):
    """Try three visible tasks against the champion; what does better is scored once on all held-out tasks."""

    BATCH = 3

    def __init__(self, visible: Tasks, heldout: Tasks, draw: DrawAttempts, coin: random.Random) -> None:
        super().__init__(draw)
        self._visible, self._coin = visible, coin
        self._record = BestOnRecord(heldout, draw)
        self.attempts_spent += self._record.attempts_spent

    def test(self, candidate: str) -> bool:
        """Keep the best mean on record among those that won their three tasks."""
        few = self._coin.sample(list(self._visible), self.BATCH)
        if self._passes(candidate, few).sum() <= self._passes(self.champion, few).sum():
            return False
        before = self._record.attempts_spent
        kept = self._record.test(candidate)
        self.attempts_spent += self._record.attempts_spent - before
        self.champion = self._record.champion
        return kept

    def claim(self) -> Claim:
        """State the difference of the held-out means on record."""
        return self._record.claim()


class PairedErrors(_Recording):
    """Keep when the mean paired difference to the champion's recorded rewards exceeds its standard error.

    The factor 1 is turned into the Student multiplier of the same one-sided level.
    """

    def __init__(self, tasks: Tasks, draw: DrawAttempts, *, runs: int = 1) -> None:
        from scipy.special import ndtr, stdtrit

        super().__init__(draw)
        self._tasks, self._runs = tasks, runs
        self._factor = float(stdtrit(len(tasks) - 1, float(ndtr(1.0))))
        self._record = self._passes(self.champion, tasks, runs)
        self._first = float(self._record.mean())

    def test(self, candidate: str) -> bool:
        """Compare with the recorded rewards; the champion is not attempted again."""
        rewards = self._passes(candidate, self._tasks, self._runs)
        apart = rewards - self._record
        if apart.mean() <= self._factor * apart.std(ddof=1) / math.sqrt(len(apart)):
            return False
        self.champion, self._record = candidate, rewards
        return True

    def claim(self) -> Claim:
        """State the difference of the recorded means."""
        return Claim(float(self._record.mean()) - self._first)


RIVALS: Mapping[str, Callable[[Arena], Rule]] = {
    "autoagent": lambda arena: BestOnRecord(arena.visible, arena.draw),
    "heldout-once": lambda arena: BestOnRecord(arena.tasks, arena.draw),
    "gepa": lambda arena: MinibatchThenMean(arena.visible, arena.tasks, arena.draw, random.Random(arena.seed)),
    "cap-evolve": lambda arena: PairedErrors(arena.tasks, arena.draw),
    "cap-evolve-3": lambda arena: PairedErrors(arena.tasks, arena.draw, runs=3),
    "auto-harness": lambda arena: BestOnRecord(arena.tasks, arena.draw, ties=True),
}

WORDS: Mapping[str, str] = {
    "autoagent": "visible tasks once, strictly more passes than the best on record (AutoAgent)",
    "heldout-once": "held-out tasks once, strictly more than the best on record",
    "gepa": "three visible tasks won, then the best held-out mean on record (GEPA)",
    "cap-evolve": "held-out once, paired difference to the record above its standard error (cap-evolve)",
    "cap-evolve-3": "the same with three attempts per task",
    "auto-harness": "held-out once, at least the best ever (auto-harness)",
}
