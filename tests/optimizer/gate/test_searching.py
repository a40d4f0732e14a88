"""The search mode and the world it is measured in."""

from __future__ import annotations

import pytest
from scipy.integrate import quad
from scipy.stats import norm

from optimizer.gate.head_to_head import BUDGET, play
from optimizer.gate.searching import Evidence, SearchConfig, SearchNight


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
    lossy.test("c1", change="a")
    assert lossy._known["a"].weighted == 0.0


def test_a_small_head_to_head_gains_within_its_budget() -> None:
    nights = [play(seed, "mixed") for seed in range(6)]
    assert all(night.attempts <= BUDGET for night in nights)
    assert sum(night.true_gain for night in nights) / 6 > 0.18
    assert abs(sum(night.claimed - night.true_gain for night in nights) / 6) < 0.12
