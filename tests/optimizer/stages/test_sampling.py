"""The certified gain beside what the same money would have bought in more samples of the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec
from optimizer.facts import read_facts
from optimizer.ledger import VerdictRow
from optimizer.report.numbers import certified
from optimizer.stages.measure import certify
from optimizer.stages.sampling import STAGE
from optimizer.state import Phase
from optimizer.verdict import Verdict

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
RATES = {"c000": 0.3, "c001": 0.9}


def certified_at(world: Any, **each_usd: float) -> dict[str, Any]:
    """Certify a kept candidate whose attempts cost as said, and give what was found of more samples."""
    name = world.add(1, {"prompts/system.md": "Another way.\n"})
    world.ledger.decide(VerdictRow(name, Verdict.KEEP, "better", "better"))
    world.script.cost_usd = each_usd["c000"]
    world.script.dear = {name: each_usd[name] / (each_usd["c000"] or 1.0)}
    certify(world.bench, name)
    return dict(world.ledger.conclusion(Phase.CERTIFY)["best_of_n"])


def test_the_certify_attempts_of_the_baseline_are_the_samples(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, RATES), sizes=(3, 6, 30), settings={"replicates": {"certify": 4}})
    record = certified_at(world, c000=0.01, c001=0.025)
    assert (record["n"], record["measure"], record["drawn"]) == (pytest.approx(2.5), "cost_usd", 0)
    assert record["best_of_n_mean"] == pytest.approx(0.5 * (1 - 0.7**2) + 0.5 * (1 - 0.7**3), abs=0.1)
    assert len(world.ledger.attempts(split="test")) == 2 * 4 * 30


def test_only_what_is_lacking_is_drawn_and_only_of_the_baseline(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, RATES), sizes=(3, 6, 10), settings={"replicates": {"certify": 2}})
    record = certified_at(world, c000=0.01, c001=0.05)
    more = Counter(row.spec.candidate for row in world.ledger.attempts(stage=STAGE))
    assert (record["n"], record["drawn"], more) == (pytest.approx(5), 30, {"c000": 30})
    assert world.ledger.conclusion(Phase.CERTIFY)["attempts"] == 40


def test_a_champion_that_costs_less_is_held_against_one_attempt(bench: Worlds, rates: Rates) -> None:
    record = certified_at(bench(rates(1, RATES), sizes=(3, 6, 10)), c000=0.02, c001=0.01)
    assert (record["n"], record["drawn"]) == (1.0, 0)


@pytest.mark.parametrize(
    ("each", "budget", "why"),
    [
        ({"c000": 0.01, "c001": 0.5}, 100.0, "as much as 50 of the baseline"),
        ({"c000": 0.01, "c001": 0.05}, 1.0, "no money left for 30 more attempts"),
    ],
)
def test_what_is_not_compared_says_why(
    bench: Worlds, rates: Rates, each: dict[str, float], budget: float, why: str
) -> None:
    settings = {"replicates": {"certify": 2}, "stop": {"budget_usd": budget}}
    world = bench(rates(1, RATES), sizes=(3, 6, 10), settings=settings)
    assert why in certified_at(world, **each)["skipped"]
    assert why in certified(read_facts(world.folder))
    assert not world.ledger.attempts(stage=STAGE)


def test_where_nothing_has_a_price_tokens_are_what_is_compared(bench: Worlds, rates: Rates) -> None:
    record = certified_at(bench(rates(1, RATES), sizes=(3, 6, 10)), c000=0.0, c001=0.0)
    assert (record["measure"], record["n"], record["baseline_each"]) == ("tokens", 1.0, 15)


def test_the_arm_can_be_left_out(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, RATES), settings={"replicates": {"best_of_n": False}})
    with pytest.raises(KeyError):
        certified_at(world, c000=0.01, c001=0.01)
    assert "more samples" not in certified(read_facts(world.folder))


def test_the_report_says_what_the_comparison_means(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, RATES), sizes=(3, 6, 30), settings={"replicates": {"certify": 4}})
    certified_at(world, c000=0.01, c001=0.025)
    text = certified(read_facts(world.folder))
    assert "baseline's best of 2.5 attempts" in text
    assert "the gain is more than the same money in more samples could buy" in text
    assert r"baseline \$0.0100, champion \$0.0250" in text
    assert "as no real chooser can" in text
