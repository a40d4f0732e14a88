"""The record of truth: written once, derived from, never paid twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from optimizer.attempt_spec import AttemptResult, AttemptStatus, Purpose
from optimizer.ledger import (
    AttemptRow,
    Bill,
    CandidateRow,
    DrawRequest,
    DriverLock,
    Ledger,
    LedgerError,
    LookRow,
    Met,
    ProposalRow,
    RunLockedError,
    VerdictRow,
)
from optimizer.ledger.lock import holder
from optimizer.state import Phase, Spend
from optimizer.verdict import Verdict
from traces.event import TokenUsage

LOCK = {"suite": "s1", "splits": "p1"}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = Ledger(":memory:", clock=Clock())
    made.begin("r", LOCK)
    made.conclude_slot(0, candidate("c000", 0), reason="", bill=Bill())
    yield made
    made.close()


def candidate(name: str, slot: int, parent: str | None = None) -> CandidateRow:
    return CandidateRow(name, slot, parent, f"h-{name}", f"n-{name}", title=f"title of {name}", evidence=("a",))


def ask(task: str = "t1", count: int = 1, harness: str = "h-c000", split: str = "train") -> DrawRequest:
    return DrawRequest("c000", harness, task, split, Purpose.SCREEN, count)


def result(row: AttemptRow, reward: float | None, *, cost: float | None = 0.5, unpriced: int = 0) -> AttemptResult:
    status = AttemptStatus.SCORED if reward is not None else AttemptStatus.MISSING
    usage = TokenUsage(input=10, output=5)
    return AttemptResult(row.spec, status, reward, None, "", usage, cost, unpriced, 1.0, 2)


def test_replicates_count_per_harness_and_task_over_all_stages(ledger: Ledger) -> None:
    first = ledger.plan("r", "baseline", [ask(count=2), ask("t2")])
    second = ledger.plan("r", "screen/c001", [ask(count=1)])
    assert [(row.spec.task, row.spec.replicate) for row in first] == [("t1", 0), ("t1", 1), ("t2", 0)]
    assert [(row.spec.task, row.spec.replicate) for row in second] == [("t1", 2)]


def test_planning_a_stage_again_gives_the_same_attempts(ledger: Ledger) -> None:
    first = ledger.plan("r", "gate/c001/0", [ask(count=3)])
    assert ledger.plan("r", "gate/c001/0", [ask("other", count=9)]) == first


def test_a_result_stands_and_a_second_one_changes_nothing(ledger: Ledger) -> None:
    row = ledger.plan("r", "baseline", [ask()])[0]
    ledger.record([result(row, 1.0)])
    ledger.record([result(row, 0.0)])
    assert [each.reward for each in ledger.attempts("r")] == [1.0]
    assert ledger.spend() == Spend(usd=0.5, tokens=15)


def test_missing_is_not_zero(ledger: Ledger) -> None:
    row = ledger.plan("r", "baseline", [ask()])[0]
    ledger.record([result(row, None)])
    assert [(each.state, each.reward) for each in ledger.attempts("r")] == [("missing", None)]


def test_money_set_aside_is_settled_by_the_result_and_unpriced_requests_are_counted(ledger: Ledger) -> None:
    rows = ledger.plan("r", "baseline", [ask(count=2)])
    ledger.reserve([row.rowid for row in rows], 2.0)
    assert ledger.spend().reserved_usd == 4.0
    ledger.record([result(rows[0], 1.0, cost=None, unpriced=3)])
    assert ledger.spend() == Spend(usd=0.0, tokens=15, unpriced_requests=3, reserved_usd=2.0)


def test_verdicts_levels_and_results_cannot_be_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    ledger.begin("r", LOCK)
    row = ledger.plan("r", "baseline", [ask()])[0]
    ledger.record([result(row, 1.0)])
    ledger.reserve_test("c001", "c000", 0.01)
    ledger.decide(VerdictRow("c001", Verdict.REJECT, "not_better", "words"))
    ledger.close()
    with sqlite3.connect(path) as raw:
        for statement in (
            "UPDATE verdicts SET verdict = 'keep'",
            "UPDATE tests SET level = 1",
            "UPDATE attempts SET reward = 0",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="stands"):
                raw.execute(statement)
    raw.close()


def test_state_is_derived_from_what_was_recorded(ledger: Ledger) -> None:
    for slot in (1, 2, 3):
        name = f"c00{slot}"
        ledger.conclude_slot(slot, candidate(name, slot, "c000"), reason="", bill=Bill(tokens=7, cost_usd=0.1))
    ledger.conclude_slot(4, None, reason="gave up", bill=Bill())
    ledger.conclude_stage("c003", "check", {})
    ledger.reserve_test("c001", "c000", 0.01)
    ledger.record_look(LookRow("c001", 0, "continue"))
    ledger.decide(VerdictRow("c001", Verdict.REJECT, "not_better", ""))
    ledger.decide(VerdictRow("c002", Verdict.KEEP, "better", ""))
    ledger.conclude(Phase.BASELINE, {"score": 0.5})
    state = ledger.state()
    assert state.champion == "c002"
    assert (state.slots, state.since_keep, state.tests_used, state.keeps) == (4, 2, 1, 1)
    assert state.concluded == {Phase.BASELINE}
    assert state.open_candidate is not None
    assert state.open_candidate.id == "c003"
    assert state.open_candidate.passed == {"check"}
    assert [each.test.looks for each in state.candidates if each.test] == [1]
    assert state.spend.tokens == 21


def test_a_slot_and_its_candidate_are_recorded_together_once(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.conclude_slot(1, candidate("c001", 1, "c000"), reason="", bill=Bill(tokens=7))
    assert [row.id for row in ledger.candidates()] == ["c000", "c001"]
    assert ledger.spend().tokens == 7


def test_a_run_begun_with_other_hashes_is_refused_by_name(ledger: Ledger) -> None:
    ledger.begin("r", LOCK)
    with pytest.raises(LedgerError, match="other suite"):
        ledger.begin("r", {**LOCK, "suite": "s2"})


def test_working_time_adds_up_over_sessions_whatever_the_clock_on_the_wall_does(tmp_path: Path) -> None:
    clock, ticks = Clock(), Clock()
    ledger = Ledger(tmp_path / "l.sqlite", clock=clock, ticks=ticks)
    ledger.open_session()
    for jump in (86_400.0, -200_000.0, 0.0):
        clock.now += jump
        ticks.now += 10
        ledger.heartbeat()
    assert ledger.elapsed_s == 30
    ledger.close()
    resumed = Ledger(tmp_path / "l.sqlite", clock=clock, ticks=Clock())
    resumed.open_session()
    clock.now += 86_400
    resumed.heartbeat()
    assert resumed.elapsed_s == 30
    resumed.close()


def test_verdicts_keep_their_order_when_the_clock_jumps_back(tmp_path: Path) -> None:
    clock = Clock()
    with closing(Ledger(tmp_path / "l.sqlite", clock=clock)) as ledger:
        for name in ("c002", "c001"):
            ledger.decide(VerdictRow(name, Verdict.REJECT, "worse", ""))
            clock.now -= 3600
        assert list(ledger.verdicts()) == ["c002", "c001"]


def test_a_driver_whose_run_was_taken_over_writes_nothing_more(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "l.sqlite")) as first, closing(Ledger(tmp_path / "l.sqlite")) as second:
        first.open_session()
        second.open_session()
        with pytest.raises(RunLockedError, match="taken over"):
            first.note("sandbox", "late")
        second.note("sandbox", "mine")
        assert [note["text"] for note in first.notices()] == ["mine"]


def test_a_reader_sees_one_moment_while_the_driver_writes(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    with closing(Ledger(path)) as driver, closing(Ledger(path, read_only=True)) as reader, reader.snapshot():
        before = len(reader.notices())
        driver.note("sandbox", "meanwhile")
        assert len(reader.notices()) == before
        assert reader.tallies().attempts == ()


HOLD = """
import sys, time
from pathlib import Path
from optimizer.ledger import DriverLock
with DriverLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_driver_is_refused_and_a_killed_one_leaves_the_run_free(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert holder(tmp_path) == other.pid
        with pytest.raises(RunLockedError, match=str(other.pid)):
            DriverLock(tmp_path).__enter__()
        other.kill()
    assert holder(tmp_path) is None
    with DriverLock(tmp_path):
        assert holder(tmp_path) is not None


RACE = """
import sys, time
from pathlib import Path
from optimizer.ledger import DriverLock, RunLockedError
folder = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    with DriverLock(folder):
        print("won", flush=True)
        sys.stdin.readline()
except RunLockedError as error:
    print(error.message, flush=True)
"""


def test_of_drivers_started_at_the_very_same_time_exactly_one_wins_and_all_others_name_it(tmp_path: Path) -> None:
    with ExitStack() as stack:
        racers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", RACE, str(tmp_path)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                )
            )
            for _ in range(6)
        ]  # fmt: skip
        pipes = [(each, each.stdin, each.stdout) for each in racers]
        for _, _, out in pipes:
            assert out is not None
            assert out.readline() == "ready\n"
        for _, into, _ in pipes:
            assert into is not None
            into.write("go\n")
        said = {each.pid: out.readline().strip() for each, _, out in pipes if out is not None}
        winners = [pid for pid, text in said.items() if text == "won"]
        assert len(winners) == 1
        losers = {text for text in said.values() if text != "won"}
        assert losers == {f"run {tmp_path.name!r} is driven by process {winners[0]}"}
        for each in racers:
            each.kill()


