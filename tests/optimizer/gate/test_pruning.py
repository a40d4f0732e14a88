"""Which kept changes are taken out at the end of a night."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.gate import GateConfig, GateConfigError, GateTask, PruneConfig, Pruning, Removal, settle, weigh
from optimizer.gate.looks import Cause
from optimizer.gate.simulation.changes import Change
from optimizer.gate.simulation.worlds import World, WorldConfig

TASKS = [GateTask(f"t{number:03d}") for number in range(100)]
GATE = GateConfig()
CONFIG = PruneConfig()


def arm(rate: float, seed: int, runs: int = 16) -> dict[str, list[float | None]]:
    coin = random.Random(seed)
    return {task.id: [float(coin.random() < rate) for _ in range(runs)] for task in TASKS}


def drawn_at(rates: dict[str, float]) -> Callable[[str, str, int], list[float | None]]:
    """Alternate passes and failures so exactly that every arm of a rate scores just it."""

    def draw(candidate: str, task: str, count: int) -> list[float | None]:
        passes = round(rates[candidate] * count)
        return [1.0] * passes + [0.0] * (count - passes)

    return draw


def named(removed: Sequence[str]) -> str:
    return "-".join(["top", *removed])


def test_a_change_that_carries_nothing_goes_and_one_that_carries_stays() -> None:
    draw = drawn_at({"top": 0.75, "top-a": 0.75, "top-b": 0.5, "top-c": 0.6875})
    done = Pruning(CONFIG, GATE, TASKS, draw).prune("top", ["a", "b", "c"], named)
    assert (done.champion, done.removed) == ("top-a", ("a",))
    assert [one.outcome for one in done.singles] == ["spare", "stays", "stays"]
    assert done.attempts == (4 * 4 + 3 * 12) * len(TASKS)
    assert done.batch is None


def test_all_that_can_be_spared_go_together_after_attempts_of_their_own() -> None:
    draw = drawn_at({"top": 0.75, "top-a": 0.75, "top-b": 0.75, "top-a-b": 0.75})
    done = Pruning(CONFIG, GATE, TASKS, draw).prune("top", ["a", "b"], named)
    assert (done.champion, done.removed) == ("top-a-b", ("a", "b"))
    assert done.attempts == (3 + 2) * 16 * len(TASKS)


def test_of_two_changes_that_do_the_same_work_only_the_one_with_most_evidence_goes() -> None:
    draw = drawn_at({"top": 0.75, "top-a": 0.75, "top-b": 0.8125, "top-a-b": 0.5})
    done = Pruning(CONFIG, GATE, TASKS, draw).prune("top", ["a", "b"], named)
    assert (done.champion, done.removed) == ("top-b", ("b",))
    assert done.batch is not None
    assert done.batch.outcome == "stays"


def test_a_change_that_cannot_be_taken_out_stays_and_is_named() -> None:
    draw = drawn_at({"top": 0.75, "top-b": 0.75})
    make = lambda removed: None if "a" in removed else named(removed)  # noqa: E731
    done = Pruning(CONFIG, GATE, TASKS, draw).prune("top", ["a", "b"], make)
    assert (done.champion, done.stuck) == ("top-b", ("a",))
    nothing = Pruning(CONFIG, GATE, TASKS, draw).prune("top", ["a", "c"], lambda removed: None)
    assert (nothing.champion, nothing.attempts, nothing.stuck) == ("top", 0, ("a", "c"))


def test_changes_that_cannot_be_taken_out_together_lose_only_the_one_with_most_evidence() -> None:
    draw = drawn_at({"top": 0.75, "top-a": 0.8125, "top-b": 0.75})
    make = lambda removed: named(removed) if len(removed) == 1 else None  # noqa: E731
    assert Pruning(CONFIG, GATE, TASKS, draw).prune("top", ["a", "b"], make).removed == ("a",)


def test_a_lone_change_is_left_alone_for_its_gain_was_just_tested() -> None:
    asked: list[str] = []
    draw = lambda name, task, count: asked.append(name) or [1.0] * count  # type: ignore[func-returns-value]  # noqa: E731
    assert Pruning(CONFIG, GATE, TASKS, draw).prune("top", ["a"], named).removed == ()
    assert asked == []
    assert Pruning(PruneConfig(min_kept=1), GATE, TASKS, draw).prune("top", ["a"], named).champion == "top-a"


def test_the_margin_grows_with_the_error_within_its_bounds() -> None:
    assert [CONFIG.margin(se) for se in (0.0, 0.0095, 0.012, 0.5)] == pytest.approx([0.02, 0.02, 0.0252, 0.03])


def test_the_bound_is_what_the_change_contributes_at_most() -> None:
    one = weigh(CONFIG, GATE, TASKS, ("a",), anchor=arm(0.6, 1), variant=arm(0.6, 2))
    assert one.estimate is not None
    assert one.estimate.level == pytest.approx(0.80)
    assert one.at_most is not None
    assert one.margin is not None
    assert (one.outcome == "spare") == (one.at_most < one.margin)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["population", "benchmark"]))
def test_the_order_of_attempts_and_tasks_changes_nothing(seed: int, target: str) -> None:
    shuffler = random.Random(seed)
    gate = GateConfig(target=target)  # type: ignore[arg-type]
    anchor, variant = arm(0.6, 3), arm(0.58, 4)
    known = weigh(CONFIG, gate, TASKS, ("a",), anchor=anchor, variant=variant)
    mixed = [
        {task: shuffler.sample(values, len(values)) for task, values in shuffler.sample(list(rows.items()), len(rows))}
        for rows in (anchor, variant)
    ]
    assert weigh(CONFIG, gate, TASKS, ("a",), anchor=mixed[0], variant=mixed[1]) == known


def test_what_cannot_be_judged_is_never_taken_out() -> None:
    whole = arm(0.9, 5)
    holes: dict[str, list[float | None]] = {task: [None, None, *values[2:]] for task, values in whole.items()}
    odd = {**whole, "t000": [float("nan")] * 16}
    seen = {
        Cause.UNEQUAL_MISSING: weigh(CONFIG, GATE, TASKS, ("a",), anchor=whole, variant=holes),
        Cause.TOO_MANY_MISSING: weigh(CONFIG, GATE, TASKS, ("a",), anchor=holes, variant=holes),
        Cause.OUTAGE: weigh(CONFIG, GATE, TASKS, ("a",), anchor=whole, variant={}),
        Cause.NOT_A_REWARD: weigh(CONFIG, GATE, TASKS, ("a",), anchor=whole, variant=odd),
        Cause.TOO_FEW_TASKS: weigh(CONFIG, GATE, TASKS[:9], ("a",), anchor=whole, variant=whole),
    }
    assert {one.cause for one in seen.values()} == set(seen)
    assert {one.outcome for one in seen.values()} == {"unjudged"}
    assert settle(list(seen.values()), None) == ()


def test_a_batch_that_cannot_be_judged_leaves_only_the_one_with_most_evidence() -> None:
    singles = [weigh(CONFIG, GATE, TASKS, (name,), anchor=arm(0.6, 1), variant=arm(0.7, at)) for at, name in
               enumerate("ab")]  # fmt: skip
    best = max(singles, key=lambda one: one.evidence)
    assert settle(singles, Removal(("a", "b"), "unjudged")) == best.without


@pytest.mark.parametrize(
    "wrong",
    [{"runs": 0}, {"first_runs": 0}, {"level": 0.5}, {"margin_least": 0.0}, {"margin_most": 0.01}, {"min_kept": 0}],
)
def test_impossible_settings_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(GateConfigError, match=next(iter(wrong))):
        PruneConfig(**wrong)  # type: ignore[arg-type]


def taken(gain: float, *, tasks: int, target: str, seeds: int, spread: float = 0.16, first: int = 0) -> float:
    """Say how often a change worth `gain` is taken out, for a champion that holds nothing else in doubt."""
    gone = 0
    for seed in range(first, first + seeds):
        world = World(seed, WorldConfig(tasks=tasks, truth="population" if target == "population" else "heldout"))
        world.add("without", Change(gain=-gain, spread=spread if gain else 0.0))
        pruning = Pruning(PruneConfig(min_kept=1), GateConfig(target=target), world.tasks, world.draw)  # type: ignore[arg-type]
        gone += bool(pruning.prune("c000", ["a"], lambda removed: "without").removed)
    return gone / seeds


@pytest.mark.parametrize("target", ["population", "benchmark"])
def test_a_change_worth_five_points_is_seldom_taken_out(target: str) -> None:
    assert taken(0.05, tasks=60, target=target, seeds=60) <= 0.05


def test_a_change_worth_nothing_is_mostly_taken_out() -> None:
    assert taken(0.0, tasks=60, target="benchmark", seeds=60) >= 0.6


@pytest.mark.slow
@pytest.mark.parametrize("target", ["population", "benchmark"])
@pytest.mark.parametrize("tasks", [60, 100, 250])
def test_a_change_worth_the_widest_margin_is_taken_out_at_most_at_its_level(target: str, tasks: int) -> None:
    assert taken(0.03, tasks=tasks, target=target, seeds=1000) <= 0.10 + 0.02
    assert taken(0.08, tasks=tasks, target=target, seeds=300) <= 0.01
