from __future__ import annotations

import pytest

from traces.errors import UsageError
from traces.event import EventKind, TokenUsage
from traces.recorder import MemoryRecorder
from traces.render import escape, render

from .trace_cases import attempt_key, record_attempt


@pytest.fixture
def recorder() -> MemoryRecorder:
    return MemoryRecorder(attempt_key(), clock=iter(range(100)).__next__)


def test_an_attempt_reads_by_turn(recorder: MemoryRecorder) -> None:
    record_attempt(recorder, turns=2)
    assert render(recorder.events) == (
        "c000/sum/a00 · run run-1 · train\n"
        "11 events · 2 model calls · 22 (+4 cached) in, 10 out · $0.5000 · 10.00 s · reward 1.0\n"
        "\n"
        "== main ==\n"
        "[0] attempt_start · seed 7\n"
        "[1] system\n"
        "    You are careful.\n"
        "[2] user\n"
        "    <task>\n"
        "    Add it up.\n"
        "    </task>\n"
        "\n"
        "== main, turn 1 ==\n"
        "[3] model · 11 (+2 cached) in, 5 out · $0.2500\n"
        "    Let me look, turn 1.\n"
        "[4] tool_call · bash\n"
        "    $ ls\n"
        "[5] tool_result · bash\n"
        "    42\n"
        "\n"
        "== main, turn 2 ==\n"
        "[6] model · 11 (+2 cached) in, 5 out · $0.2500\n"
        "    Let me look, turn 2.\n"
        "[7] tool_call · bash\n"
        "    $ ls\n"
        "[8] tool_result · bash\n"
        "    42\n"
        "\n"
        "== main ==\n"
        "[9] verifier · reward 1.0\n"
        "[10] attempt_end · status scored\n"
    )


def test_a_result_stands_below_its_own_call(recorder: MemoryRecorder) -> None:
    for call in ("one", "two"):
        recorder.emit(EventKind.TOOL_CALL, turn=1, name=call, data={"id": call, "input": {"a": 1, "b": "x\ny"}})
    for call in ("two", "one"):
        recorder.emit(EventKind.TOOL_RESULT, turn=1, text=f"result {call}", data={"id": call, "is_error": True})
    shown = render(recorder.events)
    assert [line.split()[0] for line in shown.splitlines() if line.startswith("[")] == ["[0]", "[3]", "[1]", "[2]"]
    assert "    a: 1\n    b:\n      x\n      y\n[3] tool_result · error\n    result one\n" in shown


def test_only_shows_the_kinds_asked_for(recorder: MemoryRecorder) -> None:
    record_attempt(recorder)
    shown = render(recorder.events, only=["tool", "user"])
    assert [line.split()[1] for line in shown.splitlines() if line.startswith("[")] == [
        "user",
        "tool_call",
        "tool_result",
    ]


def test_an_unknown_kind_is_named_with_the_known_ones(recorder: MemoryRecorder) -> None:
    with pytest.raises(UsageError, match="'tools'") as caught:
        render(recorder.events, only=["tools"])
    assert "tool_result" in caught.value.hint


def test_grep_shows_matching_lines_with_those_around(recorder: MemoryRecorder) -> None:
    recorder.emit(EventKind.TOOL_RESULT, text="\n".join(f"line {n}" for n in range(20)))
    recorder.emit(EventKind.NOTE, text="nothing here")
    shown = render(recorder.events, grep=r"line 1[01]$")
    lines = "".join(f"    line {n}\n" for n in range(8, 14))
    assert shown.endswith(f"[0] tool_result\n    ...\n{lines}    ...\n")


def test_grep_without_a_match_says_so(recorder: MemoryRecorder) -> None:
    record_attempt(recorder)
    assert render(recorder.events, grep="absent").endswith("nothing matches 'absent' in 8 events\n")


def test_a_bad_expression_is_a_usage_error(recorder: MemoryRecorder) -> None:
    record_attempt(recorder)
    with pytest.raises(UsageError, match="not a regular expression"):
        render(recorder.events, grep="(unclosed")


def test_no_expression_runs_for_ever(recorder: MemoryRecorder) -> None:
    recorder.emit(EventKind.NOTE, text="a" * 5_000 + "b")
    assert "nothing matches" in render(recorder.events, grep="(a+)+$")


def test_agent_text_cannot_steer_a_terminal(recorder: MemoryRecorder) -> None:
    hostile = "\x1b]0;title\x07\x1b[2J\u202egpj\x9b31m\r\n\tkept ä 漢 😀"
    recorder.emit(EventKind.NOTE, agent=f"a{hostile}", name=f"n{hostile}", text=hostile, data={hostile: hostile})
    shown = render(recorder.events)
    assert not set(shown) & set("\x1b\x07\x9b\r\u202e")
    assert "\tkept ä 漢 😀" in shown
    assert escape("\x1b[0m\u202e") == "\\x1b[0m\\u202e"


def test_long_bodies_are_cut_when_asked(recorder: MemoryRecorder) -> None:
    recorder.emit(EventKind.NOTE, text="h" * 500 + "t" * 500)
    assert "[... 700 of 1,000 characters not shown ...]" in render(recorder.events, max_chars=300)
    assert "not shown" not in render(recorder.events)


def test_unpriced_calls_never_read_as_free(recorder: MemoryRecorder) -> None:
    recorder.emit(EventKind.MODEL, usage=TokenUsage(1, 1), cost_usd=0.5)
    recorder.emit(EventKind.MODEL, usage=TokenUsage(1, 1))
    shown = render(recorder.events)
    assert "cost unknown (1 of 2 calls unpriced)" in shown
    assert "unpriced" in shown.splitlines()[-1]


def test_no_events_say_so() -> None:
    assert render([]) == "no events\n"
