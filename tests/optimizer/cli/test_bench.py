from __future__ import annotations

import json
from typing import Any

import pytest

from optimizer.cli.bench.gate import Deciding, World
from optimizer.cli.main import main
from optimizer.gate.simulation.catalogue import WORLDS
from optimizer.gate.simulation.rivals import RIVALS


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "gate", "--processes", "1", *words])
    return int(str(ended.value.code)), capsys.readouterr().out


def rows(said: str) -> list[dict[str, Any]]:  # Any: JSON
    found: list[dict[str, Any]] = json.loads(said)["data"]["rows"]
    return found


def test_the_names_on_the_command_line_are_those_of_the_bench() -> None:
    assert {each.value for each in World} == set(WORLDS)
    assert {each.value for each in Deciding} == {*RIVALS, "strict", "default", "explore"}


def test_one_rule_says_every_measure_with_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "--nights", "2", "--tests", "5", "--tasks", "30", "--rule", "heldout-once", "--json")
    named = {row["measure"]: row for row in rows(said)}
    assert code == 0
    assert named["attempts"]["value"] == 180
    assert {"false_share", "overclaim", "certified_gain_per_1000"} <= set(named)
    assert named["keeps"]["value_error"] is not None


def test_rivals_and_modes_stand_in_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "--rivals", "--nights", "2", "--tests", "4", "--tasks", "30", "--format", "table")
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()[1:]] == [*RIVALS, "default", "strict", "explore"]


@pytest.mark.parametrize("view", ["--frontier", "--head-to-head"])
def test_a_view_of_two_nights_bounds_nothing(capsys: pytest.CaptureFixture[str], view: str) -> None:
    code, said = run(capsys, view, "--nights", "1", "--tests", "3", "--tasks", "20", "--json")
    assert code == 0
    assert len(rows(said)) >= 11


@pytest.mark.parametrize("view", ["--nulls", "--power"])
def test_a_grid_names_target_and_tasks(capsys: pytest.CaptureFixture[str], view: str) -> None:
    code, said = run(capsys, view, "--nights", "1", "--json")
    assert code == 0
    assert {row["target"] for row in rows(said)} == {"population", "benchmark"}
    assert all(row["tasks"] >= 20 for row in rows(said))


def test_two_views_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = run(capsys, "--rivals", "--power")
    assert code == 2
