"""What a run file hides from a role is not there; what the gate holds out no run file can show."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from optimizer.attempt_spec import AttemptSpec
from optimizer.sessions.proposing import propose_change
from optimizer.sessions.reflecting import reflect_on
from optimizer.settings.meta import Visibility
from optimizer.stages.examine import check, screen_on_train
from optimizer.stages.measure import baseline
from optimizer.stages.verdicts import decide
from task_agent.models.scripted import ScriptedModel, call

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
ROLES = ("proposer", "analyst", "reviewer", "reflector")
FINE = call("report_reflection", {"overfit": False, "reason": "it is general", "quotes": []})
SOUND = call("report_review", {"one_mechanism": True, "refutable": True, "objection": ""})
EDIT = call("edit_file", {"path": "prompts/system.md", "old": "Be quick.", "new": "Look first."})
BLIND = {
    "title": "look",
    "hypothesis": "h",
    "refuted_by": "r",
    "evidence": [],
    "prediction": {"fixes": [], "at_risk": []},
}
SEEING = {**BLIND, "evidence": ["c000/sums-00/a00"], "prediction": {"fixes": ["sums-00"], "at_risk": ["sums-01"]}}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("split", ["heldout", "test"])
@pytest.mark.parametrize("level", ["all", "aggregate"])
def test_no_run_file_shows_a_role_what_the_gate_holds_out(role: str, split: str, level: str) -> None:
    with pytest.raises(ValidationError, match="nothing"):
        Visibility.model_validate({role: {split: level}})


def night(bench: Worlds, rates: Rates, sees: dict[str, Any], *steps: Any, **proposer: Any) -> Any:
    settings = {"visibility": sees, "proposer": proposer}
    world = bench(
        rates(1, {"c000": 0.4, "c001": 0.4}),
        settings=settings,
        proposer=steps,
        reviewer=ScriptedModel([SOUND]),
        reflector=[FINE],
    )
    baseline(world.bench)
    return world


def everything(world: Any, slot: int) -> str:
    """Give all that a session could read: its folder, and what its model was sent."""
    folder = world.folder.path / "proposer" / f"s{slot:03d}"
    files = [path.read_bytes().decode(errors="replace") for path in folder.rglob("*") if path.is_file()]
    names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    return "\n".join([*files, *names, *(str(request.messages) for request in world.proposer.requests)])


@pytest.mark.parametrize(("level", "scores"), [("aggregate", True), ("nothing", False)])
def test_hidden_train_tasks_are_nowhere_in_what_a_session_reads(
    level: str, scores: bool, bench: Worlds, rates: Rates
) -> None:
    asks = [
        call("list_attempts", {}),
        call("read_trace", {"attempt": "c000/sums-00/a00"}),
        call("query_traces", {"sql": "select count(*) as n from events"}),
    ]
    blind = call("submit_change", BLIND)
    world = night(bench, rates, {"proposer": {"train": level}}, *asks, EDIT, blind, EDIT, blind)
    propose_change(world.bench, 1, "c000")
    check(world.bench, "c001", "c000")
    screen_on_train(world.bench, "c001", "c000")
    if "c001" not in world.ledger.verdicts():
        decide(world.bench, "c001", "not_better", {})
    propose_change(world.bench, 2, "c000")
    for slot in (1, 2):
        said = everything(world, slot).replace("c000/sums-00/a00", "asked for")
        assert not any(task in said for task in world.splits.train)
        assert "I work on" not in said
    openings = [world.proposer.requests[at].messages[0].content[0]["text"] for at in (0, 5)]
    assert all(("Train score: " in opening) is scores for opening in openings)
    assert ("train " in openings[1].split("Earlier candidates")[1].split("Edit surface")[0]) is scores
    about = json.loads((world.folder.path / "proposer/s002/candidates/c001/about.json").read_text())
    assert (about["train_score"] is not None) is scores
    assert about["prediction"] is None


@pytest.mark.parametrize("level", ["all", "nothing"])
def test_the_judge_reads_train_instructions_only_where_it_may(level: str, bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, {"reflector": {"train": level}}, EDIT, call("submit_change", SEEING))
    propose_change(world.bench, 1, "c000")
    reflect_on(world.bench, "c001", "c000")
    asked = str(world.reflector.requests[0].messages)
    assert "Look first." in asked
    assert ("Do the work number" in asked) is (level == "all")


@pytest.mark.parametrize("level", ["all", "nothing"])
def test_the_reviewer_reads_names_of_train_only_where_it_may(level: str, bench: Worlds, rates: Rates) -> None:
    submit = call("submit_change", SEEING)
    world = night(bench, rates, {"reviewer": {"train": level}}, EDIT, submit, review=True)
    propose_change(world.bench, 1, "c000")
    asked = str(world.reviewer.requests[0].messages)
    assert "Look first." in asked
    assert ("sums-0" in asked) is (level == "all")
