from __future__ import annotations

import pytest

from optimizer.gate.simulation.crew import Crew
from optimizer.gate.simulation.head_to_head import BUDGET, play
from optimizer.gate.simulation.rivals import RIVALS
from optimizer.gate.simulation.views import VIEWS, Ask


@pytest.mark.parametrize("rule", ["search", "explore", *RIVALS])
def test_every_rule_has_the_same_attempts_to_spend(rule: str) -> None:
    spent = play(1000, "mixed", rule).attempts
    assert BUDGET - 160 < spent <= BUDGET


def test_what_a_rival_claims_is_its_own_record_and_too_much() -> None:
    played = [play(seed, "null", "autoagent") for seed in range(1000, 1005)]
    assert sum(night.claimed for night in played) / 5 > 0.05
    assert all(night.true_gain == 0 for night in played)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_search_mode_gains_what_it_should_and_claims_what_is_true() -> None:
    table = VIEWS["head-to-head"](Ask(), Crew())
    held = [row["kept"] for row in table.rows if row["rule"] == "search"]
    assert held == [True, True, True]
    assert table.missed == 0
