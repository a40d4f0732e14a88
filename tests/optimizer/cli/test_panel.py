"""The live view: right at every size, true to its events, and unmoved by what agents write."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from optimizer.cli.watch.board import Board
from optimizer.cli.watch.panel import ASCII, panel
from optimizer.cli.watch.terminal import Terminal
from optimizer.telling.progress import Progress

T0 = 1_800_000_000.0
LIMITS = {"iterations": 6, "no_progress": 8, "budget_usd": 20.0, "tokens": None, "hours": None}
PACE = {"samples": 50, "mean_s": 4.0, "median_s": 3.1, "p90_s": 8.0}
SIZES = list(itertools.product([20, 40, 60, 80, 120, 200], [1, 4, 9, 16, 23, 50]))


def event(after_s: float, kind: str, text: str = "", **data: Any) -> Progress:  # Any: JSON
    return Progress(kind, text, data, at=T0 + after_s)


def opening(**more: Any) -> Progress:  # Any: JSON
    data = {"run": "night-7", "simulated": True, "limits": LIMITS, "looks": 3, "slots": 8, "usd": 0.0, **more}
    return event(0, "started", "run night-7: process", planned={"certify": 40}, **data)


def verdict(after_s: float, slot: int, word: str, score: float | None, **more: Any) -> Progress:  # Any: JSON
    name = f"c{slot:03d}"
    data = {"slot": slot, "candidate": name, "verdict": word, "train_score": score, "title": f"Idea number {slot}"}
    told = {"cause": "better" if word == "keep" else "not_better", "champion": name if word == "keep" else "c001"}
    return event(after_s, "verdict", **{**data, **told, **more})


def arms(candidate: int, champion: int) -> dict[str, Any]:  # Any: JSON
    return {
        "c003": {"done": candidate, "total": 60, "missing": 1},
        "c001": {"done": champion, "total": 60, "missing": 0},
    }


def night() -> Iterator[Progress]:
    """Tell a night up to the middle of its third iteration's first look."""
    yield opening()
    yield event(10, "measured", phase="baseline", candidate="c000", train_score=0.25)
    for slot, word, score in ((1, "keep", 0.5), (2, "reject", None)):
        yield event(100 * slot, "proposing", slot=slot, parent="c000")
        yield event(100 * slot + 20, "proposed", slot=slot, candidate=f"c{slot:03d}", title=f"Idea number {slot}")
        yield verdict(100 * slot + 90, slot, word, score, usd=1.0 * slot)
    yield event(300, "proposing", slot=3, parent="c001")
    yield event(310, "proposed", slot=3, candidate="c003", title="Read the header first")
    yield event(320, "stage_started", stage="gate/c003/0/0", attempts=120, usd=2.0)
    counts = {"done": 53, "total": 120, "missing": 1, "in_flight": 8, "arms": arms(27, 26), "pace": PACE}
    yield event(340, "attempts", stage="gate/c003/0/0", usd=2.4, **counts)


def board_of(events: Iterable[Progress]) -> Board:
    board = Board()
    for each in events:
        board.take(each, each.at or T0)
    return board


def shown(board: Board, width: int = 80, height: int = 24, *, after_s: float = 345, **more: Any) -> list[str]:
    return [line.plain for line in panel(board, T0 + after_s, width=width, height=height, **more)]


def row(lines: list[str], label: str) -> str:
    return next(line for line in lines if line.lstrip().startswith(label))


def test_the_view_shows_where_the_night_is() -> None:
    lines = shown(board_of(night()))
    assert "ratchet night-7  SIMULATED MODEL" in lines[0]
    assert lines[0].endswith("6 min at work ─")
    assert row(lines, "iteration") == "iteration 3 of 6   champion c001   1 kept of 2 decided"
    assert row(lines, "now") == "now       gate c003, look 1 of 3   Read the header first"
    assert row(lines, "attempts").endswith("╸───────────────────  53 of 120, 8 in flight, 1 missing")
    assert row(lines, "c003").endswith("27 of 60 candidate, 1 missing")
    assert row(lines, "c001").endswith("26 of 60 champion")
    assert row(lines, "left") == "left      about 40 s (p90 45 s); an attempt takes 3.1 s (p90 8.0 s)"
    assert "at this pace: all 6 iterations, then certifying" in row(lines, "ends")
    assert row(lines, "spend").endswith("$2.40 of $20.00, about $4.76 at the end (nominal)")
    assert row(lines, "climb") == "climb     ▁██  25.0% to 50.0% on train tasks"
    assert lines[lines.index(row(lines, "climb")) + 1].split() == ["●○", "●", "kept", "○", "not", "kept"]
    assert row(lines, "last").startswith("last      c002  refused   not better beyond noise  Idea number 2")
    assert lines[-1].startswith("          c001  kept      better beyond noise      Idea number 1")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_view_fits_every_terminal(width: int, height: int) -> None:
    lines = panel(board_of(night()), T0 + 345, width=width, height=height)
    assert 1 <= len(lines) <= height
    assert max(line.cell_len for line in lines) <= width


