from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces.event import Event, EventKind
from traces.recorder import MemoryRecorder
from traces.side_by_side import beside, compare, marked_apart
from traces.styled import CLOSE, OPEN

from .trace_cases import attempt_key, emissions


def attempt(*calls: tuple[str, str], reward: float = 1.0, words: str = "Let me see.") -> list[Event]:
    trace = MemoryRecorder(attempt_key(), clock=iter(range(1_000)).__next__)
    trace.emit(EventKind.USER, text="Add it up.")
    for turn, (command, answer) in enumerate(calls, 1):
        trace.emit(EventKind.MODEL, turn=turn, text=words)
        trace.emit(EventKind.TOOL_CALL, turn=turn, name="bash", data={"id": f"t{turn}", "input": {"command": command}})
        trace.emit(EventKind.TOOL_RESULT, turn=turn, name="bash", text=answer, data={"id": f"t{turn}"})
    trace.emit(EventKind.VERIFIER, data={"reward": reward})
    return list(trace.events)


def shown(left: list[Event], right: list[Event], width: int = 100, *, full: bool = False) -> list[str]:
    return [line.painted() for line in beside(compare(left, right), width, full=full)]


def test_the_common_beginning_is_folded_and_both_ways_stand_side_by_side() -> None:
    left = attempt(("ls", "a.csv"), ("sort a.csv", "1\n2"))
    right = attempt(("ls", "a.csv"), ("sort -r a.csv", "2\n1"), reward=0.0)
    assert shown(left, right) == [
        "── the same actions until here: 4 events; --full shows them",
        "  2  bash $ ls",
        "  4  Let me see.                                 ┃   4  Let me see.",
        "── here they part: bash is called in another way",
        "  5≠ bash $ sort a.csv                           ┃   5≠ bash $ sort -r a.csv",
        "  6≠ │ 1                                         ┃   6≠ │ 2",
        "     │ 2                                         ┃      │ 1",
        "  7≠ verifier · reward 1                         ┃   7≠ verifier · reward 0",
    ]


def test_below_a_hundred_columns_they_stand_below_each_other_and_what_is_the_same_once() -> None:
    left, right = attempt(("sort a.csv", "1")), attempt(("sort -r a.csv", "1"), reward=0.0)
    assert shown(left, right, 80)[1:] == [
        "both    1  Let me see.",
        "── here they part: bash is called in another way",
        "left    2≠ bash $ sort a.csv",
        "right   2≠ bash $ sort -r a.csv",
        "both    3  │ 1",
        "left    4≠ verifier · reward 1",
        "right   4≠ verifier · reward 0",
    ]


def test_attempts_that_do_the_same_say_so() -> None:
    one = attempt(("ls", "a.csv"))
    assert compare(one, one).parts_at is None
    assert shown(one, one)[0] == "── the same from beginning to end: 5 events; --full shows them"


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        (attempt(("ls", "a")), attempt(("ls", "b")), "the same call is answered in another way"),
        (attempt(("ls", "a")), attempt(("ls", "a"), words="Hm."), "the same actions in other words"),
        (attempt(("ls", "a")), attempt(("ls", "a"), reward=0.0), "the verifier judges differently"),
        (attempt(("ls", "a")), attempt(), "only the left one goes on with a call of bash"),
    ],
)
def test_how_they_part_is_said(left: list[Event], right: list[Event], words: str) -> None:
    assert words in "\n".join(shown(left, right))


def test_in_full_nothing_is_left_out() -> None:
    left = attempt(("ls", "\n".join(f"file {number}" for number in range(50))), ("cat a", "x"))
    right = attempt(("ls", "\n".join(f"file {number}" for number in range(50))), ("cat b", "x"))
    whole = "\n".join(shown(left, right, full=True))
    assert "file 25" in whole
    assert "Add it up." in whole
    assert "here they part" in whole
    assert "file 25" not in "\n".join(shown(left, right))


@given(st.lists(emissions, max_size=8), st.lists(emissions, max_size=8), st.sampled_from([30, 40, 80, 100, 161]))
def test_nothing_is_wider_than_the_terminal_whatever_agents_wrote(
    left: list[dict[str, object]], right: list[dict[str, object]], width: int
) -> None:
    sides: list[list[Event]] = []
    for emitted in (left, right):
        trace = MemoryRecorder(attempt_key(), clock=lambda: 0.0)
        for fields in emitted:
            trace.emit(**fields)  # type: ignore[arg-type]  # fields of an event
        sides.append(list(trace.events))
    for full in (False, True):
        lines = [*beside(compare(*sides), width, full=full)]
        assert all(line.width <= width for line in lines)
        assert not set("".join(line.text for line in lines)) & set("\x1b\x07\x9b\r\t\u202e")


def test_words_that_differ_are_marked() -> None:
    marked = marked_apart("sort -n a.csv", "sort -r a.csv").replace(OPEN, "<").replace(CLOSE, ">")
    assert marked == "sort -<n> a.csv"
    assert marked_apart("same", "same") == "same"


@given(st.text("ab \n", max_size=60), st.text("ab \n", max_size=60))
def test_marking_changes_no_word(mine: str, other: str) -> None:
    assert marked_apart(mine, other).replace(OPEN, "").replace(CLOSE, "") == mine
