"""One simulated night: a stream of candidates through a rule, and what came of it in truth."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from optimizer.gate.config import GateConfig, Target
from optimizer.gate.pruning import PruneConfig
from optimizer.gate.simulation.catalogue import WORLDS
from optimizer.gate.simulation.changes import next_change
from optimizer.gate.simulation.rivals import RIVALS
from optimizer.gate.simulation.rules import Claim, GateRule, Rule
from optimizer.gate.simulation.worlds import Truth, World

EXACT = 1e-6
"""A change is true or harmful beyond this; gains are set exactly, so it only covers rounding."""


@dataclass(frozen=True, slots=True)
class NightPlan:
    """Say what is played: a named world, a rule (the gate's settings or a rival's name), tests and tasks.

    `truth` says over which tasks effects are set; `until_false` ends the night at its first false keep; `prune`
    prunes at its end.
    """

    rule: GateConfig | str
    world: str = "mixed"
    tests: int = 100
    tasks: int = 100
    truth: Truth = "population"
    until_false: bool = False
    prune: PruneConfig | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """Hold a night's counts and its truth, by the rates of what it is about.

    A keep is false when the true mean effect is zero or less, harmful when it is less. `lower` and `upper` are the
    claim's interval, None where the rule gives none. `left` counts keeps that pruning left, `false_left` the false of
    them; `attempts` are all, those of `pruning` and report included.
    """

    seed: int
    keeps: int
    false: int
    harmful: int
    left: int
    false_left: int
    leaks: int
    leaks_kept: int
    good: int
    good_kept: int
    true_gain: float
    claimed: float
    lower: float | None
    upper: float | None
    attempts: int
    pruning: int

    @property
    def false_share(self) -> float:
        """Give the share of keeps that were false, 0 without any."""
        return self.false / max(self.keeps, 1)

    @property
    def false_share_left(self) -> float:
        """Give the same share after pruning."""
        return self.false_left / max(self.left, 1)

    @property
    def overclaim(self) -> float:
        """Give the claimed gain less the true one."""
        return self.claimed - self.true_gain

    @property
    def covers(self) -> bool:
        """Say whether the claim's interval holds the truth; a night that claims nothing is right to."""
        return self.lower is None or self.upper is None or self.lower <= self.true_gain <= self.upper

    @property
    def certified_gain(self) -> float:
        """Give the true gain if the report would say `improved`, else 0."""
        return self.true_gain if self.certified else 0.0

    @property
    def certified(self) -> bool:
        """Say whether the report would say `improved`."""
        return self.lower is not None and self.lower > 0


@dataclass(frozen=True, slots=True)
class _Test:
    candidate: str
    gained: float
    leaky: bool
    kept: bool


def truth_of(target: Target, tasks: int) -> Truth:
    """Give what truth is about where a gate has this target."""
    return "population" if GateConfig(target=target).target_for(tasks) == "population" else "heldout"


def rule_for(plan: NightPlan, world: World) -> Rule:
    """Set a rule up in a world."""
    return RIVALS[plan.rule](world) if isinstance(plan.rule, str) else GateRule(world, plan.rule, plan.prune)


def play(plan: NightPlan, seed: int) -> Played:
    """Play one night; everything follows from the plan and the seed."""
    named, coin = WORLDS[plan.world], random.Random(seed)
    config = replace(named.config, tasks=plan.tasks, truth=plan.truth, drift_at=plan.tests // 2)
    world = World(seed, config)
    rule = rule_for(plan, world)
    tests: list[_Test] = []
    for number in range(1, plan.tests + 1):
        candidate, change, champion = f"c{number:03d}", next_change(named.stream, coin), rule.champion
        world.add(candidate, change, parent=champion)
        gained = world.true_gain(candidate, champion)
        tests.append(_Test(candidate, gained, change.leaks > 0, rule.test(candidate)))
        if plan.until_false and tests[-1].kept and gained <= EXACT:
            break
    told = rule.claim()
    return _counted(seed, tests, told, world.true_gain(rule.champion), rule.attempts_spent)


def _counted(seed: int, tests: Sequence[_Test], told: Claim, true_gain: float, attempts: int) -> Played:
    kept = [test for test in tests if test.kept]
    left = [test for test in kept if test.candidate not in told.removed]
    return Played(
        seed=seed,
        keeps=len(kept),
        false=sum(test.gained <= EXACT for test in kept),
        harmful=sum(test.gained < -EXACT for test in kept),
        left=len(left),
        false_left=sum(test.gained <= EXACT for test in left),
        leaks=sum(test.leaky for test in tests),
        leaks_kept=sum(test.leaky for test in kept),
        good=sum(test.gained > EXACT for test in tests),
        good_kept=sum(test.gained > EXACT for test in kept),
        true_gain=true_gain,
        claimed=told.gain,
        lower=told.lower,
        upper=told.upper,
        attempts=attempts,
        pruning=told.pruning,
    )
