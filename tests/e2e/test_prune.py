"""A careless night keeps what does not help; pruning takes it out again, and what is left is certified."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from optimizer.attempt_spec import Purpose
from optimizer.ledger import Ledger
from optimizer.state import Phase

if TYPE_CHECKING:
    from conftest import Nights
PRUNE = Path(__file__).with_name("prune.yaml")


def conclusion(nights: Nights, run: str, phase: Phase) -> dict[str, Any]:
    ledger = Ledger(nights.runs / run / "ledger.sqlite", read_only=True)
    try:
        return dict(ledger.conclusion(phase) or {})
    finally:
        ledger.close()


def pruning_attempts(path: Path) -> int:
    if not path.exists():
        return 0
    ledger = Ledger(path, read_only=True)
    try:
        return len(ledger.attempts(purpose=Purpose.PRUNE.value, state="scored"))
    finally:
        ledger.close()


def test_a_useless_kept_change_is_taken_out_and_the_rest_is_certified(pruned_night: Nights) -> None:
    audit = {row["candidate"]: row for row in pruned_night.data("audit", "whole")["candidates"]}
    record = conclusion(pruned_night, "whole", Phase.PRUNE)
    assert record["removed"]
    assert [audit[name]["effect"] for name in record["removed"]] == [0.0] * len(record["removed"])
    assert audit[record["removed"][0]]["verdict"] == "keep"
    assert [name for name, row in audit.items() if row["pruned"]] == record["removed"]
    assert conclusion(pruned_night, "whole", Phase.CERTIFY)["champion"] == record["champion"] != record["anchor"]
    status = pruned_night.data("status", "whole")
    assert (status["champion"], status["iterations"]) == (record["champion"], 2)
    assert status["pruned"] == {"removed": record["removed"], "skipped": None}
    assert sum(status["verdicts"].values()) == 2


@pytest.mark.slow
def test_a_night_killed_while_it_prunes_resumes_to_the_same_end(nights: Nights, pruned_night: Nights) -> None:
    ledger = nights.runs / "killed" / "ledger.sqlite"
    night = nights.start("killed", file=PRUNE)
    while pruning_attempts(ledger) < 20:
        assert night.poll() is None
        time.sleep(0.05)
    os.killpg(night.pid, signal.SIGKILL)
    night.wait()
    nights.ratchet("resume", "killed")
    assert nights.facts("killed") == pruned_night.facts("whole")


@pytest.mark.slow
@pytest.mark.ray
def test_a_pruned_night_on_many_workers_is_the_same(nights: Nights, pruned_night: Nights) -> None:
    nights.ratchet("run", str(nights.on_workers(PRUNE)), "--run-id", "ray")
    assert nights.facts("ray") == pruned_night.facts("whole")
