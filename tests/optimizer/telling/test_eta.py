"""What is foretold: close to what really happens, later rather than never, and nothing from too little."""

from __future__ import annotations

import heapq
import random
import statistics

import pytest

from optimizer.telling.eta import End, Left, Pace, first_end, iterations_left_s, money_left_s, pace, stage_left


def lasts(durations: list[float], slots: int) -> float:
    """Run attempts of these durations, `slots` at once, and say when the last one ends."""
    free = [0.0] * min(slots, len(durations))
    for duration in durations:
        heapq.heappush(free, heapq.heappop(free) + duration)
    return max(free)


def test_no_durations_give_no_pace() -> None:
    assert pace([]) is None


def test_a_single_duration_is_its_own_median_and_tail() -> None:
    assert pace([3.0]) == Pace(1, 3.0, 3.0, 3.0)


def test_median_and_p90_lie_between_the_samples() -> None:
    assert pace([float(n) for n in range(11)]) == Pace(11, 5.0, 5.0, 9.0)
    assert pace([4.0, 1.0, 2.0, 3.0]) == Pace(4, 2.5, 2.5, pytest.approx(3.7))


@pytest.mark.parametrize("samples", [0, 1, 3])
def test_nothing_is_foretold_from_too_few_samples(samples: int) -> None:
    assert stage_left(pace([2.0] * samples), owed=10, slots=2) is None


def test_a_single_attempt_takes_the_median_or_the_p90() -> None:
    left = stage_left(Pace(9, 4.0, 3.0, 8.0), owed=1, slots=4)
    assert left == (pytest.approx(3.0), pytest.approx(8.0))


def test_nothing_owed_takes_no_time_even_without_samples() -> None:
    assert stage_left(None, owed=0, slots=4) == Left(0.0, 0.0)


def test_without_a_slot_nothing_is_foretold() -> None:
    assert stage_left(pace([2.0] * 9), owed=3, slots=0) is None


def test_equal_attempts_take_their_rounds() -> None:
    assert stage_left(pace([2.0] * 9), owed=12, slots=4) == Left(6.0, 6.0)


@pytest.mark.parametrize(("owed", "slots"), [(200, 8), (64, 16), (1000, 32)])
def test_foretold_times_hold_against_simulated_stages(owed: int, slots: int) -> None:
    draw = random.Random(owed)
    left = stage_left(pace([draw.lognormvariate(2, 0.5) for _ in range(300)]), owed=owed, slots=slots)
    assert left is not None
    real = [lasts([draw.lognormvariate(2, 0.5) for _ in range(owed)], slots) for _ in range(200)]
    assert statistics.median(real) == pytest.approx(left.typical_s, rel=0.2)
    assert statistics.fmean(time <= left.slow_s for time in real) >= 0.6
    assert left.slow_s >= left.typical_s


def test_iterations_are_foretold_from_those_that_ended() -> None:
    assert iterations_left_s(ended=0, worked_s=0.0, current_s=50.0, left=3) is None
    assert iterations_left_s(ended=2, worked_s=200.0, current_s=30.0, left=3) == 270.0
    assert iterations_left_s(ended=2, worked_s=200.0, current_s=500.0, left=3) == 200.0
    assert iterations_left_s(ended=2, worked_s=200.0, current_s=0.0, left=0) == 0.0


def test_money_lasts_as_long_as_its_pace_says() -> None:
    assert money_left_s(spent_usd=3.0, budget_usd=5.0, begun_usd=1.0, worked_s=100.0) == 100.0
    assert money_left_s(spent_usd=6.0, budget_usd=5.0, begun_usd=1.0, worked_s=100.0) == 0.0
    assert money_left_s(spent_usd=1.0, budget_usd=5.0, begun_usd=1.0, worked_s=100.0) is None
    assert money_left_s(spent_usd=1.0, budget_usd=5.0, begun_usd=0.0, worked_s=0.0) is None


def test_the_limit_reached_first_ends_the_run() -> None:
    assert first_end({"iterations": 50.0, "deadline": 20.0, "budget": None}) == End(20.0, "deadline")
    assert first_end({"iterations": None}) is None
