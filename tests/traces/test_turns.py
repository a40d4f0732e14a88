from __future__ import annotations

import pytest

from traces.errors import UsageError
from traces.event import EventKind, TokenUsage
from traces.recorder import MemoryRecorder
from traces.turns import is_ended, turn_range, turns, used

from .trace_cases import attempt_key, record_attempt


def recorder() -> MemoryRecorder:
    return MemoryRecorder(attempt_key(), clock=iter(range(0, 1_000, 2)).__next__)


def test_a_turn_is_timed_from_the_event_before_it() -> None:
    trace = recorder()
    record_attempt(trace, turns=2)
    parts = turns(trace.events)
    assert [(part.number, len(part.events), part.seconds) for part in parts] == [
        (0, 3, 4.0),
        (1, 3, 6.0),
        (2, 3, 6.0),
        (0, 2, 4.0),
    ]


def test_agents_that_take_turns_stand_in_parts() -> None:
    trace = recorder()
    for agent, turn in (("main", 1), ("helper", 1), ("main", 1)):
        trace.emit(EventKind.NOTE, agent=agent, turn=turn)
    assert [(part.agent, part.number) for part in turns(trace.events)] == [("main", 1), ("helper", 1), ("main", 1)]


def test_a_price_nobody_knows_is_never_written_as_a_number() -> None:
    trace = recorder()
    trace.emit(EventKind.MODEL, usage=TokenUsage(1, 1))
    assert used(trace.events).cost == "unpriced"
    trace.emit(EventKind.MODEL, usage=TokenUsage(1, 1), cost_usd=0.5)
    assert used(trace.events).cost == "over $0.5000, partly unpriced"
    assert used([]).cost == "$0.0000"


@pytest.mark.parametrize(
    ("text", "wanted"), [("3", [3]), ("2-4", [2, 3, 4]), ("4-", [4, 5]), ("-2", [4, 5]), ("0", [0]), ("4-99", [4, 5])]
)
def test_a_range_of_turns_is_read_as_people_write_it(text: str, wanted: list[int]) -> None:
    assert [number for number in range(6) if number in turn_range(text, 5)] == wanted


@pytest.mark.parametrize("text", ["", "-", "x", "2-x", "9", "6-", "4-2", "-0", "1--2", "²"])
def test_what_is_no_turn_is_refused_with_the_turns_there_are(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        turn_range(text, 5)
    assert "turns 1 to 5" in caught.value.hint


def test_only_an_attempt_with_an_end_has_ended() -> None:
    trace = recorder()
    record_attempt(trace, ended=False)
    assert not is_ended(trace.events)
    trace.emit(EventKind.ATTEMPT_END)
    assert is_ended(trace.events)
