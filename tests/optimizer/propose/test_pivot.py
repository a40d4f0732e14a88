"""After a standstill the last mechanisms are closed, also in nearly the same words."""

from __future__ import annotations

import pytest

from optimizer.propose import Closed, Pivot
from optimizer.propose.pivot import ALIKE, alike
from task_agent.harness import HarnessBundle, unified
from traces.errors import UsageError

SEED = {"harness.yaml": b"name: seed\n", "prompts/system.md": b"Solve the task.\n"}
START = HarnessBundle(SEED)
RULES = b"Look first.\nCheck the path.\nKeep the header.\nSort by date.\nSave last.\n"
TRIED = HarnessBundle({**SEED, "prompts/system.md": b"Solve the task.\n" + RULES})
PIVOT = Pivot("c002", "c001", 4, (Closed("c004", "Five rules", unified(START, TRIED)),), START)


def changed(text: bytes) -> HarnessBundle:
    return HarnessBundle({**SEED, "prompts/system.md": b"Solve the task.\n" + text})


@pytest.mark.parametrize(
    "text",
    [RULES, RULES.upper(), RULES.replace(b".", b" !"), RULES.replace(b"Save last.\n", b""), RULES + b"Be kind.\n"],
)
def test_the_same_change_is_refused_in_other_letters_and_with_a_line_more_or_less(text: bytes) -> None:
    with pytest.raises(UsageError, match="nearly the same change as c004 'Five rules', which is closed"):
        PIVOT.check(START, changed(text))


@pytest.mark.parametrize("text", [b"Plan before you start.\n", RULES[:30], RULES + b"One.\nTwo.\nThree.\n"])
def test_another_change_passes(text: bytes) -> None:
    assert PIVOT.check(START, changed(text)) is None  # type: ignore[func-returns-value]  # it raises or passes


def test_what_the_working_copy_has_already_counts_for_nothing() -> None:
    kinder = changed(RULES + b"Be kind.\n")
    with pytest.raises(UsageError, match="c004"):
        PIVOT.check(START, kinder)
    assert Pivot("c002", "c004", 4, PIVOT.closed, START).check(TRIED, kinder) is None  # type: ignore[func-returns-value]  # it raises or passes


def test_a_closed_change_is_known_again_from_another_start() -> None:
    with pytest.raises(UsageError, match="c004"):
        PIVOT.check(changed(b"Plan before you start.\n"), TRIED)


def test_changes_without_a_common_line_are_not_alike() -> None:
    assert alike(frozenset(), frozenset()) == 0.0
    assert alike(frozenset("abcd"), frozenset("abcde")) == ALIKE


def test_the_session_is_told_what_it_starts_from_what_it_is_tested_against_and_what_is_closed() -> None:
    first, _, *closed = PIVOT.opening()
    assert "4 proposals in a row were not kept. The working copy is c001, not the champion." in first
    assert "tested as a whole against the champion c002" in first
    assert closed == ["- c004 'Five rules' (prompts)"]
    assert "working copy" not in next(iter(Pivot("c002", "c002", 4, (), START).opening()))
