"""A whole night: from the command to the certified number, killed and resumed, on one worker and on many."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimizer.ledger import Ledger

if TYPE_CHECKING:
    from conftest import Nights

MINI = Path(__file__).with_name("mini.yaml")
Whole = tuple["Nights", Sequence[str]]


def attempts_done(path: Path) -> int:
    if not path.exists():
        return 0
    ledger = Ledger(path, read_only=True)
    try:
        return len(ledger.attempts(state="scored"))
    finally:
        ledger.close()


def kill_group(night: object, *, after: int, ledger: Path) -> bool:
    """Kill the whole process group once `after` attempts are recorded; False when it ended before."""
    while night.poll() is None:  # type: ignore[attr-defined]
        if attempts_done(ledger) >= after:
            os.killpg(night.pid, signal.SIGKILL)  # type: ignore[attr-defined]
            night.wait()  # type: ignore[attr-defined]
            return True
        time.sleep(0.05)
    return False


def test_a_night_ends_finished_and_says_so_in_words_and_in_json(whole_night: Whole) -> None:
    nights, (said, _) = whole_night
    assert "SIMULATED MODEL" in said
    assert "run whole: finished (iterations)" in said
    data = nights.data("status", "whole")
    assert (data["state"], data["stop_reason"], data["iterations"]) == ("finished", "iterations", 3)
    assert sum(data["verdicts"].values()) == 3
    attempts = data["attempts"]
    assert attempts["planned"] == attempts["scored"] + attempts["missing"] > 60
    assert data["spend"]["usd"] > 0
    assert data["spend"]["unpriced_requests"] == 0


def test_every_attempt_left_a_sealed_trace(whole_night: Whole) -> None:
    from traces.store import TraceStore

    nights, _ = whole_night
    folder = nights.runs / "whole"
    ledger = Ledger(folder / "ledger.sqlite", read_only=True)
    planned = {row.spec.id for row in ledger.attempts()}
    ledger.close()
    store = TraceStore(folder / "traces")
    assert planned <= set(store.attempts())
    assert not any(path.suffix == ".jsonl" for path in (folder / "traces" / "live").rglob("*"))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_night_resumes_to_the_same_end_and_pays_nothing_twice(
    seed: int, nights: Nights, whole_night: Whole
) -> None:
    whole, _ = whole_night
    expected = whole.facts("whole")
    ledger = nights.runs / "killed" / "ledger.sqlite"
    kills = sorted(random.Random(seed).sample(range(len(expected["attempts"])), 2))
    night = nights.start("killed")
    assert kill_group(night, after=kills[0], ledger=ledger)
    before = attempts_done(ledger)
    resumed = nights.ratchet("resume", "killed")
    assert "finished" in resumed.stdout
    assert before <= len(expected["attempts"])
    assert nights.facts("killed") == expected


@pytest.mark.ray
def test_a_night_on_many_workers_gives_the_same_ledger_as_on_one(nights: Nights, whole_night: Whole) -> None:
    alone = whole_night[0]
    nights.ratchet("run", str(nights.on_workers(MINI)), "--run-id", "whole")  # the name is part of what proposers read
    assert nights.facts("whole") == alone.facts("whole")
    assert nights.sessions("whole") == alone.sessions("whole")


def test_a_second_driver_is_refused_while_the_first_goes_on(nights: Nights) -> None:
    night = nights.start("busy")
    ledger = nights.runs / "busy" / "ledger.sqlite"
    while attempts_done(ledger) < 3:
        assert night.poll() is None
        time.sleep(0.05)
    second = nights.ratchet("resume", "busy", check=False)
    assert second.returncode == 2
    assert f"driven by process {night.pid}" in second.stderr
    os.killpg(night.pid, signal.SIGKILL)
    night.wait()


def test_a_first_interrupt_drains_and_says_how_to_go_on(nights: Nights, whole_night: Whole) -> None:
    night = nights.start("stopped")
    ledger = nights.runs / "stopped" / "ledger.sqlite"
    while attempts_done(ledger) < 5:
        assert night.poll() is None
        time.sleep(0.05)
    os.kill(night.pid, signal.SIGINT)
    assert night.wait(60) == 130
    assert nights.data("status", "stopped")["state"] == "stopped"
    nights.ratchet("resume", "stopped")
    assert nights.facts("stopped") == whole_night[0].facts("whole")
