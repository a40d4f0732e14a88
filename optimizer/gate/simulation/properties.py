"""What must hold of every test, not only on average: order, resume, one roll, and silence."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from optimizer.gate.arms import Arms, Rewards
from optimizer.gate.config import GateConfig
from optimizer.gate.gate_test import Decide, Draw, GateTest
from optimizer.gate.levels import level
from optimizer.gate.looks import PUBLIC_REASONS
from optimizer.gate.night import Night
from optimizer.gate.simulation.changes import STREAMS, Change, next_change
from optimizer.gate.simulation.worlds import World, WorldConfig
from optimizer.gate.verdicts import Verdict, conclude

CLEARLY_BETTER = Change(gain=0.25, spread=0.05)


class _Script:
    """Give each attempt of a harness at a task one reward, whoever asks for it and when."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rewards: dict[tuple[str, str], list[float | None]] = {}
        self._used: dict[tuple[str, str], int] = {}
        self.asked: list[tuple[str, str, int]] = []

    def draw(self, name: str, task: str, count: int) -> list[float | None]:
        """Give the next rewards of the script."""
        key = (name, task)
        known, used = self._rewards.setdefault(key, []), self._used.get(key, 0)
        if missing := max(used + count - len(known), 0):
            known += self._world.draw(name, task, missing)
        self._used[key] = used + count
        self.asked.append((name, task, count))
        return known[used : used + count]

    def rewind(self) -> None:
        """Begin the script again."""
        self._used, self.asked = {}, []


@dataclass(frozen=True, slots=True)
class Held:
    """Say which properties held for one seed."""

    order_and_resume: bool
    one_roll: bool
    reserved_first: bool
    pool_emptied: bool
    silent: bool


def held(config: GateConfig, tasks: int, seed: int) -> Held:
    """Try every property once, on a change of a mixed stream."""
    world = World(seed, WorldConfig(tasks=tasks, visible=40))
    world.add("c001", next_change(STREAMS["mixed"], random.Random(seed)))
    world.add("c002", CLEARLY_BETTER)
    script = _Script(world)
    night = Night(config, world.tasks, script.draw)
    verdict = night.test("c001")
    script.rewind()
    return Held(
        order_and_resume=_chopped(config, world, script.draw, random.Random(seed)) == verdict,
        one_roll=_again(night, "c001", verdict),
        reserved_first=_reserved_first(config, world),
        pool_emptied=_pool_emptied(config, world),
        silent=_silent(verdict),
    )


def _chopped(
    config: GateConfig, world: World, draw: Callable[[str, str, int], list[float | None]], coin: random.Random
) -> Verdict:
    """Drive the test as after a crash at every turn: a random part of a stage, in random order, nothing remembered."""
    reserved, stage = level(config, 0, 0), 0
    if reserved is None:
        raise ValueError("a night without tests has no properties")
    drawn: dict[str, dict[str, list[float | None]]] = {"candidate": {}, "champion": {}}
    while True:
        arms = Arms(_shuffled(drawn["candidate"], coin), _shuffled(drawn["champion"], coin))
        match GateTest(config, world.tasks, reserved, stage).next_action(arms):
            case Draw(plan):
                for slot in plan.interleaved(coin.randrange(1000))[: coin.randint(1, plan.total)]:
                    name = "c001" if slot.arm == "candidate" else "c000"
                    drawn[slot.arm].setdefault(slot.task, []).extend(draw(name, slot.task, 1))
            case Decide(look) if look.outcome == "continue":
                stage += 1
            case Decide(look):
                return conclude(look)


def _shuffled(rewards: Mapping[str, list[float | None]], coin: random.Random) -> Rewards:
    tasks = list(rewards)
    coin.shuffle(tasks)
    return {task: coin.sample(rewards[task], len(rewards[task])) for task in tasks}


def _again(night: Night, candidate: str, verdict: Verdict) -> bool:
    if verdict.verdict == "keep":
        return True
    before = (night.attempts_spent, night.tests_used)
    return night.test(candidate) == verdict and (night.attempts_spent, night.tests_used) == before


def _reserved_first(config: GateConfig, world: World) -> bool:
    seen: list[int] = []

    def draw(name: str, task: str, count: int) -> list[float | None]:
        seen.append(night.tests_used)
        return world.draw(name, task, count)

    night = Night(config, world.tasks, draw)
    night.test("c001")
    return min(seen) == 1


def _pool_emptied(config: GateConfig, world: World) -> bool:
    """Keep a clearly better candidate, then see that its own attempts are drawn afresh in the next test."""
    script = _Script(world)
    night = Night(config, world.tasks, script.draw)
    if night.test("c002").verdict != "keep":
        return True
    script.asked.clear()
    night.test("c001")
    fresh = sum(count for name, _, count in script.asked if name == "c002")
    return fresh >= config.pool_min * len(world.tasks)


def _silent(verdict: Verdict) -> bool:
    said = verdict.reason
    return said in PUBLIC_REASONS.values() and not any(letter.isdigit() for letter in said)
