"""A run whose held-out tasks are used up goes on with those in reserve."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from benchmarks.splits import Splits
from optimizer.attempt_spec import AttemptSpec
from optimizer.state import Phase

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
Made = Callable[..., Any]  # Any: a World

IDS = [f"sums-{number:02d}" for number in range(12)]
FIRST, RESERVE = IDS[2:5], IDS[7:]
SPLITS = Splits(0, tuple(IDS[:2]), tuple(FIRST), tuple(IDS[5:7]), reserve=tuple(RESERVE))


@pytest.fixture
def made(bench: Worlds, rates: Rates, a_task: Callable[..., Any]) -> Made:
    """Give a maker of runs with one gate test an epoch, five tasks in reserve, and candidates that do no good."""

    def make(candidates: int = 3) -> Any:  # Any: a World
        world = bench(
            rates(3, {"c000": 0.9, "c001": 0.1, "c002": 0.1, "c003": 0.1}),
            tasks=[a_task(number) for number in range(len(IDS))],
            splits=SPLITS,
            settings={
                "gate": {"k_max": 1, "min_tasks": 3, "pool_min": 1, "screen_t": None},
                "stop": {"iterations": 3},
            },
        )
        world.add_all(candidates)
        return world

    return make


def held_out(world: Any, candidate: str) -> set[str]:  # Any: a World
    return {spec.task for spec in world.script.seen if spec.candidate == candidate and spec.split == "heldout"}


def test_each_epoch_asks_tasks_that_no_earlier_one_asked_until_the_reserve_is_too_small(made: Made) -> None:
    world = made()
    world.drive()
    assert world.causes() == {"c001": "not_better", "c002": "not_better", "c003": "level_exhausted"}
    assert held_out(world, "c001") == set(FIRST)
    assert held_out(world, "c002") < set(RESERVE)
    assert len(held_out(world, "c002")) == 3
    assert held_out(world, "c003") == set()
    assert [test["level"] for test in world.ledger.tests()] == [0.05, 0.05]
    record = world.registry.record(world.suite.hash, world.uid)
    assert (record.epoch, record.splits.retired) == (2, tuple(FIRST))
    told = [note["text"] for note in world.ledger.notices() if note["kind"] == "epoch"]
    assert len(told) == 1
    assert "gate epoch 1 is over after 1 tests" in told[0]


def test_a_champion_is_drawn_anew_on_the_tasks_of_a_new_epoch(made: Made) -> None:
    world = made()
    world.drive()
    rows = world.ledger.attempts(world.run, candidate="c000", split="heldout")
    fresh = {row.spec.task for row in rows if row.stage.startswith("gate/c002/")}
    assert fresh == held_out(world, "c002")


def test_a_crash_at_any_write_of_a_run_that_rotates_changes_nothing(made: Made, crash: type[BaseException]) -> None:
    whole = made(2)
    whole.past_preflight()
    whole.fuse.burnt = 0
    whole.drive()
    steps, expected = whole.fuse.burnt, whole.history()
    assert whole.ledger.conclusion(Phase.FINISH) is not None
    for at in range(1, steps + 1):
        world = made(2)
        world.past_preflight()
        world.fuse.burnt, world.fuse.at = 0, at
        with suppress(crash):
            world.drive()
        world.close()
        world.open().drive()
        assert world.history() == expected, at
        assert sum(note["kind"] == "epoch" for note in world.ledger.notices()) == 1, at
        world.close()
