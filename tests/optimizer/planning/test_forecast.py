"""The forecast: exact where the night is known, open about what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from optimizer.facts import read_facts
from optimizer.gate import GateConfig
from optimizer.planning.forecast import forecast, gate_attempts
from optimizer.planning.plan import plan_resumed, plan_run
from optimizer.run_file import load_run_file
from optimizer.run_folder import RunFolder

ROOT = Path(__file__).parents[3]
GATE = GateConfig(k_max=8, stages=(1, 2, 4), futility=(0.0, 0.7))


def test_a_kept_change_costs_both_arms_to_the_last_look() -> None:
    assert gate_attempts(GATE, tests=1, keeps=1, measured=4) == 4 + 1
    assert gate_attempts(replace(GATE, fresh_runs=4), tests=1, keeps=1, measured=4) == 4 + 4
    assert gate_attempts(GATE, tests=2, keeps=2, measured=4) == (4 + 1) + (4 + 4)


def test_a_change_without_effect_costs_little() -> None:
    one = gate_attempts(GATE, tests=1, keeps=0, measured=4)
    assert 1 + 1 < one < 3 + 1
    assert gate_attempts(GATE, tests=3, keeps=0, measured=4) == pytest.approx(3 * one, rel=0.2)


def test_without_preflight_the_first_test_draws_the_whole_pool() -> None:
    assert gate_attempts(GATE, tests=1, keeps=1, measured=0) == 4 + 4


def test_no_tests_cost_nothing() -> None:
    assert gate_attempts(GATE, tests=0, keeps=0, measured=4) == 0


def test_a_real_night_lies_between_least_and_most(finished_run: tuple[Path, str]) -> None:
    folder = RunFolder(finished_run[0] / finished_run[1])
    facts = read_facts(folder)
    data = forecast(plan_resumed(load_run_file(folder.config), folder), finished_run[0])
    made = facts.coverage()
    assert data["attempts"]["least"] * 0.7 <= made.planned <= data["attempts"]["most"]
    stages = {row["stage"]: row for row in data["stages"]}
    for fixed in ("preflight", "baseline"):
        assert stages[fixed]["attempts"] == facts.coverage(purpose=fixed).planned
    assert facts.coverage(purpose="certify").planned in (0, stages["certify"]["attempts"])


def planned(path: Path, runs: Path, **overrides: Any) -> Any:  # Any: YAML values; the forecast's JSON
    return forecast(plan_run(load_run_file(path, overrides), runs), runs)


@pytest.mark.parametrize(
    ("path", "made", "usd"), [("configs/quickstart.yaml", 1524, 3.50), ("tests/e2e/mini.yaml", 169, 0.38)]
)
def test_the_bundled_nights_come_out_within_a_third_of_their_forecast(
    path: str, made: int, usd: float, tmp_path: Path
) -> None:
    data = planned(ROOT / path, tmp_path)
    assert data["attempts"]["expected"] == pytest.approx(made, rel=0.3)
    assert data["usd"] == pytest.approx(usd, rel=0.3)


def test_a_night_with_a_book_of_lessons_counts_the_champions_fresh_attempts_and_another_none(tmp_path: Path) -> None:
    without = planned(ROOT / "tests/e2e/mini.yaml", tmp_path)
    stages = {
        row["stage"]: row for row in planned(ROOT / "tests/e2e/mini.yaml", tmp_path, lessons={"book": "b"})["stages"]
    }
    assert "lesson" not in {row["stage"] for row in without["stages"]}
    assert 0 < stages["lesson"]["attempts"] < stages["screen"]["attempts"]
    assert stages["lesson"]["attempts"] < stages["lesson"]["most"] < stages["screen"]["most"]


def test_time_and_money_are_assumed_and_said_to_be_until_a_run_has_shown_them(
    finished_run: tuple[Path, str], tmp_path: Path
) -> None:
    folder = RunFolder(finished_run[0] / finished_run[1])
    plan = plan_resumed(load_run_file(folder.config), folder)
    new, known = forecast(plan, tmp_path), forecast(plan, finished_run[0])
    assert (new["time_measured"], new["usd_measured"]) == (False, False)
    assert "assuming 0.03 s of processor time for a simulated attempt on one worker" in new["time"]
    assert "by prices.yaml and assumed tokens" in new["money"]
    assert (known["time_measured"], known["usd_measured"]) == (True, True)
    assert "at the pace of run done" in known["time"]
    assert "at the prices run done paid; at most $20.00; nominal" in known["money"]
    assert known["time_s"] == pytest.approx(read_facts(folder).state.elapsed_s, rel=0.5)


def test_a_model_without_a_price_is_unpriced_never_free(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("checked: 2026-11-22\nmodels: {}\n")
    data = planned(ROOT / "tests/e2e/mini.yaml", tmp_path, prices=prices)
    assert data["usd"] is None
    assert data["money"].startswith("unpriced: no price for simulated")


@pytest.mark.parametrize(
    ("overrides", "stop"),
    [
        ({}, "iterations"),
        ({"stop.budget_usd": 0.1}, "money"),
        ({"stop.hours": 0.0005}, "deadline"),
        ({"stop.iterations": 40}, "gate tests"),
        ({"stop.iterations": 40, "gate.k_max": 40, "stop.no_progress": 2}, "no progress"),
    ],
)
def test_the_stop_that_comes_first_is_named(overrides: dict[str, Any], stop: str, tmp_path: Path) -> None:
    likely = planned(ROOT / "tests/e2e/mini.yaml", tmp_path, **overrides)["likely_stop"]
    assert likely["stop"] == stop
    assert likely["share"] == 1.0 if stop == "iterations" else likely["share"] < 1.0
    assert ("after about" in likely["said"]) == (stop != "iterations")


def test_what_the_night_finds_is_said_in_points_with_what_would_find_more(tmp_path: Path) -> None:
    data = planned(ROOT / "configs/quickstart.yaml", tmp_path)
    assert f"truly gains {100 * data['smallest_gain']:.1f} points or more on these very tasks" in data["finds"]
    gains = [row["smallest_gain"] for row in data["remedies"]]
    assert gains == sorted(gains)
    assert all(gain < data["smallest_gain"] for gain in gains)
    assert [row["change"] for row in data["remedies"] if "held-out tasks (120)" in row["change"]]
