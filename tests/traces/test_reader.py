from __future__ import annotations

import pytest

from traces.errors import NotFoundError, UsageError
from traces.event import EventKind, TokenUsage
from traces.matching import Pattern
from traces.reader import Reading, chosen, laid_out, page
from traces.recorder import MemoryRecorder
from traces.styled import Style

from .trace_cases import attempt_key, record_attempt

HOSTILE = "\x1b]0;title\x07\x1b[2J\u202egpj\x9b31m\r kept ä 漢 😀"


@pytest.fixture
def trace() -> MemoryRecorder:
    return MemoryRecorder(attempt_key(), clock=iter(range(1_000)).__next__)


def text(trace: MemoryRecorder, width: int | None = None, **reading: object) -> str:
    lines = laid_out(page(trace.events, Reading(**reading)), width)  # type: ignore[arg-type]  # fields of Reading
    return "\n".join(line.painted() for line in lines)


def result(trace: MemoryRecorder, output: str, **data: object) -> None:
    trace.emit(EventKind.TOOL_RESULT, turn=1, name="bash", text=output, data={"id": "t1", **data})


def test_an_attempt_reads_by_turn(trace: MemoryRecorder) -> None:
    record_attempt(trace, turns=2)
    assert text(trace) == (
        "\n"
        "── start\n"
        " 0  attempt start · seed 7\n"
        " 1  system\n"
        "    You are careful.\n"
        " 2  user\n"
        "    <task>\n"
        "    Add it up.\n"
        "    </task>\n"
        "\n"
        "── turn 1 · 11 (+2 cached) in, 5 out · $0.2500 · 3.0 s\n"
        " 3  Let me look, turn 1.\n"
        " 4  bash $ ls\n"
        " 5  │ 42\n"
        "\n"
        "── turn 2 · 11 (+2 cached) in, 5 out · $0.2500 · 3.0 s\n"
        " 6  Let me look, turn 2.\n"
        " 7  bash $ ls\n"
        " 8  │ 42\n"
        "\n"
        "── end\n"
        " 9  verifier · reward 1\n"
        "10  attempt end · status scored"
    )


def test_a_long_output_is_folded_and_says_what_shows_it(trace: MemoryRecorder) -> None:
    result(trace, "\n".join(f"line {number}" for number in range(100)))
    shown = text(trace).split("\n")
    assert shown[2:] == [
        " 0  │ line 0",
        *(f"    │ line {number}" for number in range(1, 8)),
        "    │ … 90 more lines, 718 bytes; --full or --event 0 shows all",
        "    │ line 98",
        "    │ line 99",
    ]
    assert "line 50" in text(trace, full=True)
    assert "line 50" in text(trace, event=0)


def test_nothing_is_folded_to_save_a_line_or_two(trace: MemoryRecorder) -> None:
    result(trace, "\n".join("abcdefghijkl"))
    assert "more lines" not in text(trace)


def test_a_very_long_line_is_cut_with_its_count_and_whole_in_full(trace: MemoryRecorder) -> None:
    result(trace, "x" * 5_000)
    assert "x" * 600 + "… 4,400 more characters" in text(trace)
    assert "x" * 5_000 in text(trace, full=True)


def test_what_went_wrong_stands_before_the_output(trace: MemoryRecorder) -> None:
    result(trace, "no such file", exit_code=2, timed_out=False, output_bytes=12)
    result(trace, "", exit_code=None, timed_out=True)
    result(trace, "fine", exit_code=0, timed_out=False, output_bytes=1_000_000)
    assert text(trace).split("\n")[2:] == [
        " 0  exit code 2",
        "    │ no such file",
        " 1  timed out",
        " 2  1,000,000 bytes, of which the agent saw 4 characters",
        "    │ fine",
    ]


def test_turns_a_tail_kinds_and_one_event_can_be_picked(trace: MemoryRecorder) -> None:
    record_attempt(trace, turns=3)
    seqs = {
        "turns": [event.seq for event in chosen(trace.events, Reading(turns="2-3"))],
        "tail": [event.seq for event in chosen(trace.events, Reading(tail=2))],
        "only": [event.seq for event in chosen(trace.events, Reading(only=("tool", "verifier")))],
        "both": [event.seq for event in chosen(trace.events, Reading(only=("tool",), turns="-1"))],
        "event": [event.seq for event in chosen(trace.events, Reading(event=4))],
    }
    assert seqs == {
        "turns": [6, 7, 8, 9, 10, 11],
        "tail": [12, 13],
        "only": [4, 5, 7, 8, 10, 11, 12],
        "both": [10, 11],
        "event": [4],
    }


