"""`ratchet tune` as a person runs it: what helps is found and kept, and neither kills nor workers change that."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimizer.ledger import Ledger

if TYPE_CHECKING:
    from conftest import Nights

TUNE = Path(__file__).with_name("tune.yaml")
pytestmark = pytest.mark.timeout(600)


def trials(nights: Nights, run: str) -> list[tuple[object, ...]]:
    ledger = Ledger(nights.runs / run / "ledger.sqlite", read_only=True)
    try:
        return [(row.id, row.slot, row.harness, dict(row.setting), row.outcome) for row in ledger.trials()]
    finally:
        ledger.close()


def test_the_setting_that_truly_helps_is_found_and_kept(tuned_night: Nights) -> None:
    data = tuned_night.data("status", "whole")
    assert (data["state"], data["champion"], data["verdicts"]["keep"]) == ("finished", "c001", 1)
    assert data["champion_title"].startswith("limits.turns from 8 to ")
    truth = tuned_night.data("audit", "whole")
    assert truth["harmful_keeps"] == 0
    assert truth["true"]["gain"] > 0.1
    told = (tuned_night.runs / "whole" / "report.md").read_text()
    assert "| task: tune | train |" in told


def test_attempts_of_trials_are_of_train_tasks_alone(tuned_night: Nights) -> None:
    rows = tuned_night.facts("whole")["attempts"]
    tuned = {row[1].split("/")[1] for row in rows if row[0].startswith("tune/")}
    heldout = {row[1].split("/")[1] for row in rows if row[0].startswith("gate/")}
    assert len(tuned) == 16
    assert not tuned & heldout


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.9])
def test_a_killed_night_of_tuning_resumes_to_the_same_end(part: float, nights: Nights, tuned_night: Nights) -> None:
    expected = tuned_night.facts("whole")
    path = nights.runs / "killed" / "ledger.sqlite"
    night = nights.start("killed", file=TUNE, verb="tune")
    while not path.exists() or scored(path) < part * len(expected["attempts"]):
        assert night.poll() is None
        time.sleep(0.02)
    os.killpg(night.pid, signal.SIGKILL)
    night.wait()
    if part == 0.5:
        shutil.rmtree(nights.runs / "killed" / "tuner")
    nights.ratchet("resume", "killed")
    assert nights.facts("killed") == expected
    assert trials(nights, "killed") == trials(tuned_night, "whole")


def scored(path: Path) -> int:
    ledger = Ledger(path, read_only=True)
    try:
        return len(ledger.attempts(state="scored"))
    finally:
        ledger.close()


@pytest.mark.ray
def test_tuning_on_many_workers_gives_the_same_ledger_as_on_one(nights: Nights, tuned_night: Nights) -> None:
    nights.ratchet("tune", str(nights.on_workers(TUNE)), "--run-id", "ray")
    assert nights.facts("ray") == tuned_night.facts("whole")
    assert trials(nights, "ray") == trials(tuned_night, "whole")
