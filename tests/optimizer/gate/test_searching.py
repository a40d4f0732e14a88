"""The search mode and the world it is measured in."""

from __future__ import annotations

import pytest
from scipy.integrate import quad
from scipy.stats import norm

from optimizer.gate.searching import Evidence, SearchConfig, SearchNight
from optimizer.gate.simulation.head_to_head import BUDGET, play


@pytest.mark.parametrize("effect", [-0.1, 0.0, 0.03, 0.12])
def test_the_posterior_is_the_integral(effect: float) -> None:
    config, error = SearchConfig(), 0.04
    density = lambda x: norm.pdf(effect, x, error) * norm.pdf(x, 0, config.tau)  # noqa: E731
    above, below = quad(density, 0, 1)[0], quad(density, -1, 0)[0]
    spike = config.spike * norm.pdf(effect, 0, error)
    share = 1 - config.spike
    wanted = share * above / (spike + share * (above + below))
    assert Evidence().plus(effect, error).chance(config) == pytest.approx(wanted, rel=1e-4)


def test_a_reversal_turns_the_sign_and_order_does_not_matter() -> None:
    assert Evidence().plus(0.1, 0.05, undoes=True) == Evidence().plus(-0.1, 0.05)
    one, other = Evidence().plus(0.1, 0.05).plus(-0.02, 0.1), Evidence().plus(-0.02, 0.1).plus(0.1, 0.05)
    assert one.chance(SearchConfig()) == pytest.approx(other.chance(SearchConfig()))


def test_an_outage_decides_nothing_and_a_lost_attempt_is_no_failure() -> None:
    tasks = [str(number) for number in range(24)]
    assert SearchNight(SearchConfig(), tasks, lambda c, t, n: [None] * n).test("c1", change="a").verdict == "undecided"
    lossy = SearchNight(SearchConfig(), tasks, lambda c, t, n: [None if c == "c1" and int(t) % 2 else 1.0] * n)
    assert lossy.test("c1", change="a").verdict == "invalid"


def test_a_champion_that_comes_back_after_an_outage_is_drawn_again() -> None:
    down = True
    tasks = [str(number) for number in range(24)]
    night = SearchNight(
        SearchConfig(), tasks, lambda c, t, n: [None if down and c == "c0" else float(c == "c1")] * n, "c0"
    )
    assert night.test("c1", change="a").verdict == "undecided"
    down = False
    assert night.test("c1", change="a").verdict == "keep"


def test_a_budget_that_ends_in_the_middle_of_a_test_leaves_it_undecided() -> None:
    tasks = [str(number) for number in range(24)]
    night = SearchNight(
        SearchConfig(drop_at=0.0, keep_at=1.0), tasks, lambda c, t, n: [float(int(t) % 2)] * n, budget=60
    )
    assert night.test("c1", change="a").verdict == "undecided"
    assert night.attempts_spent <= 60


def test_a_wrong_number_of_rewards_and_one_out_of_range_are_refused() -> None:
    for rewards in ([], [2.0], [float("nan")]):
        with pytest.raises(ValueError, match="reward"):
            SearchNight(SearchConfig(), ["t"], lambda c, t, n, said=tuple(rewards): said).test("c1", change="a")


def test_a_small_head_to_head_gains_within_its_budget() -> None:
    nights = [play(seed, "mixed") for seed in range(6)]
    assert all(night.attempts <= BUDGET for night in nights)
    assert sum(night.true_gain for night in nights) / 6 > 0.18
    assert abs(sum(night.claimed - night.true_gain for night in nights) / 6) < 0.12
