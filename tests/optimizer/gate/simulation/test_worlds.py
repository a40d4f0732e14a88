from __future__ import annotations

import random
import statistics

import pytest

from optimizer.gate.simulation.catalogue import WORLDS
from optimizer.gate.simulation.changes import CHURN, LEAK, LOSSY, NOTHING, STREAMS, Change, next_change
from optimizer.gate.simulation.worlds import World, WorldConfig


def mean_reward(world: World, name: str, task: str, count: int = 2000) -> float:
    return statistics.fmean(reward for reward in world.draw(name, task, count) if reward is not None)


@pytest.mark.parametrize("truth", ["population", "heldout"])
def test_the_mean_effect_is_exact_on_what_truth_is_about(truth: str) -> None:
    world = World(1, WorldConfig(tasks=50, visible=40, truth=truth))  # type: ignore[arg-type]
    world.add("c001", Change(gain=0.05, spread=0.16))
    world.add("c002", CHURN, parent="c001")
    assert world.true_gain("c001") == pytest.approx(0.05, abs=1e-8)
    assert world.true_gain("c002", "c001") == pytest.approx(0.0, abs=1e-8)


def test_a_leak_wins_visible_tasks_and_nothing_beyond_them() -> None:
    world = World(1, WorldConfig(tasks=50, visible=10))
    world.add("c001", Change(leaks=10))
    assert world.true_gain("c001") == 0.0
    assert all(mean_reward(world, "c001", task.id, 300) > 0.9 for task in world.visible)


def test_a_champion_without_a_change_is_what_it_was_before_it() -> None:
    world = World(1, WorldConfig(tasks=50, visible=40))
    world.add("c001", Change(gain=0.05, spread=0.10))
    world.add("c002", LEAK, parent="c001")
    assert world.without("c002", ("c002",)) == "c002-c002"
    assert world.true_gain("c002-c002", "c001") == 0.0
    assert world.true_gain(world.without("c002", ("c001", "c002"))) == 0.0


def test_drift_moves_every_harness_alike_and_only_from_its_candidate_on() -> None:
    world = World(1, WorldConfig(tasks=20, reward="exact", drift=0.5, drift_at=2))
    before = [world.draw("c000", task.id, 1)[0] for task in world.tasks]
    world.add("c001", NOTHING)
    assert [world.draw("c000", task.id, 1)[0] for task in world.tasks] == before
    world.add("c002", NOTHING)
    assert [world.draw("c002", task.id, 1)[0] for task in world.tasks] == [
        pytest.approx(rate + 0.5 * (1 - rate)) for rate in before if rate is not None
    ]


def test_rewards_follow_their_rate_whatever_their_shape() -> None:
    exact = World(3, WorldConfig(tasks=3, reward="exact"))
    rates = [exact.draw("c000", task.id, 1)[0] for task in exact.tasks]
    skewed = World(3, WorldConfig(tasks=3, reward="skewed"))
    assert [mean_reward(skewed, "c000", task.id) for task in skewed.tasks] == pytest.approx(rates, abs=0.002)
    graded = World(3, WorldConfig(tasks=3, reward="continuous"))
    assert all(0 < reward < 1 for reward in graded.draw("c000", "t001", 50) if reward is not None)


def test_only_failures_go_missing_and_crashes_are_zero() -> None:
    world = World(2, WorldConfig(tasks=60))
    world.add("c001", Change(lost_failures=1.0))
    world.add("c002", Change(crashes=1.0))
    lossy = [reward for task in world.tasks for reward in world.draw("c001", task.id, 20)]
    assert {1.0, None} == set(lossy)
    assert {reward for task in world.tasks for reward in world.draw("c002", task.id, 5)} == {0.0}
    assert world.true_gain("c002") < -0.3


def test_correlated_attempts_keep_their_mean_and_hang_together() -> None:
    spreads = []
    for correlation in (0.0, 0.4):
        world = World(4, WorldConfig(tasks=300, correlation=correlation))
        world.add("c001", NOTHING)
        apart = [mean_reward(world, "c001", t.id, 40) - mean_reward(world, "c000", t.id, 40) for t in world.tasks]
        assert abs(statistics.fmean(apart)) < 0.05
        spreads.append(statistics.stdev(apart))
    assert spreads[1] > 2 * spreads[0]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_has_the_shares_it_names(name: str) -> None:
    stream, coin = STREAMS[name], random.Random(1)
    assert sum(kind.share for kind in stream) == pytest.approx(1.0)
    drawn = [next_change(stream, coin) for _ in range(2000)]
    leaks = sum(kind.share for kind in stream if kind.change.leaks)
    assert sum(change.leaks > 0 for change in drawn) / 2000 == pytest.approx(leaks, abs=0.05)


def test_every_world_has_tasks_to_see_and_tasks_to_report_on() -> None:
    assert all(named.config.visible and named.config.sealed for named in WORLDS.values())
    assert WORLDS["lossy-both"].config.baseline == LOSSY
