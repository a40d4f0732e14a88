"""One test as a pure state machine: the real loop and the in-memory night both drive this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from optimizer.gate.arms import Arms, GateTask, counts, history
from optimizer.gate.config import GateConfig
from optimizer.gate.drifting import Drift, drift
from optimizer.gate.guards import Guard
from optimizer.gate.looks import Look, look
from optimizer.gate.planning import Plan, plan_stage, settled


@dataclass(frozen=True, slots=True)
class Draw:
    """Ask for these attempts, interleaved, before anything else."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class RestartChampion:
    """Ask to leave out all champion attempts made so far, `older` and `fresh`: the champion has drifted.

    The driver records it, passes neither again, and asks for the next action.
    """

    drift: Drift


@dataclass(frozen=True, slots=True)
class Decide:
    """Hand over a look. On `continue` go on with `GateTest.advanced()`; on `pending` pause."""

    look: Look


Action = Draw | RestartChampion | Decide


@dataclass(frozen=True, slots=True)
class GateTest:
    """Hold what a test knows apart from its attempts: its level, and the stage it has reached.

    The level and every advance must be recorded before the next attempt is made; then a crash
    resumes the same test. After `pending`, resume with `Arms.without_missing()` of what was drawn before.
    """

    config: GateConfig
    tasks: Sequence[GateTask]
    level: float
    stage: int = 0

    def next_action(self, arms: Arms, *, guards: Sequence[Guard] = ()) -> Action:
        """Say what to do now, given every attempt of this test so far, in any order."""
        plan = self._plan(arms)
        if plan.total:
            return Draw(plan)
        seen = drift(self.tasks, fresh=arms.fresh, older=arms.older)
        if seen.drifted:
            return RestartChampion(seen)
        return Decide(look(self.config, self.tasks, arms, stage=self.stage, level=self.level, guards=guards))

    def advanced(self) -> GateTest:
        """Move to the next stage after a look that said `continue`."""
        return replace(self, stage=self.stage + 1)

    def _plan(self, arms: Arms) -> Plan:
        fresh = counts(arms.fresh)
        ids = [task.id for task in self.tasks]
        older = history(ids, arms.older)
        pool = {task: fresh.get(task, 0) + count for task, count in zip(ids, older.scored.tolist(), strict=True)}
        return plan_stage(
            self.config,
            self.stage,
            self.tasks,
            candidate_counts=counts(arms.candidate),
            pool_counts=pool,
            fresh_counts=fresh,
            settled_tasks={ids[at] for at in settled(self.config, older).nonzero()[0].tolist()},
        )