@pytest.mark.parametrize("height", [2, 5, 9])
def test_a_low_terminal_keeps_what_matters_most(height: int) -> None:
    lines = shown(board_of(night()), height=height)
    assert "night-7" in lines[0]
    assert row(lines, "now")
    assert bool([line for line in lines if line.startswith("attempts")]) == (height >= 5)


def test_a_narrow_terminal_loses_pictures_before_numbers() -> None:
    text = "\n".join(shown(board_of(night()), 40))
    for part in ("simulated", "3 of 6", "c001", "gate c003, look 1 of 3", "53 of 120, 8 in flight", "$2.40 of $20.00"):
        assert part in text


def test_a_terminal_without_unicode_gets_ascii() -> None:
    assert all(line.isascii() for line in shown(board_of(night()), glyphs=ASCII))


def test_a_replay_says_so_in_its_first_line() -> None:
    assert "REPLAY at 20x" in shown(board_of(night()), heading="REPLAY at 20x")[0]
    assert "REPLAY" in shown(board_of(night()), 40, heading="REPLAY at 20x")[0]


def test_what_agents_wrote_cannot_steer_the_terminal() -> None:
    nasty = "\x1b]0;owned\x07\x1b[2J[bold red]\u202edrow"
    events = [*night(), verdict(350, 3, "reject", None, title=nasty, reason=nasty)]
    lines = shown(board_of(events), 200)
    text = "\n".join(lines)
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "\\x1b]0;owned\\x07" in text
    assert "[bold red]" in text


def test_wide_letters_are_counted_as_two_columns() -> None:
    events = [*night(), verdict(350, 3, "reject", None, title="見出し行を最初に読む" * 9)]
    lines = panel(board_of(events), T0 + 360, width=100, height=24)
    assert max(line.cell_len for line in lines) <= 100
    assert any("見出し行" in line.plain for line in lines)


def test_a_real_run_is_not_called_simulated_and_its_money_not_nominal() -> None:
    text = "\n".join(shown(board_of([opening(simulated=False), *itertools.islice(night(), 1, None)])))
    assert "SIMULATED" not in text
    assert "nominal" not in text


def test_unpriced_requests_are_said_and_never_shown_as_nothing() -> None:
    board = board_of([opening(), event(5, "look", usd=0.0, unpriced=12)])
    assert "unpriced (12 requests) of $20.00" in "\n".join(shown(board, after_s=6))


def test_the_deadline_or_the_budget_ends_the_night_when_it_comes_first() -> None:
    early = {**LIMITS, "hours": 0.1}
    rows = [opening(limits=early), *itertools.islice(night(), 1, None)]
    assert row(shown(board_of(rows)), "ends").endswith("the deadline")
    poor = {**LIMITS, "budget_usd": 2.5}
    rows = [opening(limits=poor), *itertools.islice(night(), 1, None)]
    lines = shown(board_of(rows))
    assert row(lines, "ends").endswith("the budget is spent")
    assert "about $2.50 at the end" in row(lines, "spend")


def test_nothing_is_foretold_before_an_iteration_has_ended() -> None:
    lines = shown(board_of(itertools.islice(night(), 3)), after_s=120)
    assert not [line for line in lines if line.startswith(("ends", "left"))]
    assert "at the end" not in row(lines, "spend")


def test_before_the_first_event_nothing_is_made_up() -> None:
    assert shown(Board()) == [
        f"─ ratchet {'─' * 56} 0 s at work ─",
        "iteration before the first",
        "now       starting",
    ]
    assert shown(Board(doing_since=T0), after_s=5)[-1] == "now       starting, 5 s"


def test_a_long_session_shows_how_long_it_takes() -> None:
    lines = shown(board_of(itertools.islice(night(), 3)), after_s=100 + 95)
    assert row(lines, "now") == "now       proposing: a session reads the traces of c000, 95 s"


def test_a_run_that_needs_somebody_says_so_and_why() -> None:
    board = board_of([*night(), event(350, "needs_attention", "the provider is out of reach; ratchet resume night-7")])
    lines = shown(board)
    assert row(lines, "state") == ("state     needs attention: the provider is out of reach; ratchet resume night-7")
    assert not [line for line in lines if line.startswith(("now", "attempts", "ends"))]


def test_a_pause_is_no_working_time() -> None:
    board = board_of([*night(), event(350, "paused", "paused; ratchet resume night-7 lets it go on")])
    assert shown(board, after_s=9000)[0].endswith("6 min at work ─")
    assert row(shown(board), "state") == "state     paused; ratchet resume night-7 lets it go on"
    counts = {"done": 60, "total": 120, "in_flight": 8}
    board.take(event(7550, "attempts", stage="gate/c003/0/0", **counts), T0 + 7550)
    lines = shown(board, after_s=7555)
    assert lines[0].endswith("6 min at work ─")
    assert "60 of 120" in row(lines, "attempts")


