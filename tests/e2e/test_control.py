"""A night left alone: sent to the background, paused, stopped, interrupted; always to the same end."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimizer.ledger import Ledger
from optimizer.ledger.lock import holder

if TYPE_CHECKING:
    from conftest import Nights

Whole = tuple["Nights", Sequence[str]]


def until(done: Callable[[], bool], *, within_s: float = 60.0) -> None:
    end = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def scored(folder: Path) -> int:
    if not (folder / "ledger.sqlite").exists():
        return 0
    ledger = Ledger(folder / "ledger.sqlite", read_only=True)
    try:
        return len(ledger.attempts(state="scored"))
    finally:
        ledger.close()


def test_a_night_in_the_background_is_paused_let_go_on_stopped_and_resumed_to_the_same_end(
    nights: Nights, whole_night: Whole
) -> None:
    mini = Path(__file__).with_name("mini.yaml")
    launched = nights.data("run", str(mini), "--run-id", "away", "--detach")
    folder, pid = Path(launched["folder"]), launched["pid"]
    assert os.getsid(pid) == pid
    assert holder(folder) == pid
    assert set(launched["next"]) == {"status", "tail", "pause", "stop", "report"}
    until(lambda: scored(folder) > 5)

    paused = nights.data("pause", "away", "--wait")
    assert (paused["state"], paused["driver_pid"]) == ("paused", pid)
    before = scored(folder)
    assert nights.data("resume", "away")["asked"] == "resume"
    until(lambda: scored(folder) > before)

    stopped = nights.data("stop", "away", "--after", "now", "--wait")
    assert (stopped["state"], stopped["driver_pid"]) == ("stopped", None)
    assert "ratchet resume away" in Path(launched["log"]).read_text()
    again = nights.ratchet("stop", "away", check=False)
    assert again.returncode == 2
    assert "it is stopped already" in again.stderr

    assert nights.data("resume", "away", "--detach")["pid"] != pid
    until(lambda: nights.data("status", "away")["state"] == "finished")
    assert nights.facts("away") == whole_night[0].facts("whole")


def test_what_run_would_refuse_is_refused_before_it_goes_to_the_background(nights: Nights, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(Path(__file__).with_name("mini.yaml").read_text() + "unknown_key: 1\n")
    refused = nights.ratchet("run", str(wrong), "--run-id", "wrong", "--detach", "--json", check=False)
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["error"]["code"] == 2
    assert not (nights.runs / "wrong").exists()


@pytest.mark.parametrize("delay_s", [0.4, 0.8, 1.3])
def test_an_interrupt_in_the_first_moments_leaves_a_run_to_resume_or_none_at_all(
    delay_s: float, nights: Nights
) -> None:
    night = nights.start("early")
    time.sleep(delay_s)
    os.kill(night.pid, signal.SIGINT)
    assert night.wait(60) in (130, -signal.SIGINT)  # the latter before Python has loaded anything
    folder = nights.runs / "early"
    if (folder / "ledger.sqlite").exists():
        assert nights.data("status", "early")["state"] == "stopped"
    else:
        assert not folder.exists()


def test_a_second_interrupt_stops_at_once_and_leaves_no_money_set_aside(nights: Nights, whole_night: Whole) -> None:
    night = nights.start("twice")
    folder = nights.runs / "twice"
    until(lambda: scored(folder) > 5)
    os.kill(night.pid, signal.SIGTERM)
    time.sleep(0.02)
    os.kill(night.pid, signal.SIGINT)
    assert night.wait(60) == 130
    ledger = Ledger(folder / "ledger.sqlite", read_only=True)
    assert ledger.spend().reserved_usd == 0.0
    ledger.close()
    nights.ratchet("resume", "twice")
    assert nights.facts("twice") == whole_night[0].facts("whole")
