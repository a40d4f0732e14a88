"""Which attempts a stage still needs."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from optimizer.gate.arms import Flags, GateTask, Tally
from optimizer.gate.config import GateConfig

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Slot:
    """Stand for one attempt to make."""

    arm: Literal["candidate", "champion"]
    task: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold the attempts still to draw, per task, for both arms; tasks that need none are left out."""

    candidate: Counts
    champion: Counts

    @property
    def total(self) -> int:
        """Count all attempts to draw: what a budget is checked against before the stage starts."""
        return sum(self.candidate.values()) + sum(self.champion.values())

    def interleaved(self, seed: int) -> list[Slot]:
        """List the attempts of both arms in one random order, so that both meet the same load."""
        slots = [Slot("candidate", task) for task, count in self.candidate.items() for _ in range(count)]
        slots += [Slot("champion", task) for task, count in self.champion.items() for _ in range(count)]
        random.Random(seed).shuffle(slots)
        return slots


def settled(config: GateConfig, older: Tally) -> Flags:
    """Mark the tasks that `settled_runs` or more earlier attempts of the champion all passed, or all failed.

    Only attempts made before the test count: a rule that looked at the candidate would stop drawing where
    it has not failed yet, and so hide the damage it does to tasks that used to pass.
    """
    if config.settled_runs is None:
        return np.zeros(len(older.scored), dtype=np.bool_)
    alike = (older.total == 0) | (older.total == older.scored)
    return np.asarray(alike & (older.scored >= config.settled_runs), dtype=np.bool_)


def plan_stage(
    config: GateConfig,
    stage: int,
    tasks: Sequence[GateTask],
    *,
    candidate_counts: Counts,
    pool_counts: Counts,
    fresh_counts: Counts,
    settled_tasks: Collection[str] = (),
) -> Plan:
    """Plan the attempts that bring every task to `stage`.

    The champion's pool grows to max(pool_min, min(runs, pool_cap)), and every test draws at least
    one fresh champion attempt per task at the first stage, and `fresh_runs` at the last.

    Args:
        config: The night's settings.
        stage: Index into `config.stages`.
        tasks: The gate tasks.
        candidate_counts: Candidate attempts drawn in this test, missing ones included.
        pool_counts: Champion attempts to pool with, this test's included.
        fresh_counts: Champion attempts drawn in this test, missing ones included.
        settled_tasks: Tasks on which the candidate needs no more than `settled_runs`.
    """
    runs = config.stages[stage]
    pool = max(config.pool_min, min(runs, config.pool_cap))
    fresh = config.fresh_at(stage)
    candidate, champion = {}, {}
    for task in tasks:
        wanted = min(runs, config.settled_runs or runs) if task.id in settled_tasks else runs
        if (need := wanted - candidate_counts.get(task.id, 0)) > 0:
            candidate[task.id] = need
        if (need := max(pool - pool_counts.get(task.id, 0), fresh - fresh_counts.get(task.id, 0))) > 0:
            champion[task.id] = need
    return Plan(candidate, champion)
