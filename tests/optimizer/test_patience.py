"""Waiting an outage out: longer each time, bounded, and not for ever."""

from __future__ import annotations

import pytest

from optimizer.patience import Patience


class Hour:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def waits(patience: Patience, hour: Hour) -> list[float]:
    seen = []
    while (wait := patience.failed()) is not None:
        seen.append(wait.seconds)
        hour.now += wait.seconds
    return seen


def test_waits_double_up_to_the_longest_and_add_up_to_what_the_outage_may_last() -> None:
    hour = Hour()
    seen = waits(Patience(30, 300, 1000, clock=hour), hour)
    assert seen[:5] == [30, 60, 120, 240, 300]
    assert max(seen) == 300
    assert sum(seen) == pytest.approx(1000)


def test_time_lost_in_the_tries_themselves_counts_too() -> None:
    hour = Hour()
    patience = Patience(30, 300, 100, clock=hour)
    assert patience.failed() is not None
    hour.now += 100
    assert patience.failed() is None


def test_without_patience_the_first_failure_gives_up() -> None:
    assert Patience(30, 300, 0, clock=Hour()).failed() is None


def test_whatever_works_ends_the_outage() -> None:
    hour = Hour()
    patience = Patience(30, 300, 1000, clock=hour)
    patience.failed()
    patience.failed()
    assert patience.tried
    patience.recovered()
    assert not patience.tried
    hour.now += 1e6
    wait = patience.failed()
    assert wait is not None
    assert (wait.seconds, wait.number, wait.since_s) == (30, 1, 0.0)


def test_very_many_tries_stay_numbers() -> None:
    hour = Hour()
    patience = Patience(1, 10, 1e9, clock=hour)
    for _ in range(2000):
        wait = patience.failed()
    assert wait is not None
    assert wait.seconds == 10