def test_a_finished_run_shows_its_gain() -> None:
    events = [*night(), event(400, "certified", "certified gain +24.2 points"), event(401, "finished", "iterations")]
    lines = shown(board_of(events))
    assert row(lines, "state") == "state     finished: iterations"
    assert row(lines, "gain") == "gain      certified gain +24.2 points"


def test_a_resumed_driver_brings_back_what_was_concluded_before() -> None:
    stairs = [
        {"slot": 1, "candidate": "c001", "verdict": "keep", "cause": "better", "title": "Idea", "train_score": 0.5},
        {"slot": 2, "candidate": None},
        {"slot": 3, "candidate": "c003"},
    ]
    so_far = {"elapsed_s": 3600, "iterations": 3, "champion": "c001", "baseline_score": 0.25, "stairs": stairs}
    board = board_of([*night(), event(9000, "paused"), opening(so_far=so_far)])
    lines = shown(board, after_s=9)
    assert lines[0].endswith("60 min at work ─")
    assert row(lines, "iteration") == "iteration 3 of 6   champion c001   1 kept of 1 decided"
    assert row(lines, "climb") == "climb     ▁██  25.0% to 50.0% on train tasks"


def test_a_view_that_joins_in_the_middle_shows_what_it_knows() -> None:
    board = board_of(list(night())[-1:])
    lines = shown(board)
    assert row(lines, "now") == "now       gate c003, look 1"
    assert "53 of 120" in row(lines, "attempts")


@pytest.mark.parametrize("kind", ["attempts", "stage_started", "stage_ended", "proposing", "proposed", "verdict", "x"])
def test_an_event_of_another_version_is_shown_by_its_text_and_breaks_nothing(kind: str) -> None:
    board = board_of([opening(), event(5, kind, "some words", colour="blue")])
    assert shown(board, after_s=6)


def test_a_hundred_iterations_fit_by_showing_the_newest() -> None:
    events = [opening(), event(1, "measured", phase="baseline", train_score=0.1)]
    for slot in range(1, 101):
        events.append(event(slot, "proposing", slot=slot))
        events.append(verdict(slot, slot, "keep" if slot % 10 == 0 else "reject", slot / 100))
    lines = shown(board_of(events), 80, after_s=200)
    marks = lines[lines.index(row(lines, "climb")) + 1]
    assert marks.startswith(" " * 10)
    assert marks.count("○") > 20, "as many iterations as there is room for"
    assert row(lines, "climb").endswith("10.0% to 100.0% on train tasks")


# On a terminal ------------------------------------------------------------------------------


def screen_of(columns: int, **more: Any) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=True, width=columns, height=24, legacy_windows=False, **more), out


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_what_must_not_be_missed_scrolls_above_the_view(columns: int) -> None:
    console, out = screen_of(columns)
    with Terminal(console, clock=lambda: T0 + 345, keep=True) as draw:
        for each in night():
            draw(each)
        draw(event(345, "notice", "stopping: attempts in flight may end; Ctrl-C again stops at once"))
    plain = Text.from_ansi(out.getvalue()).plain
    assert "stopping: attempts in flight" in " ".join(plain.split())
    assert "night-7" in plain
    assert "\x1b[?25h" in out.getvalue(), "the cursor is shown again"


def test_no_colour_means_no_colour() -> None:
    console, out = screen_of(80, no_color=True)
    with Terminal(console, clock=lambda: T0 + 345) as draw:
        for each in night():
            draw(each)
    assert not [code for code in ("\x1b[3", "\x1b[9", ";3") if f"{code}2m" in out.getvalue()]


def test_the_past_is_caught_up_without_a_line_for_each_event() -> None:
    console, out = screen_of(80)
    with Terminal(console, clock=lambda: T0 + 345, keep=True) as draw:
        for each in night():
            draw.catch_up(each)
    plain = Text.from_ansi(out.getvalue()).plain
    assert "run night-7 (simulated model)" not in plain
    assert "53 of 120" in plain


def test_a_comparison_names_all_its_arms_and_has_no_iterations() -> None:
    names = {"A": "done/c000", "B": "configs/mine", "C": "done/c002"}
    counts = {name: {"done": at, "total": 10, "missing": 0} for at, name in enumerate(names)}
    told = {"done": 3, "total": 30, "missing": 0, "in_flight": 4, "arms": counts}
    began = event(1, "stage_started", stage="compare/heldout/0", attempts=30)
    board = board_of([opening(arms=names), began, event(2, "attempts", stage="compare/heldout/0", **told)])
    lines = shown(board, after_s=3)
    assert not [line for line in lines if line.startswith("iter")]
    for label, name in names.items():
        assert name in row(lines, f"{label} ")
    assert "compare heldout" in row(lines, "now")
