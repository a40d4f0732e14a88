from __future__ import annotations

import random

import pytest
from scipy import stats

from optimizer.gate import (
    GateConfig,
    GateTask,
    Guard,
    drift,
    estimate,
    look_confidence,
    noise,
    ratio_guard,
    screen,
    unevenness,
)
from optimizer.gate.simulation.changes import Change
from optimizer.gate.simulation.worlds import World, WorldConfig


def arms(seed: int, runs: int, change: Change, *, tasks: int = 60, truth: str = "population"):  # type: ignore[no-untyped-def]
    world = World(seed, WorldConfig(tasks=tasks, truth=truth))  # type: ignore[arg-type]
    world.add("c001", change)
    drawn = {name: {task.id: world.draw(name, task.id, runs) for task in world.tasks} for name in ("c000", "c001")}
    return world.tasks, drawn["c000"], drawn["c001"]


def test_population_interval_is_the_paired_t_interval() -> None:
    tasks, baseline, champion = arms(1, 5, Change(gain=0.1, spread=0.16))
    seen = estimate(tasks, baseline=baseline, champion=champion, target="population")
    gaps = [sum(champion[t.id]) / 5 - sum(baseline[t.id]) / 5 for t in tasks]
    known = stats.ttest_1samp(gaps, 0.0).confidence_interval(0.95)
    assert (seen.lower, seen.upper) == pytest.approx((known.low, known.high))
    assert (seen.units, seen.runs, seen.coverage) == (60, 5.0, 1.0)
    assert seen.champion_mean is not None
    assert seen.baseline_mean is not None
    assert seen.difference == pytest.approx(seen.champion_mean - seen.baseline_mean)


@pytest.mark.parametrize("target", ["population", "benchmark"])
def test_the_interval_covers_the_truth(target: str) -> None:
    truth = "population" if target == "population" else "heldout"
    hits = 0
    for seed in range(120):
        tasks, baseline, champion = arms(seed, 5, Change(gain=0.08, spread=0.16), tasks=45, truth=truth)
        seen = estimate(tasks, baseline=baseline, champion=champion, target=target)  # type: ignore[arg-type]
        assert seen.lower is not None
        assert seen.upper is not None
        hits += seen.lower <= 0.08 <= seen.upper
    assert hits >= 0.90 * 120


def test_equal_arms_are_not_called_improved_and_have_width() -> None:
    tasks = [GateTask(f"t{number}") for number in range(30)]
    same = {task.id: [1.0] * 5 for task in tasks}
    for target in ("population", "benchmark"):
        seen = estimate(tasks, baseline=same, champion=same, target=target)  # type: ignore[arg-type]
        assert not seen.improved
        assert seen.lower is not None
        assert seen.lower < 0


@pytest.mark.parametrize("target", ["population", "benchmark"])
@pytest.mark.parametrize(("level", "improved"), [(0.95, True), (0.999999, False)])
def test_improved_only_if_the_lower_bound_is_above_zero(target: str, level: float, improved: bool) -> None:
    tasks = [GateTask(f"t{number}") for number in range(30)]
    old: dict[str, list[float | None]] = {task.id: [0.0, 1.0] * 4 for task in tasks}
    new: dict[str, list[float | None]] = {task.id: [1.0, 1.0, 0.0, 1.0] * 2 for task in tasks[:15]} | {
        task.id: old[task.id] for task in tasks[15:]
    }
    seen = estimate(tasks, baseline=old, champion=new, target=target, level=level)  # type: ignore[arg-type]
    assert seen.difference == pytest.approx(0.125)
    assert seen.lower is not None
    assert (seen.improved, seen.lower > 0) == (improved, improved)


def test_missing_lowers_coverage_not_the_mean() -> None:
    tasks = [GateTask(f"t{number}") for number in range(30)]
    full = {task.id: [1.0] * 5 for task in tasks}
    gaps = {**full, "t3": [1.0, None, None, None, None], "t4": [1.0, 1.0, 1.0, 1.0, None]}
    seen = estimate(tasks, baseline=full, champion=gaps, target="population")
    assert (seen.champion_mean, seen.excluded, seen.coverage) == (1.0, ("t3",), pytest.approx(295 / 300))


def test_nothing_scored_is_no_number() -> None:
    tasks = [GateTask("a"), GateTask("b")]
    for target in ("population", "benchmark"):
        seen = estimate(tasks, baseline={}, champion={}, target=target)  # type: ignore[arg-type]
        assert (seen.difference, seen.baseline_mean, seen.improved) == (None, None, False)


