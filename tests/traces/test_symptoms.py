"""What a machine tells of a failure without a model, with what differs by nature left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from traces.event import AttemptKey, Event, EventKind
from traces.symptoms import CUT_OFF, shape, symptoms

KEY = AttemptKey("run", "c000", "sum-01", "train", "c000/sum-01/a00")


def events(*parts: tuple[EventKind, str, dict[str, Any]], ended: bool = True) -> list[Event]:
    whole = [*parts, *([(EventKind.ATTEMPT_END, "", {})] if ended else [])]
    return [
        Event(KEY, seq, float(seq), kind, name="bash", text=text, data=data)
        for seq, (kind, text, data) in enumerate(whole)
    ]


def signs(found: Sequence[Event], cause: str | None = None) -> list[tuple[str, str, int | None]]:
    return [(each.sign, each.shape, each.at) for each in symptoms(found, cause)]


def ran(command: str, answer: str, code: int) -> list[tuple[EventKind, str, dict[str, Any]]]:
    call = (EventKind.TOOL_CALL, "", {"id": "1", "input": {"command": command}})
    return [call, (EventKind.TOOL_RESULT, answer, {"id": "1", "exit_code": code})]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("reports/team_sums.csv: line 2 is 'Design,9,35131.03'", "*.csv: line # is …"),
        ("missing: review/window.csv", "missing: *.csv"),
        ("awk: cannot open /work/x/ledger.tsv (No such file)", "awk: cannot open *.tsv (No such file)"),
        ("it isn't 12,5 and it's 3:15", "it isn't # and it's #"),
        ("FAILED tests/test_out.py::test_totals", "FAILED *.py::test_totals"),
    ],
)
def test_a_shape_leaves_out_what_differs_from_task_to_task(line: str, expected: str) -> None:
    assert shape(line) == expected


def test_the_most_telling_symptom_comes_first() -> None:
    verdict = (EventKind.VERIFIER, "out/a.csv: has 1 lines, not 9\n", {"reward": 0.0})
    found = events(*ran("cat in.csv | sort > out/a.csv", "cat: in.csv: No such file\n[exit code 1]", 1), verdict)
    assert signs(found, "out_of_turns") == [
        ("ending", "out of turns", 3),
        ("check", "*.csv: has # lines, not #", 2),
        ("error", "cat: *.csv: No such file", 1),
        ("command", "cat | sort", 0),
    ]


def test_an_attempt_whose_process_died_is_cut_off() -> None:
    assert signs(events(*ran("sleep 99", "", 0), ended=False))[0] == ("ending", CUT_OFF, 1)


def test_an_attempt_without_a_trace_has_its_cause() -> None:
    assert signs([], "worker_lost") == [("ending", "worker lost", None)]
    assert signs([]) == []


def test_of_a_test_runners_output_only_failed_checks_count() -> None:
    text = (
        "=== test session ===\ntests/t.py .F\nFAILED tests/t.py::test_sum - assert 3 == 4\n1 failed, 1 passed in 0.2s\n"
    )
    found = events((EventKind.VERIFIER, text, {"reward": 0.5}))
    assert signs(found) == [("check", "FAILED *.py::test_sum", 0)]


def test_an_attempt_that_passed_has_no_failed_check() -> None:
    assert signs(events((EventKind.VERIFIER, "all as expected", {"reward": 1.0}))) == []
