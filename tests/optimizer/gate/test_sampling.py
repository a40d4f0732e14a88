"""The best of n attempts, and the champion held against it."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.gate import GateTask, against_sampling, best_of

REWARDS = st.lists(st.floats(0, 1), min_size=1, max_size=6)


@given(REWARDS, st.data())
def test_the_estimate_is_the_average_best_over_all_choices(rewards: list[float], data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(rewards)))
    bests = [max(chosen) for chosen in itertools.combinations(rewards, n)]
    assert best_of(rewards, n) == pytest.approx(sum(bests) / len(bests))


@pytest.mark.parametrize("n", [1, 2, 3, 2.25])
def test_the_estimate_has_no_bias(n: float) -> None:
    values, odds, drawn = (0.0, 0.4, 1.0), (0.5, 0.3, 0.2), 4
    expected = 0.0
    for chosen in itertools.product(range(3), repeat=drawn):
        chance = 1.0
        for at in chosen:
            chance *= odds[at]
        expected += chance * (best_of([values[at] for at in chosen], n) or 0.0)

    def truth(count: int) -> float:
        at_most = [sum(odds[: end + 1]) ** count for end in range(3)]
        return sum(value * (at_most[end] - (at_most[end - 1] if end else 0)) for end, value in enumerate(values))

    share = n % 1
    assert expected == pytest.approx((1 - share) * truth(int(n)) + (share * truth(int(n) + 1) if share else 0))


@given(REWARDS, st.data())
def test_more_attempts_are_never_worse_and_order_does_not_matter(rewards: list[float], data: st.DataObject) -> None:
    fewer, more = sorted(data.draw(st.tuples(*[st.floats(1, len(rewards))] * 2)))
    small, large = best_of(rewards, fewer), best_of(rewards, more)
    assert small is not None
    assert large is not None
    assert small <= large + 1e-9
    assert best_of(rewards[::-1], fewer) == small


def test_fewer_attempts_than_asked_for_give_no_number() -> None:
    assert best_of([1.0, 0.0], 2.5) is None
    with pytest.raises(ValueError, match="none"):
        best_of([1.0], 0.5)


def tasks_of(count: int) -> list[GateTask]:
    return [GateTask(f"t{number}") for number in range(count)]


def test_a_champion_that_only_spends_more_does_not_beat_sampling() -> None:
    coin, tasks = random.Random(1), tasks_of(60)
    rates = {task.id: coin.random() for task in tasks}
    baseline: dict[str, list[float | None]] = {
        name: [float(coin.random() < rate) for _ in range(6)] for name, rate in rates.items()
    }
    twice: dict[str, list[float | None]] = {
        name: [float(max(coin.random() < rate, coin.random() < rate)) for _ in range(6)] for name, rate in rates.items()
    }
    seen = against_sampling(tasks, baseline=baseline, champion=twice, n=2.0)
    plain = against_sampling(tasks, baseline=baseline, champion=twice, n=0.7)
    assert seen.lower is not None
    assert seen.upper is not None
    assert plain.lower is not None
    assert seen.lower < 0 < seen.upper
    assert (plain.n, plain.lower > 0) == (1.0, True)


def test_tasks_with_too_few_scores_are_left_out_and_counted() -> None:
    tasks = tasks_of(10)
    baseline: dict[str, list[float | None]] = {task.id: [0.0, 1.0, 0.0] for task in tasks}
    baseline["t3"] = [None, 1.0, None]
    seen = against_sampling(tasks, baseline=baseline, champion={task.id: [1.0] for task in tasks}, n=1.5)
    assert (seen.tasks, seen.tasks_left_out, seen.best_of_n_mean) == (9, 1, pytest.approx(0.5))
    nothing = against_sampling(tasks, baseline={}, champion={}, n=2.0)
    assert (nothing.difference, nothing.best_of_n_mean, nothing.tasks_left_out) == (None, None, 10)