def test_looking_who_drives_never_keeps_a_driver_out(tmp_path: Path) -> None:
    stop, seen = threading.Event(), set[int | None]()

    def look() -> None:
        looked = False
        while not (looked and stop.is_set()):
            seen.add(holder(tmp_path))
            looked = True

    with DriverLock(tmp_path):
        pass
    watchers = [threading.Thread(target=look) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    taken = 0
    try:
        for _ in range(100):
            with DriverLock(tmp_path):
                taken += 1
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join()
    assert taken == 100
    assert seen
    assert seen <= {os.getpid(), 0, None}


KEEPS_A_CHILD = """
import subprocess, sys
from pathlib import Path
from optimizer.ledger import DriverLock
with DriverLock(Path(sys.argv[1])):
    child = subprocess.Popen(["sleep", "600"], close_fds=False, stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    sys.stdin.readline()
"""


def test_a_child_that_outlives_its_driver_does_not_hold_the_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KEEPS_A_CHILD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as driver:
        assert driver.stdout is not None
        child = int(driver.stdout.readline())
        driver.kill()
    try:
        assert Path(f"/proc/{child}").exists()
        assert holder(tmp_path) is None
        with DriverLock(tmp_path):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_ledger_of_an_earlier_version_is_refused_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(Ledger(path)) as ledger:
        ledger.begin("r", {})
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE run SET schema_version = 1")
        db.commit()
    for read_only in (True, False):
        with pytest.raises(LedgerError, match="an earlier version of Ratchet"):
            Ledger(path, read_only=read_only)


def test_what_a_slot_was_opened_with_stands(ledger: Ledger) -> None:
    ledger.open_proposals([ProposalRow(2, "c000", "tools", "m")])
    ledger.open_proposals([ProposalRow(2, "c001", "merge", "n")])
    assert ledger.proposals() == {2: ProposalRow(2, "c000", "tools", "m")}


def test_a_contract_stands_with_its_candidate(ledger: Ledger) -> None:
    row = CandidateRow("c001", 1, "c000", "h", "n", refuted_by="nothing changes")
    ledger.conclude_slot(1, row, reason="", bill=Bill())
    assert ledger.candidates()[-1] == row


def test_incidents_are_counted_once_with_their_attempt_and_add_up_over_a_session_held_twice(ledger: Ledger) -> None:
    first, second = ledger.plan("r", "screen/c001", [ask(count=2)])
    ended = [
        replace(result(first, 0.0), incidents={"refusal": 1, "overloaded": 2}),
        replace(result(second, 1.0), incidents={"overloaded": 1}),
    ]
    ledger.record(ended)
    ledger.record(ended)
    for _ in range(2):
        ledger.meet("proposer", "s001", {"rate_limited": 1})
    ledger.meet("proposer", "s002", {})
    assert ledger.tallies().met == (
        Met("proposer", "", "rate_limited", 2, 1),
        Met("task", "c000", "overloaded", 3, 2),
        Met("task", "c000", "refusal", 1, 1),
    )
