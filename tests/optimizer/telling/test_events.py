"""The event log: everything in order, whatever kills the driver or takes its disk; and a log, never more."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimizer.state import Spend
from optimizer.telling.events import (
    EventLog,
    EventReader,
    follow,
    from_line,
    last_events,
    log_of,
    read_events,
    to_line,
    with_spend,
)
from optimizer.telling.progress import KINDS, Progress

if TYPE_CHECKING:
    from conftest import FinishedRun


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def write(path: Path, *texts: str) -> list[Progress]:
    heard: list[Progress] = []
    with EventLog(path, heard.append, clock=Clock()) as log:
        for text in texts:
            log(Progress("notice", text))
    return heard


def texts(path: Path) -> list[str]:
    return [event.text for event in read_events(path)]


def test_what_was_told_is_read_back_the_same(path: Path) -> None:
    heard: list[Progress] = []
    told = Progress("verdict", "c001: \x1b[2J \ud800 caf\u00e9\nline", {"usd": 1.5, "arms": {"c001": {"done": 3}}})
    with EventLog(path, heard.append, clock=Clock()) as log:
        log(told)
    assert list(read_events(path)) == heard
    assert (heard[0].kind, heard[0].text, heard[0].data) == (told.kind, told.text, told.data)
    assert (heard[0].seq, heard[0].at) == (0, 1_000_000.0)
    assert path.read_bytes().isascii()


def test_a_resumed_driver_goes_on_counting(path: Path) -> None:
    write(path, "a", "b")
    write(path, "c")
    assert [(event.seq, event.text) for event in read_events(path)] == [(0, "a"), (1, "b"), (2, "c")]


@pytest.mark.parametrize("torn", [1, 20, 60])
def test_a_torn_last_line_is_left_out_and_mended_by_the_next_driver(path: Path, torn: int) -> None:
    write(path, "a", "b")
    whole = path.read_bytes()
    path.write_bytes(whole[:-torn])
    cut = ["a"] if torn > 1 else ["a", "b"]
    assert texts(path) == cut
    assert [event.text for event in last_events(path, 9)] == cut
    write(path, "c")
    assert texts(path) == [*cut, "c"]
    assert [json.loads(line)["seq"] for line in path.read_bytes().splitlines()] == list(range(len(cut) + 1))


def test_a_log_that_begins_torn_is_begun_anew(path: Path) -> None:
    path.write_bytes(b'{"at": "2026-')
    write(path, "a")
    assert texts(path) == ["a"]


def test_a_line_that_is_no_event_is_passed_over(path: Path) -> None:
    write(path, "a", "b")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\x00\xff garbage\n[1]\n{}\n" + lines[1])
    assert texts(path) == ["a", "b"]


def test_a_log_that_cannot_be_written_costs_one_notice_and_no_event(tmp_path: Path) -> None:
    heard = write(tmp_path / "gone" / "events.jsonl", "a", "b", "c")
    assert [event.text for event in heard if event.seq is not None] == ["a", "b", "c"]
    notices = [event.text for event in heard if event.seq is None]
    assert len(notices) == 1
    assert "cannot be written (No such file or directory)" in notices[0]


def test_a_full_disk_costs_one_notice_and_no_event() -> None:
    heard = write(Path("/dev/full"), "a", "b")
    assert [event.text for event in heard if event.seq is not None] == ["a", "b"]
    assert sum("No space left" in event.text for event in heard) == 1


def test_a_log_removed_under_the_driver_is_begun_anew(path: Path) -> None:
    with EventLog(path, lambda _: None, clock=Clock()) as log:
        log(Progress("notice", "a"))
        path.unlink()
        log(Progress("notice", "b"))
    assert [(event.seq, event.text) for event in read_events(path)] == [(1, "b")]


def test_attempts_are_written_about_once_a_second_and_heard_every_time(path: Path) -> None:
    clock, heard = Clock(), list[Progress]()
    with EventLog(path, heard.append, clock=clock) as log:
        for _ in range(40):
            log(Progress("attempts", "x", {"done": 1}))
            clock.now += 0.1
    assert len(heard) == 40
    assert 4 <= len(list(read_events(path))) <= 5
    assert [event.seq for event in heard if event.seq is not None] == [event.seq for event in read_events(path)]


def test_the_last_of_a_burst_is_written_when_nothing_comes_after_it(path: Path) -> None:
    clock = Clock()
    with EventLog(path, lambda _: None, clock=clock) as log:
        for done in range(1, 6):
            log(Progress("attempts", "x", {"done": done}))
        assert [event.data["done"] for event in read_events(path)] == [1]
        log.flush()
        assert [event.data["done"] for event in read_events(path)] == [1, 5]
        log.flush()
        log(Progress("attempts", "x", {"done": 6}))
        log(Progress("stage_ended", "x", {}))
    assert [event.data.get("done") for event in read_events(path)] == [1, 5, 6, None]
    assert [event.seq for event in read_events(path)] == [0, 1, 2, 3]


def test_an_event_told_by_a_signal_in_the_middle_of_another_keeps_the_order(path: Path) -> None:
    heard: list[str] = []

    def listen(event: Progress) -> None:
        heard.append(event.text)
        if event.text == "first":
            log(Progress("notice", "second"))

    with EventLog(path, listen, clock=Clock()) as log:
        log(Progress("notice", "first"))
    assert heard == texts(path) == ["first", "second"]


def test_the_last_events_are_read_without_the_rest(path: Path) -> None:
    write(path, *(f"event {n} {'x' * 500}" for n in range(2000)))
    with path.open("r+b") as file:
        file.write(b"\0" * 500_000)  # what lies before is never looked at
    assert [event.seq for event in last_events(path, 3)] == [1997, 1998, 1999]
    assert last_events(path, 0) == []
    odd = last_events(path, 2, worth=lambda event: bool((event.seq or 0) % 2))
    assert [event.seq for event in odd] == [1997, 1999]


def test_no_log_has_no_events(path: Path) -> None:
    assert (list(read_events(path)), last_events(path, 5), EventReader(path).read()) == ([], [], [])


def test_a_reader_gets_each_event_once_as_the_log_grows(path: Path) -> None:
    reader = EventReader(path)
    assert reader.read() == []
    write(path, "a", "b")
    line = to_line(Progress("notice", "c", at=1.0, seq=2))
    assert [event.text for event in reader.read()] == ["a", "b"]
    with path.open("ab") as file:
        file.write(line[:30])
    assert reader.read() == []
    with path.open("ab") as file:
        file.write(line[30:])
    assert [event.text for event in reader.read()] == ["c"]
    assert reader.read() == []


def test_a_reader_begins_anew_where_the_log_was_replaced(path: Path) -> None:
    reader = EventReader(path)
    write(path, "a", "b")
    reader.read()
    path.rename(path.with_suffix(".old"))
    write(path, "new")
    assert [event.text for event in reader.read()] == ["new"]


def steps(*actions: Callable[[], None]) -> Callable[[float], None]:
    """Do one thing at each wait."""
    left = iter(actions)

    def sleep(seconds: float) -> None:
        assert seconds > 0
        next(left)()

    return sleep


def test_following_ends_with_the_driver_and_loses_nothing_it_wrote_last(path: Path) -> None:
    alive = [True]

    def die() -> None:
        write(path, "last words")
        alive[0] = False

    got = [
        e.text for e in follow(EventReader(path), lambda: alive[0], sleep=steps(lambda: _ignore(write(path, "a")), die))
    ]
    assert got == ["a", "last words"]


def test_following_ends_when_the_run_is_finished(path: Path) -> None:
    def finish() -> None:
        with EventLog(path, lambda _: None) as log:
            log(Progress("finished", "iterations"))

    kinds = [event.kind for event in follow(EventReader(path), lambda: True, sleep=steps(finish))]
    assert kinds == ["finished"]


def _ignore(_: object) -> None:
    return None


def test_events_carry_the_spend_so_far_unless_they_know_better() -> None:
    heard: list[Progress] = []
    tell = with_spend(heard.append, lambda: Spend(1.25, 10, 3))
    tell(Progress("look", "x", {"outcome": "continue"}))
    tell(Progress("attempts", "x", {"usd": 9.0}))
    assert heard[0].data == {"outcome": "continue", "usd": 1.25, "tokens": 10, "unpriced": 3}
    assert heard[1].data == {"usd": 9.0}


def test_a_ledger_that_cannot_be_read_does_not_swallow_the_event() -> None:
    def broken() -> Spend:
        raise sqlite3.OperationalError("disk I/O error")

    heard: list[Progress] = []
    with_spend(heard.append, broken)(Progress("needs_attention", "the disk is full"))
    assert [event.text for event in heard] == ["the disk is full"]


def test_a_line_of_another_shape_is_no_event() -> None:
    good = json.loads(to_line(Progress("notice", "x", at=1.0, seq=0)))
    assert from_line(json.dumps(good).encode()) is not None
    for key in good:
        assert from_line(json.dumps({k: v for k, v in good.items() if k != key}).encode()) is None


# A whole night's events ---------------------------------------------------------------


@pytest.fixture
def night(finished_run: FinishedRun) -> list[Progress]:
    return list(read_events(log_of(finished_run.runs / finished_run.run)))


def test_a_night_is_told_from_its_start_to_its_end_in_known_kinds(night: list[Progress]) -> None:
    assert (night[0].kind, night[-1].kind) == ("started", "finished")
    assert {event.kind for event in night} <= set(KINDS)
    assert [event.seq for event in night] == list(range(len(night)))
    assert all(a.at <= b.at for a, b in itertools.pairwise(night) if a.at is not None and b.at is not None)


def test_spend_never_falls_and_ends_at_the_ledgers_number(night: list[Progress], finished_run: FinishedRun) -> None:
    from optimizer.facts import read_facts
    from optimizer.run_folder import RunFolder

    spent = [event.data["usd"] for event in night]
    assert spent == sorted(spent)
    assert spent[-1] == pytest.approx(
        read_facts(RunFolder(finished_run.runs / finished_run.run)).state.spend.usd, abs=1e-6
    )


def test_every_proposal_is_announced_and_every_verdict_says_why(night: list[Progress]) -> None:
    asked = [event.data["slot"] for event in night if event.kind == "proposing"]
    assert asked == [event.data["slot"] for event in night if event.kind == "proposed"] == [1, 2, 3]
    verdicts = [event.data for event in night if event.kind == "verdict"]
    assert verdicts
    for data in verdicts:
        assert all(data[key] for key in ("candidate", "verdict", "cause", "reason", "title", "champion"))
    kept = [data for data in verdicts if data["verdict"] == "keep"]
    assert all(data["champion"] == data["candidate"] and 0 <= data["train_score"] <= 1 for data in kept)


def test_stages_with_two_arms_count_both(night: list[Progress]) -> None:
    ends = {event.data["stage"]: event.data for event in night if event.kind == "stage_ended"}
    gates = [data for stage, data in ends.items() if stage.startswith("gate/") and "arms" in data]
    assert gates
    for data in gates:
        assert len(data["arms"]) == 2
        assert sum(arm["total"] for arm in data["arms"].values()) == data["total"]
        assert all(arm["done"] == arm["total"] for arm in data["arms"].values())
    assert "arms" not in ends["baseline"]


def test_no_reward_of_a_held_out_attempt_is_told_before_the_night_is_over(night: list[Progress]) -> None:
    text = json.dumps([[event.text, dict(event.data)] for event in night if event.kind != "certified"])
    assert "reward" not in text
    measured = {event.data["phase"]: event.data["train_score"] for event in night if event.kind == "measured"}
    assert measured["preflight"] is None
    assert measured["baseline"] is not None


def test_the_page_names_every_kind_and_its_data(night: list[Progress]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "watching.md").read_text().split("## The log")[1]
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    told = {row[1].strip(" `"): set(re.findall(r"`(\w+)`", row[3])) for row in rows if row[1].strip() != "`kind`"}
    assert list(told) == list(KINDS)
    always = {"usd", "tokens", "unpriced"}
    for event in night:
        if event.kind != "certified":
            assert set(event.data) - always <= told[event.kind], event.kind


def test_the_log_of_a_night_is_small(finished_run: FinishedRun) -> None:
    assert log_of(finished_run.runs / finished_run.run).stat().st_size < 100_000