def test_what_is_not_there_is_refused_with_what_is(trace: MemoryRecorder) -> None:
    record_attempt(trace)
    with pytest.raises(NotFoundError) as caught:
        text(trace, event=99)
    assert "events 0 to 7" in caught.value.hint
    with pytest.raises(UsageError, match="no turn lies in '7'"):
        text(trace, turns="7")
    with pytest.raises(UsageError, match="'tools'"):
        text(trace, only=("tools",))


def test_grep_marks_lines_and_shows_those_around(trace: MemoryRecorder) -> None:
    result(trace, "\n".join(f"line {number}" for number in range(20)))
    trace.emit(EventKind.NOTE, turn=1, text="nothing here")
    assert text(trace, grep=Pattern("line 1[01]$"), context=1).split("\n")[2:] == [
        " 0  │   …",
        "    │   line 9",
        "    │ > line 10",
        "    │ > line 11",
        "    │   line 12",
        "    │   …",
    ]


def test_grep_shows_a_long_line_around_its_match(trace: MemoryRecorder) -> None:
    result(trace, "a" * 3_000 + "needle" + "b" * 3_000)
    shown = text(trace, grep=Pattern("needle"))
    assert "2,800 characters before …" in shown
    assert "needle" in shown
    assert len(shown) < 1_000


def test_grep_without_a_match_says_how_much_was_searched(trace: MemoryRecorder) -> None:
    record_attempt(trace)
    assert text(trace, grep=Pattern("absent")) == "nothing matches 'absent' in 8 events"


def test_matches_carry_their_style(trace: MemoryRecorder) -> None:
    result(trace, "one two")
    spans = [span for line in page(trace.events, Reading(grep=Pattern("two"))) for span in line.spans]
    assert [span.text for span in spans if span.style is Style.MATCH] == ["> ", "two"]


@pytest.mark.parametrize("width", [30, 40, 80])
@pytest.mark.parametrize("reading", [{}, {"full": True}, {"event": 0}, {"grep": Pattern("x")}])
def test_nothing_is_wider_than_the_terminal(trace: MemoryRecorder, width: int, reading: dict[str, object]) -> None:
    trace.emit(EventKind.TOOL_CALL, turn=1, name="a_tool_with_a_long_name_" * 3, data={"input": {"x": "x" * 900}})
    result(trace, f"{'x' * 900}\n{HOSTILE}\n\t\tx\n{'漢x' * 90}", exit_code=1)
    lines = [*laid_out(page(trace.events, Reading(**reading)), width)]  # type: ignore[arg-type]  # fields of Reading
    assert max(line.width for line in lines) <= width
    assert not set("".join(line.text for line in lines)) & set("\x1b\x07\x9b\r\t\u202e")


def test_agent_text_cannot_steer_a_terminal_from_any_field(trace: MemoryRecorder) -> None:
    for kind in EventKind:
        data = {"id": "x", "input": {HOSTILE: HOSTILE}, "stop_reason": HOSTILE, "exit_code": HOSTILE, HOSTILE: HOSTILE}
        trace.emit(kind, agent=HOSTILE, turn=1, name=HOSTILE, text=HOSTILE, data={**data, "reward": HOSTILE})
    for reading in ({}, {"full": True}, {"event": 3}, {"grep": Pattern("kept")}):
        assert not set(text(trace, 80, **reading)) & set("\x1b\x07\x9b\r\u202e")
        assert "kept ä 漢 😀" in text(trace, **reading)


def test_one_event_shows_everything_it_holds(trace: MemoryRecorder) -> None:
    trace.emit(
        EventKind.MODEL, turn=1, text="hm", data={"usage": {"a": 1}}, usage=TokenUsage(3, 4), duration_ms=1_234.0
    )
    shown = text(trace, event=0)
    assert "1970-01-01 00:00:00.000+00:00" in shown
    assert "1,234 ms" in shown
    assert '"a": 1' in shown


def test_several_agents_are_told_apart(trace: MemoryRecorder) -> None:
    trace.emit(EventKind.NOTE, agent="main", turn=1)
    trace.emit(EventKind.NOTE, agent="planner", turn=1)
    assert "── main, turn 1" in text(trace)
    assert "── planner, turn 1" in text(trace)