def test_later_looks_at_the_test_split_need_wider_intervals() -> None:
    assert [look_confidence(look) for look in (1, 2, 3)] == pytest.approx([0.95, 0.975, 0.9875])
    with pytest.raises(ValueError, match="count from 1"):
        look_confidence(0)


def test_screen_drops_only_the_clearly_worse() -> None:
    tasks = [GateTask(f"t{number}") for number in range(12)]
    good, bad = ({task.id: [value] * 2 for task in tasks} for value in (0.6, 0.4))
    assert not screen(GateConfig(), tasks, candidate=bad, champion=good).passed
    assert screen(GateConfig(), tasks, candidate=good, champion=good).passed
    assert screen(GateConfig(screen_t=None), tasks, candidate=bad, champion=good).passed


def test_a_screen_without_attempts_is_pending() -> None:
    tasks = [GateTask("a"), GateTask("b")]
    seen = screen(GateConfig(), tasks, candidate={"a": [None], "b": [None]}, champion={"a": [1.0], "b": [1.0]})
    assert (seen.pending, seen.passed, seen.t) == (True, False, None)


def test_drift_is_seen_and_noise_is_not() -> None:
    tasks, older, _ = arms(1, 6, Change())
    _, fresh, worse = arms(2, 2, Change(gain=-0.2))
    same_tasks, now, changed = arms(1, 6, Change(gain=-0.2))
    assert not drift(same_tasks, fresh=now, older=older).drifted
    assert drift(same_tasks, fresh=changed, older=older).drifted
    assert drift(tasks, fresh={}, older=older).t is None
    assert fresh != worse


def test_the_cost_guard_passes_equal_costs_and_stops_double_ones() -> None:
    costs = {f"t{number}": [1.0 + number / 10, 1.1 + number / 10] for number in range(30)}
    double = {task: [2 * cost for cost in values] for task, values in costs.items()}
    same = ratio_guard("cost", costs, costs)
    assert (same.passed, same.ratio) == (True, pytest.approx(1.0))
    assert ratio_guard("cost", double, costs).passed is False
    assert isinstance(ratio_guard("cost", {}, costs), Guard)
    nothing = ratio_guard("cost", {}, costs)
    assert (nothing.passed, nothing.ratio, nothing.upper) == (False, None, None)


@pytest.mark.parametrize(("spread", "least", "most"), [(0.0, 0.0, 0.05), (0.16, 0.08, 0.16)])
def test_how_unevenly_changes_act_is_estimated_beyond_the_noise_of_attempts(
    spread: float, least: float, most: float
) -> None:
    tests = [arms(seed, 8, Change(spread=spread))[1:] for seed in range(20)]
    found = unevenness([(candidate, champion) for champion, candidate in tests])
    assert found is not None
    assert least <= found <= most, "rates cut to [0, 1] move less than the spread asked for"
    assert unevenness([]) is None


def test_typical_costs_do_not_depend_on_how_many_attempts_an_arm_made() -> None:
    coin = random.Random(3)
    many, one = (
        {f"t{number:03d}": [coin.lognormvariate(0, 1) for _ in range(count)] for number in range(400)}
        for count in (8, 1)
    )
    assert ratio_guard("latency", many, one, typical=True).ratio == pytest.approx(1.0, abs=0.12)
    assert (ratio_guard("latency", many, one).ratio or 0.0) > 1.3


def test_an_a_a_measurement_finds_equal_arms_and_no_correlation() -> None:
    _, first, second = arms(4, 8, Change(), tasks=100)
    seen = noise(first, second)
    assert seen is not None
    assert seen.phi == 1.0
    assert abs(seen.difference) < 3 * seen.difference_se
    assert seen.correlation is not None
    assert abs(seen.correlation) < 0.15


def test_shared_seeds_show_as_correlated_arms() -> None:
    _, first, _ = arms(4, 8, Change(), tasks=100)
    seen = noise(first, first)
    assert seen is not None
    assert seen.correlation == pytest.approx(1.0)


def test_replicates_that_hang_together_show_as_over_dispersion() -> None:
    world = World(3, WorldConfig(tasks=100, correlation=0.4))
    world.add("c001", Change())
    first, second = ({t.id: world.draw(name, t.id, 8) for t in world.tasks} for name in ("c000", "c001"))
    seen = noise(first, second)
    assert seen is not None
    assert seen.phi > 2
    assert 1 < seen.phi_for(4, 4) < seen.phi < seen.phi_for(16, 16)


def test_noise_needs_two_attempts_of_two_tasks() -> None:
    assert noise({"a": [1.0], "b": [0.0]}, {"a": [1.0], "b": [1.0]}) is None
