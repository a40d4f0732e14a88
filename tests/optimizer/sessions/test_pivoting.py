"""After a standstill sessions start from the best member of the archive that nothing speaks against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec, Purpose
from optimizer.loop import Propose, Stops, decide
from optimizer.sessions.pivoting import start_of
from optimizer.sessions.proposing import propose_change
from optimizer.stages.evidence import each, requests
from optimizer.stages.measure import baseline
from optimizer.stages.verdicts import decide as give_verdict
from optimizer.state import Phase, RunState, Spend
from task_agent.models.scripted import call, say

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
SCORES = {"c000": 0.5, "c001": 1.0, "c002": 0.75, "c003": 0.25, "c004": 1.0}
CAUSES = {"c001": "leak", "c002": "not_better", "c003": "not_better", "c004": "not_better"}


def scored_as(scores: dict[str, float]) -> Callable[[AttemptSpec], float | None]:
    """Let each candidate pass the same share of four train tasks."""
    return lambda spec: float(int(spec.task[-2:]) < 4 * scores.get(spec.candidate, 0.5))


def stuck(bench: Worlds, *, settings: dict[str, Any] | None = None, **more: Any) -> Any:  # Any: a World
    world = bench(scored_as(SCORES), sizes=(4, 6, 4), settings=settings, **more)
    baseline(world.bench)
    for slot, (name, cause) in enumerate(CAUSES.items(), start=1):
        world.add(slot, {"prompts/system.md": f"You solve tasks. Way {slot}.\n"})
        asked = requests(world.bench, name, "train", Purpose.SCREEN, each(world.bench.splits.train, 1))
        world.bench.draws.draw(f"screen/{name}", asked)
        give_verdict(world.bench, name, cause, {})
    return world


def state(since_keep: int) -> RunState:
    concluded = frozenset({Phase.PREFLIGHT, Phase.BASELINE})
    return RunState(concluded, "c000", (), since_keep, since_keep, 0, 0, Spend(), 0.0)


@pytest.mark.parametrize(("since_keep", "pivot"), [(0, 0), (2, 0), (3, 1), (5, 1), (6, 2)])
def test_every_so_many_proposals_without_a_keep_are_a_pivot(since_keep: int, pivot: int) -> None:
    step = decide(state(since_keep), Stops(pivot_after=3, no_progress=8))
    assert step == Propose((since_keep + 1,), "c000", pivot)
    assert decide(state(since_keep), Stops()) == Propose((since_keep + 1,), "c000")


def test_the_best_member_that_nothing_speaks_against_is_taken_and_each_once(bench: Worlds) -> None:
    world = stuck(bench, proposer=[say("no"), say("no")] * 4)
    assert start_of(world.bench, "c000", 1) == "c004"
    for slot, pivot in ((5, 1), (6, 1), (7, 2), (8, 3)):
        propose_change(world.bench, slot, "c000", pivot)
    starts = {slot: row.start for slot, row in world.ledger.proposals().items()}
    assert starts == {5: "c004", 6: "c004", 7: "c002", 8: "c000"}  # c003 is worse on train, c001 has leaked


def test_a_candidate_of_a_pivot_is_tested_against_the_champion(bench: Worlds) -> None:
    edit = call("edit_file", {"path": "prompts/system.md", "old": "Way 4.", "new": "Way 4. Look before you parse."})
    submit = call(
        "submit_change",
        {
            "title": "look first",
            "hypothesis": "the header is elsewhere",
            "refuted_by": "sums-02 fails again",
            "evidence": ["c004/sums-00/a00"],
            "prediction": {"fixes": ["sums-02"], "at_risk": []},
        },
    )
    world = stuck(bench, proposer=[edit, submit])
    propose_change(world.bench, 5, "c000", 1)
    row = world.ledger.candidates()[-1]
    assert (row.id, row.parent) == ("c005", "c000")
    assert world.bench.archive.load("c005").prompt("main") == "You solve tasks. Way 4. Look before you parse.\n"
    opening = world.proposer.requests[0].messages[0].content[0]["text"]
    assert opening.startswith("Working copy: c004 ")
    assert "Pivot: 4 proposals in a row were not kept. The working copy is c004, not the champion." in opening
    assert "- c002 'title of c002' (prompts)" in opening


def test_what_was_tried_since_the_last_keep_cannot_be_submitted_again(bench: Worlds) -> None:
    same = call("edit_file", {"path": "prompts/system.md", "new": "You solve tasks. Way 2.\n"})
    world = stuck(bench, settings={"proposer": {"pivot_after": 4}}, proposer=[same, *[CLAIM] * 1, say("no"), say("no")])
    propose_change(world.bench, 5, "c000", 3)
    assert world.ledger.slots()[-1]["candidate"] is None
    refused = str(world.proposer.requests[2].messages[-1])
    assert "nearly the same change as c002" in refused


CLAIM = call(
    "submit_change",
    {
        "title": "way two",
        "hypothesis": "the header is elsewhere",
        "refuted_by": "sums-02 fails again",
        "evidence": ["c000/sums-00/a00"],
        "prediction": {"fixes": ["sums-02"], "at_risk": []},
    },
)
