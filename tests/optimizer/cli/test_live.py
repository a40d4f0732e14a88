"""Progress: never a silent minute, one line per event, and nothing that agents wrote acts up."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from typing import Any

import pytest

from optimizer.cli.live import Display, drawn, listener, settled
from optimizer.cli.manner import NOW
from optimizer.cli.watch.aside import MOST_WAITING, Aside
from optimizer.cli.watch.lines import JsonLines
from optimizer.cli.watch.plain import Plain, hang
from optimizer.cli.watch.words import about, stage_label, words
from optimizer.telling.progress import InTurn, Progress


class Clock:
    """Stand still until told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def began(**data: Any) -> Progress:  # Any: JSON
    return Progress("started", "run r: process, as asked for", {"run": "r", **data})


def started(stage: str, attempts: int) -> Progress:
    return Progress("stage_started", stage, {"stage": stage, "attempts": attempts})


def done(stage: str, count: int, total: int, **more: Any) -> Progress:  # Any: JSON
    return Progress("attempts", stage, {"stage": stage, "done": count, "total": total, **more})


def ended(stage: str, total: int, missing: int = 0) -> Progress:
    return Progress("stage_ended", stage, {"stage": stage, "done": total, "total": total, "missing": missing})


@pytest.mark.parametrize(
    ("stage", "label"),
    [
        ("preflight", "preflight"),
        ("screen/c001", "screen c001"),
        ("gate/c012/1/0", "gate c012, look 2"),
        ("gate/c012/0/0+1", "gate c012, look 1, again"),
        ("baseline+2", "baseline, again"),
        ("preflight+lost1", "preflight, again"),
        ("beside/c003/1/0", "smoke c003 beside its champion"),
        ("lesson/c003+1", "the champion afresh, for c003's lesson, again"),
        ("\x1b[2J/c001", "\\x1b[2J c001"),
    ],
)
def test_a_stage_is_named_as_a_person_would(stage: str, label: str) -> None:
    assert stage_label(stage) == label


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "a second"), (7.4, "7 s"), (33, "35 s"), (118, "118 s"), (600, "10 min"), (9000, "2 h 30 min")],
)
def test_a_foretold_time_is_round_and_never_nothing(seconds: float, text: str) -> None:
    assert about(seconds) == text


def test_a_pipe_gets_one_line_per_event_and_none_for_single_attempts() -> None:
    lines: list[str] = []
    clock = Clock()
    plain = Plain(lines.append, clock=clock)
    plain(started("smoke/c001", 1))
    plain(done("smoke/c001", 1, 1))
    plain(ended("smoke/c001", 1))
    plain(started("screen/c001", 32))
    plain(done("screen/c001", 20, 32, missing=1))
    clock.now += 12
    plain(ended("screen/c001", 32, missing=1))
    assert [line[10:] for line in lines] == [
        "screen c001: 32 attempts",
        "screen c001: 32 of 32 done in 12 s, 1 missing",
    ]


def test_a_simulated_run_says_so_in_its_first_line() -> None:
    assert words(began(simulated=True)) == "run r (simulated model): process, as asked for"
    assert "simulated" not in words(began(simulated=False))


def test_a_verdict_is_told_in_few_words_whatever_was_quoted() -> None:
    data = {"candidate": "c002", "verdict": "reject", "cause": "leak"}
    assert words(Progress("verdict", "c002: reject - " + "quote " * 300, data)) == (
        "c002: refused - holds text of particular tasks"
    )


def test_hostile_text_is_shown_not_obeyed_and_ends_somewhere() -> None:
    lines: list[str] = []
    Plain(lines.append)(Progress("proposed", "c001: \x1b[2Jgone\nline two " + "word " * 500, {}))
    assert "\\x1b[2Jgone line two" in lines[0]
    assert "\x1b" not in lines[0]
    assert len(lines[0]) < 800
    assert lines[0].endswith("...")


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_its_terminal_or_ends_within_a_word(columns: int) -> None:
    lines: list[str] = []
    text = "with twenty held-out tasks the smallest gain found four times in five is 15.2 points, no less"
    Plain(lines.append, columns=columns)(Progress("notice", text))
    first, *rest = "\n".join(lines).splitlines()
    assert all(len(line) <= columns for line in [first, *rest])
    assert all(line.startswith(" " * 10) for line in rest)
    assert " ".join([first[10:], *(line.strip() for line in rest)]) == text


def test_a_word_wider_than_the_terminal_is_left_whole_to_be_copied() -> None:
    path = "/a/" + "long/" * 20 + "path"
    assert path in hang(f"20:30:01  see {path}", 40)


def test_silence_is_broken_with_what_is_under_way() -> None:
    lines: list[str] = []
    clock = Clock()
    plain = Plain(lines.append, heartbeat_s=20, clock=clock, columns=200)
    plain(started("baseline", 40))
    clock.now += 30
    pace = {"samples": 10, "mean_s": 9.0, "median_s": 9.0, "p90_s": 12.0}
    plain(done("baseline", 10, 40, in_flight=3, pace=pace))
    plain.beat()
    plain.beat()
    assert [line[10:] for line in lines[1:]] == [
        "at work for 30 s; baseline: 10 of 40 done, 3 in flight, about 90 s left"
    ]


def test_the_heartbeat_needs_no_event_at_all() -> None:
    lines: list[str] = []
    with Plain(lines.append, heartbeat_s=0.02):
        deadline = time.monotonic() + 5
        while len(lines) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(lines) >= 2
    assert all("at work for" in line and "starting" in line for line in lines)


