"""One candidate, one test: error and power at a fixed level."""

from __future__ import annotations

from dataclasses import dataclass, field

from optimizer.gate.config import GateConfig, Target
from optimizer.gate.night import Night
from optimizer.gate.simulation.changes import Change
from optimizer.gate.simulation.worlds import World, WorldConfig


@dataclass(frozen=True, slots=True)
class SinglePlan:
    """Say what is tested, at which level, and in which world."""

    change: Change
    gate: GateConfig
    world: WorldConfig = field(default_factory=WorldConfig)


@dataclass(frozen=True, slots=True)
class Tested:
    """Hold a test's end: `p` is None unless the keep look was reached, `attempts` are the candidate's."""

    kept: bool
    invalid: bool
    p: float | None
    attempts: int


def at_level(level: float, target: Target = "population") -> GateConfig:
    """Give settings whose every test has this level."""
    return GateConfig(mode="explore", alpha=level, target=target)


def try_once(plan: SinglePlan, seed: int) -> Tested:
    """Test the change once, against the first harness of a fresh world."""
    world = World(seed, plan.world)
    world.add("c001", plan.change)
    verdict = Night(plan.gate, world.tasks, world.draw).test("c001")
    record = verdict.record
    return Tested(
        kept=verdict.verdict == "keep",
        invalid=verdict.verdict == "invalid",
        p=record.p if record else None,
        attempts=record.candidate_attempts if record else 0,
    )
