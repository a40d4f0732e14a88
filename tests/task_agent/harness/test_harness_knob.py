"""Knobs: what `search` declares, how it stands, and the harness with other settings, its text otherwise untouched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_agent.harness import EditSurface, HarnessBundle, allows_key, knobs, validate, with_setting
from task_agent.harness.errors import HarnessError

PROMPT = {"prompts/system.md": b"You solve tasks.\n"}
COMMENTED = """\
# the seed
name: a
limits:
  # how long
  turns: 8  # too few?
  time_s: 90.5
orchestration: {pattern: verify_then_finish}
search:
  limits.turns: {low: 4, high: 40}
  limits.time_s: {low: 30.0, high: 600.0, log: true}
  orchestration.params.rounds: {choices: [1, 2, 3]}
  models.verifier.effort: {choices: [null, low]}
"""


def harness(text: str) -> HarnessBundle:
    return HarnessBundle({**PROMPT, "harness.yaml": text.encode()})


def spec_text(bundle: HarnessBundle) -> str:
    return bundle.files["harness.yaml"].decode()


def test_knobs_stand_as_the_file_the_pattern_and_the_defaults_say() -> None:
    found = {knob.key: knob.value for knob in knobs(harness(COMMENTED))}
    assert found == {
        "limits.turns": 8,
        "limits.time_s": 90.5,
        "orchestration.params.rounds": 2,
        "models.verifier.effort": None,
    }


def test_a_setting_changes_its_own_keys_and_leaves_comments_and_order() -> None:
    before = harness(COMMENTED)
    after = with_setting(
        before, {"limits.turns": 12, "orchestration.params.rounds": 3, "models.verifier.effort": "low"}
    )
    lines = spec_text(after).splitlines()
    assert lines[:6] == [*COMMENTED.splitlines()[:4], "  turns: 12  # too few?", "  time_s: 90.5"]
    assert "orchestration: {params: {rounds: 3}, pattern: verify_then_finish}" in lines
    assert lines[-1] == "models: {verifier: {effort: low}}"
    validate(after)


def test_what_stands_so_already_is_not_written_down() -> None:
    before = harness(COMMENTED)
    same = {knob.key: knob.value for knob in knobs(before)}
    assert with_setting(before, same).hash == before.hash


@pytest.mark.parametrize(
    "text",
    [
        "name: a",
        "{name: a}",
        "name: a\nlimits: {}\n",
        "name: a\nlimits: {tokens: 9000}\n",
        "limits:\n    tokens: 9000\n\nname: a\n# the end",
        '"name": "a"\n"limits":\n  "turns": "5"\n'.replace('"5"', "5"),
        "name: a\nlimits:\n  turns:\n    5\n",
    ],
)
@given(turns=st.integers(1, 10**6), cost=st.floats(1e-7, 1e7))
def test_any_form_of_the_file_takes_a_setting(text: str, turns: int, cost: float) -> None:
    after = with_setting(harness(text), {"limits.turns": turns, "limits.cost_usd": cost})
    assert (after.spec.limits.turns, after.spec.limits.cost_usd) == (turns, cost)
    assert after.spec.name == "a"
    validate(after)


def test_a_key_below_a_number_cannot_be_set() -> None:
    with pytest.raises(HarnessError, match="there is no key"):
        with_setting(harness("name: a\nlimits: {turns: 5}\n"), {"limits.turns.first": 1})


def test_the_edit_surface_says_which_knobs_may_be_turned() -> None:
    surface = EditSurface(frozenset({"limits", "model"}), frozenset({"model"}))
    assert [allows_key(surface, key) for key in ("limits.turns", "models.main.effort", "context.x", "no")] == [
        True,
        False,
        False,
        False,
    ]