def test_spend_is_told_only_when_it_is_known_and_unpriced_is_not_nothing() -> None:
    lines: list[str] = []
    clock = Clock()
    plain = Plain(lines.append, heartbeat_s=20, clock=clock, columns=200)
    for usd, unpriced in ((None, 0), (1.5, 0), (0.0, 7)):
        plain(began(limits={"budget_usd": 80}, **({} if usd is None else {"usd": usd, "unpriced": unpriced})))
        clock.now += 21
        plain.beat()
    beats = [line.partition("starting")[2] for line in lines if "at work" in line]
    assert beats == ["", "; $1.50 of $80.00 spent", "; unpriced (7 requests) of $80.00 spent"]


def test_midnight_gets_a_line_of_its_own() -> None:
    lines: list[str] = []
    plain = Plain(lines.append)
    plain(Progress("notice", "late", at=1_800_000_000.0))
    plain(Progress("notice", "early", at=1_800_000_000.0 + 86_400))
    assert [line.split()[-1] for line in lines] == ["late", "2027", "early"]


def test_json_lines_are_the_lines_of_the_log_and_silence_has_a_heartbeat() -> None:
    lines: list[str] = []
    clock = Clock()
    draw = JsonLines(lines.append, heartbeat_s=20, clock=clock)
    draw(Progress("notice", "caf\u00e9 \x1b[2J\n", {"usd": 1.0}, at=100.0, seq=7))
    draw(done("baseline", 1, 2))
    clock.now += 21
    draw.beat()
    first, second = map(json.loads, lines)
    assert first == {
        "at": "1970-01-01T00:01:40.000+00:00",
        "seq": 7,
        "kind": "notice",
        "text": "caf\u00e9 \x1b[2J\n",
        "data": {"usd": 1.0},
    }
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert (second["kind"], second["seq"], second["text"]) == ("heartbeat", None, "baseline: 1 of 2 done")


def test_a_pipe_gets_plain_lines_whatever_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    pipe = io.StringIO()
    assert [settled(way, pipe) for way in Display] == [
        Display.PLAIN, Display.PLAIN, Display.PLAIN, Display.JSON, Display.NONE
    ]  # fmt: skip
    assert "needs a terminal" in capsys.readouterr().err
    with drawn(Display.AUTO, pipe) as draw:
        draw(Progress("notice", "hello"))
    assert pipe.getvalue()[10:] == "hello\n"


def test_none_and_quiet_draw_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with listener(Display.NONE) as draw:
        draw(Progress("notice", "hello"))
    NOW.quiet = True
    try:
        with listener(Display.PLAIN) as draw:
            draw(Progress("notice", "hello"))
    finally:
        NOW.reset()
    assert capsys.readouterr() == ("", "")


def test_a_dumb_terminal_gets_plain_lines() -> None:
    main, other = os.openpty()
    before = os.environ.get("TERM")
    try:
        with open(other, "w", closefd=False) as terminal:
            seen = []
            for name in ("dumb", "xterm"):
                os.environ["TERM"] = name
                seen.append(settled(Display.AUTO, terminal))
    finally:
        os.environ.pop("TERM")
        if before is not None:
            os.environ["TERM"] = before
        os.close(main)
        os.close(other)
    assert seen == [Display.PLAIN, Display.RICH]


def test_an_event_told_while_another_is_drawn_waits_for_it_and_is_not_lost() -> None:
    drawn: list[str] = []

    def draw(progress: Progress) -> None:
        drawn.append(f"{progress.text} begun")
        if progress.text == "first":  # as a signal's handler would, in the same thread
            in_turn(Progress("notice", "second"))
            in_turn.between(lambda: drawn.append("never"))
        drawn.append(f"{progress.text} ended")

    in_turn = InTurn(draw)
    in_turn(Progress("notice", "first"))
    in_turn.between(lambda: drawn.append("later"))
    assert drawn == ["first begun", "first ended", "second begun", "second ended", "later"]


class Stuck:
    """A view whose terminal is stopped until it is released."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.seen: list[str] = []

    def __call__(self, progress: Progress) -> None:
        self.free.wait(10)
        self.seen.append(progress.kind)


def test_a_terminal_that_is_stopped_stops_no_driver_and_gets_everything_later() -> None:
    view = Stuck()
    aside = Aside(view)
    begun = time.monotonic()
    for _ in range(3 * MOST_WAITING):
        aside(Progress("attempts", ""))
    aside(Progress("finished", ""))
    assert aside.end(patience_s=0.05) is False, "stuck"
    assert time.monotonic() - begun < 5
    view.free.set()
    deadline = time.monotonic() + 5
    while "finished" not in view.seen and time.monotonic() < deadline:
        time.sleep(0.01)
    assert view.seen[-1] == "finished"
    assert MOST_WAITING <= len(view.seen) <= MOST_WAITING + 2


def test_a_terminal_that_is_gone_ends_the_drawing_alone() -> None:
    drawn: list[str] = []

    def draw(progress: Progress) -> None:
        drawn.append(progress.text)
        raise BrokenPipeError

    aside = Aside(draw)
    aside(Progress("notice", "first"))
    aside(Progress("notice", "second"))
    assert aside.end() is False
    assert drawn == ["first"]


def test_what_was_told_last_is_drawn_before_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with listener(Display.PLAIN) as listen:
        for number in range(50):
            listen(Progress("notice", f"number {number}"))
    lines = capsys.readouterr().err.splitlines()
    assert [line[10:] for line in lines] == [f"number {number}" for number in range(50)]
