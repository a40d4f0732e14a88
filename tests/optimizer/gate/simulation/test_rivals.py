from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from optimizer.gate import GateTask
from optimizer.gate.simulation.rivals import RIVALS, WORDS, BestOnRecord, MinibatchThenMean, PairedErrors
from optimizer.gate.simulation.worlds import World, WorldConfig

TASKS = [GateTask(f"t{number}") for number in range(10)]


def passing(passes: dict[str, int]) -> Callable[[str, str, int], list[float | None]]:
    """Pass that many of the ten tasks, the first ones."""
    return lambda name, task, count: [float(int(task[1:]) < passes[name])] * count


def test_more_passes_than_the_record_are_kept_and_as_many_only_where_ties_do() -> None:
    draw = passing({"c000": 5, "c001": 5, "c002": 6, "c003": 4})
    strict, easy = BestOnRecord(TASKS, draw), BestOnRecord(TASKS, draw, ties=True)
    assert [strict.test(name) for name in ("c001", "c002", "c003")] == [False, True, False]
    assert [easy.test(name) for name in ("c001", "c002", "c003")] == [True, True, False]
    assert (strict.champion, strict.attempts_spent) == ("c002", 40)
    assert strict.claim().gain == pytest.approx(0.1)


def test_a_lost_attempt_is_no_pass() -> None:
    rule = BestOnRecord(TASKS, lambda name, task, count: [None if name == "c001" else 0.0] * count)
    assert not rule.test("c001")


def test_three_tasks_lost_spare_the_held_out_ones() -> None:
    rule = MinibatchThenMean(TASKS, TASKS, passing({"c000": 5, "c001": 5, "c002": 10}), random.Random(1))
    assert not rule.test("c001")
    assert rule.attempts_spent == 10 + 6
    assert rule.test("c002")
    assert (rule.champion, rule.attempts_spent, rule.claim().gain) == ("c002", 10 + 6 + 6 + 10, 0.5)


def test_a_paired_difference_must_exceed_its_error_and_the_record_moves() -> None:
    rule = PairedErrors(TASKS, passing({"c000": 5, "c001": 6, "c002": 8, "c003": 8}))
    assert [rule.test(name) for name in ("c001", "c002", "c003")] == [False, True, False]
    assert round(rule.claim().gain, 9) == 0.3
    assert PairedErrors(TASKS, passing({"c000": 5, "c001": 10}), runs=3).attempts_spent == 30


def test_every_rival_has_words_and_plays_a_world() -> None:
    assert set(WORDS) == set(RIVALS)
    for name in RIVALS:
        world = World(1, WorldConfig(tasks=20, visible=10))
        world.add("c001", world.config.baseline)
        rule = RIVALS[name](world)
        rule.test("c001")
        assert rule.attempts_spent > 0
