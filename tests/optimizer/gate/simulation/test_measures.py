from __future__ import annotations

import math
import statistics
from functools import partial

import pytest

from optimizer.gate.simulation.crew import Crew
from optimizer.gate.simulation.measures import mean, ratio, share
from optimizer.gate.simulation.nights import NightPlan, play


def test_a_mean_has_the_textbook_error() -> None:
    values = [0.1, 0.4, 0.4, 0.9]
    seen = mean(values)
    assert (seen.value, seen.count) == (pytest.approx(0.45), 4)
    assert seen.error == pytest.approx(statistics.stdev(values) / 2)


def test_a_single_seed_leaves_the_error_unknown_and_not_zero() -> None:
    assert (mean([122.0]).value, mean([122.0]).error) == (122.0, None)
    assert (ratio([(1, 2)]).value, ratio([(1, 2)]).error) == (0.5, None)


def test_none_of_many_has_an_error_above_zero() -> None:
    assert share([False] * 98).error == pytest.approx(math.sqrt(0.01 * 0.99 / 98))


def test_a_ratio_weighs_seeds_by_their_counts() -> None:
    seen = ratio([(1, 2), (0, 8)])
    assert seen.value == pytest.approx(0.1)
    assert ratio([(0, 0)]).value is None
    assert mean([]).value is None


def test_outcomes_do_not_depend_on_the_number_of_processes() -> None:
    one, told = partial(play, NightPlan("cap-evolve", tests=5, tasks=20)), []
    with Crew(2, lambda words, done, of: told.append((words, done, of))) as crew:
        many = crew.play(one, range(4), "nights")
    assert many == Crew().play(one, range(4))
    assert told[-1] == ("nights", 4, 4)
