"""Sessions of a round work side by side from one champion; the ledger does not depend on which is the faster."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec
from optimizer.sessions.proposing import propose_changes
from optimizer.stages.draws import OutageError
from optimizer.stages.measure import baseline
from task_agent.errors import ProviderUnavailableError
from task_agent.models.base import ModelReply, ModelRequest
from task_agent.models.scripted import ScriptedModel, Step, call, say
from traces.event import TokenUsage

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
Scripts = Mapping[int, Sequence[Step]]
PROMPT = "prompts/system.md"
USAGE = TokenUsage(100, 10)
SEED = "You solve tasks with the bash tool.\nBe quick.\n"


class Crew:
    """Answer each slot's session from a script of its own, begun again with the session, after a pause of its own."""

    def __init__(self, scripts: Scripts, pauses: Mapping[int, float] | None = None) -> None:
        self.sessions: dict[int, ScriptedModel] = {}
        self.counts = dict.fromkeys(scripts, 0)
        self._scripts = scripts
        self._pauses = pauses or {}
        self.at_work: set[int] = set()
        self.most_at_work = 0

    async def create(self, request: ModelRequest) -> ModelReply:
        opening = str(request.messages[0].content[0]["text"])
        slot = int(opening.rsplit("Slot: ", 1)[1])
        if len(request.messages) == 1:
            self.sessions[slot] = ScriptedModel(self._scripts[slot])
        self.counts[slot] += 1
        self.at_work.add(slot)
        self.most_at_work = max(self.most_at_work, len(self.at_work))
        await asyncio.sleep(self._pauses.get(slot, 0.0))
        try:
            return await self.sessions[slot].create(request)
        finally:
            self.at_work.discard(slot)

    async def close(self) -> None:
        """Nothing is open."""


def edit(new: str, old: str) -> ModelReply:
    return call("edit_file", {"path": PROMPT, "old": old, "new": new}, usage=USAGE, cost_usd=0.01)


def submit(title: str) -> ModelReply:
    claim = {
        "title": title,
        "hypothesis": "the header is not in the first row",
        "refuted_by": "sums-00 fails again",
        "evidence": ["c000/sums-00/a00"],
        "prediction": {"fixes": ["sums-00"], "at_risk": []},
    }
    return call("submit_change", claim, usage=USAGE, cost_usd=0.01)


def attempt(*tasks: str) -> ModelReply:
    return call("try_change", {"tasks": list(tasks)}, usage=USAGE, cost_usd=0.01)


FIRST = [edit("Look first.\nYou solve tasks", "You solve tasks"), submit("look first")]
LAST = [edit("Be quick.\nCheck the result.", "Be quick."), submit("check last")]
BESIDE = [edit("Plan.\nYou solve tasks", "You solve tasks"), submit("plan first")]
QUICK = [edit("Be thorough.", "Be quick."), submit("be thorough")]
SLOW = [edit("Be slow.", "Be quick."), submit("be slow")]


def crew_of(scripts: Scripts, pauses: Mapping[int, float] | None = None, **proposer: Any) -> dict[str, Any]:
    settings = {"proposer": {"parallel": len(scripts), **proposer}, "stop": {"iterations": len(scripts)}}
    return {"proposer_client": Crew(scripts, pauses), "settings": settings}


def begun(bench: Worlds, rates: Rates, scripts: Scripts, pauses: Mapping[int, float] | None = None, **more: Any) -> Any:
    good = {"c000": 0.0, "c001": 1.0, "c002": 1.0, "c003": 1.0}
    outcome = more.pop("outcome", None) or rates(1, good)
    made = crew_of(scripts, pauses, **more)
    crew = made.pop("proposer_client")
    fine = call("report_reflection", {"overfit": False, "reason": "it is general", "quotes": []})
    world = bench(outcome, settings=made["settings"], reflector=[fine] * 9)
    world.proposer = crew
    world.close()
    world.open()
    baseline(world.bench)
    return world


# Side by side ------------------------------------------------------------------------------------


def test_sessions_of_a_round_work_at_once_from_one_champion_with_briefs_of_their_own(
    bench: Worlds, rates: Rates
) -> None:
    pauses = dict.fromkeys((1, 2), 0.05)
    world = begun(bench, rates, {1: FIRST, 2: LAST}, pauses, briefs=["explore", "tools"])
    propose_changes(world.bench, [1, 2], "c000")
    assert world.proposer.most_at_work == 2
    assert [(row.id, row.parent, row.title) for row in world.ledger.candidates()[1:]] == [
        ("c001", "c000", "look first"),
        ("c002", "c000", "check last"),
    ]
    assert [row.brief for row in world.ledger.proposals().values()] == ["explore", "tools"]


def test_a_round_begun_behind_a_brief_that_makes_no_sense_deals_no_brief_twice(bench: Worlds, rates: Rates) -> None:
    world = begun(bench, rates, {1: FIRST, 2: LAST}, briefs=["simplify", "merge", "tools", "explore"])
    propose_changes(world.bench, [1, 2], "c000")
    assert [row.brief for row in world.ledger.proposals().values()] == ["tools", "explore"]


@pytest.mark.parametrize("parallel", [1, 2])
def test_the_record_of_a_night_is_the_same_whichever_session_is_faster(
    parallel: int, bench: Worlds, rates: Rates
) -> None:
    told = []
    tries = {1: [FIRST[0], attempt("sums-01"), FIRST[1]], 2: [LAST[0], attempt("sums-00"), attempt("sums-02"), LAST[1]]}
    for pauses in ({1: 0.05}, {2: 0.05}):
        world = begun(bench, rates, tries, pauses, parallel=parallel, try_attempts=3)
        world.past_preflight()
        world.drive()
        told.append(world.history())
    assert told[0] == told[1]


def test_a_killed_round_resumes_without_paying_an_ended_session_again(
    bench: Worlds, rates: Rates, crash: type[BaseException]
) -> None:
    scripts = {1: FIRST, 2: LAST}
    world = begun(bench, rates, scripts, {2: 0.1})
    world.fuse.burnt, world.fuse.at = 0, 2 * 6 + 1  # opened, then 1 works, is recorded and told; then 2 works on
    with pytest.raises(crash):
        propose_changes(world.bench, [1, 2], "c000")
    assert [slot["slot"] for slot in world.ledger.slots()] == [1]
    asked = dict(world.proposer.counts)
    world.close()
    world.open()
    assert world.ledger.state().open_slots == (2,)
    propose_changes(world.bench, world.ledger.state().open_slots, "c000")
    assert world.proposer.counts[1] == asked[1]
    assert [row.title for row in world.ledger.candidates()[1:]] == ["look first", "check last"]


def test_one_session_s_outage_lets_the_others_end(bench: Worlds, rates: Rates) -> None:
    world = begun(bench, rates, {1: [ProviderUnavailableError("down")], 2: LAST})
    with pytest.raises(OutageError, match="down"):
        propose_changes(world.bench, [1, 2], "c000")
    assert [slot["slot"] for slot in world.ledger.slots()] == [2]
    assert world.ledger.state().open_slots == (1,)


def test_sessions_of_a_round_share_what_the_budget_leaves(bench: Worlds, rates: Rates) -> None:
    looks = [call("list_attempts", {}, usage=USAGE, cost_usd=0.1)] * 30
    world = begun(bench, rates, {1: looks, 2: looks})
    world.config = world.config.model_copy(update={"stop": world.config.stop.model_copy(update={"budget_usd": 2.5})})
    world.close()
    world.open()
    propose_changes(world.bench, [1, 2], "c000")
    counts = world.proposer.counts
    assert 5 < counts[1] == counts[2] < 13


# Deciding one after the other --------------------------------------------------------------------


def test_a_later_sibling_is_carried_over_to_the_champion_that_an_earlier_one_became(
    bench: Worlds, rates: Rates
) -> None:
    world = begun(bench, rates, {1: FIRST, 2: LAST}, outcome=rates(1, {"c000": 0.0, "c001": 0.5, "c002": 1.0}))
    world.past_preflight()
    world.drive()
    second = world.ledger.candidates()[2]
    assert world.verdicts()["c001"] == "keep"
    assert second.parent == "c001"
    assert world.ledger.rebases() == {"c002": "c000"}
    harness = world.bench.archive.load("c002")
    assert harness.prompt("main") == f"Look first.\n{SEED}Check the result.\n"
    assert second.harness == harness.hash
    assert {test["candidate"]: test["parent"] for test in world.ledger.tests()}["c002"] == "c001"


def test_lines_put_at_the_same_place_stand_behind_the_champion_s(bench: Worlds, rates: Rates) -> None:
    world = begun(bench, rates, {1: FIRST, 2: BESIDE}, outcome=rates(1, {"c000": 0.0, "c001": 0.5, "c002": 1.0}))
    world.past_preflight()
    world.drive()
    assert world.ledger.rebases() == {"c002": "c000"}
    assert world.bench.archive.load("c002").prompt("main") == f"Look first.\nPlan.\n{SEED}"


def test_a_sibling_that_changed_the_same_lines_is_stale(bench: Worlds, rates: Rates) -> None:
    world = begun(bench, rates, {1: QUICK, 2: SLOW})
    world.past_preflight()
    world.drive()
    assert world.causes() == {"c001": "better", "c002": "stale"}
    assert "c002" not in {spec.candidate for spec in world.script.seen}


def test_a_sibling_that_wanted_the_same_changes_nothing_any_more(bench: Worlds, rates: Rates) -> None:
    world = begun(bench, rates, {1: FIRST, 2: FIRST})
    world.past_preflight()
    world.drive()
    assert world.causes() == {"c001": "better", "c002": "no_change"}


def test_a_sibling_of_a_refused_one_is_left_as_it_was_made(bench: Worlds, rates: Rates) -> None:
    world = begun(bench, rates, {1: FIRST, 2: LAST}, outcome=rates(1, {"c000": 0.5, "c001": 0.0, "c002": 1.0}))
    world.past_preflight()
    world.drive()
    assert world.ledger.rebases() == {}
    assert world.ledger.candidates()[2].parent == "c000"


def test_a_night_killed_anywhere_ends_the_same(bench: Worlds, rates: Rates, crash: type[BaseException]) -> None:
    tries = {1: [FIRST[0], attempt("sums-01"), FIRST[1]], 2: LAST}
    whole = begun(bench, rates, tries, try_attempts=2)
    whole.past_preflight()
    whole.drive()
    kept = {name: rows for name, rows in whole.history().items() if name != "slots"}
    for at in range(3, 60, 9):
        world = begun(bench, rates, tries, try_attempts=2)
        world.past_preflight()
        world.fuse.burnt, world.fuse.at = 0, at
        with pytest.raises(crash):
            world.drive()
        world.close()
        world.open()
        world.drive()
        assert {name: rows for name, rows in world.history().items() if name != "slots"} == kept, at


# Trying ------------------------------------------------------------------------------------------


def answers(world: Any, slot: int) -> list[str]:
    """Give what the tools of a session answered, by its last request."""
    last = world.proposer.sessions[slot].requests[-1]
    blocks = [block for message in last.messages if message.role == "user" for block in message.content]
    return [str(block["content"]) for block in blocks if block.get("type") == "tool_result"]


def tried(world: Any) -> list[Any]:
    return [row for row in world.ledger.attempts("r") if row.spec.purpose.value == "try"]


def test_a_try_is_real_attempts_on_train_tasks_with_their_traces(bench: Worlds, rates: Rates) -> None:
    look = call("try_change", {"tasks": ["sums-01", "sums-00", "sums-01"]})
    world = begun(bench, rates, {1: [FIRST[0], look, FIRST[1]]}, try_attempts=5)
    propose_changes(world.bench, [1], "c000")
    rows = tried(world)
    name = rows[0].spec.candidate
    assert [(row.spec.task, row.spec.split, row.state) for row in rows] == [
        ("sums-01", "train", "scored"),
        ("sums-00", "train", "scored"),
        ("sums-01", "train", "scored"),
    ]
    assert name.startswith("s001-")
    assert "Look first." in world.bench.archive.load(name).prompt("main")
    answer = answers(world, 1)[1]
    assert "of 3 passed; 2 attempts are left" in answer
    assert "sums-00 with c000 before: 0" in answer
    assert set(world.bench.store.attempts(split="train")) >= {row.spec.id for row in rows}


def test_a_session_reads_the_traces_of_what_it_tried_and_names_them_as_evidence(bench: Worlds, rates: Rates) -> None:
    world = begun(bench, rates, {1: [FIRST[0], attempt("sums-00"), say("no"), say("no")]}, try_attempts=1)
    propose_changes(world.bench, [1], "c000")
    name = tried(world)[0].spec.id
    reads = [call("read_trace", {"attempt": name}), call("list_attempts", {"limit": 100}), FIRST[1]]
    world = begun(bench, rates, {1: [FIRST[0], attempt("sums-00"), *reads]}, try_attempts=1)
    propose_changes(world.bench, [1], "c000")
    said = answers(world, 1)
    assert "I work on sums-00" in said[2]
    assert name in said[3]


def test_the_allowance_is_kept_and_what_is_asked_wrongly_costs_nothing(bench: Worlds, rates: Rates) -> None:
    steps = [
        attempt("sums-00"),
        FIRST[0],
        attempt(),
        attempt("sums-00", "sums-01", "sums-02"),
        attempt("sums-00"),
        attempt("sums-00", "sums-01"),
        FIRST[1],
    ]
    world = begun(bench, rates, {1: steps}, try_attempts=2)
    propose_changes(world.bench, [1], "c000")
    said = answers(world, 1)
    assert "nothing has changed" in said[0]
    assert "`tasks` is empty" in said[2]
    assert "3 attempts are asked for, and 2 are left" in said[3]
    assert "1 attempts are left" in said[4]
    assert "2 attempts are asked for, and 1 are left" in said[5]
    assert len(tried(world)) == 1


@pytest.mark.parametrize("split", ["heldout", "test"])
def test_no_task_of_another_split_is_ever_tried_or_told_of(split: str, bench: Worlds, rates: Rates) -> None:
    world = begun(bench, rates, {1: []}, try_attempts=9)
    hidden, strange = world.splits.of(split)[0], "sums-99"
    world.proposer = Crew({1: [FIRST[0], attempt("sums-00", hidden), attempt("sums-00", strange), FIRST[1]]})
    world.close()
    world.open()
    propose_changes(world.bench, [1], "c000")
    said = answers(world, 1)
    assert said[1].replace(hidden, "?") == said[2].replace(strange, "?")
    assert tried(world) == []
    assert {spec.split for spec in world.script.seen} <= {"train"}
    for path in (world.folder.path / "proposer").rglob("*"):
        assert not path.is_file() or hidden.encode() not in path.read_bytes(), path


def test_without_an_allowance_there_is_no_such_tool(bench: Worlds, rates: Rates) -> None:
    world = begun(bench, rates, {1: FIRST})
    propose_changes(world.bench, [1], "c000")
    assert "try_change" not in {tool.name for tool in world.proposer.sessions[1].requests[0].tools}


def test_tries_are_paid_once_however_often_the_session_is_begun(
    bench: Worlds, rates: Rates, crash: type[BaseException]
) -> None:
    steps = [FIRST[0], attempt("sums-00", "sums-01"), FIRST[1]]
    world = begun(bench, rates, {1: steps}, try_attempts=2)
    world.fuse.burnt, world.fuse.at = 0, 2 * 9 + 1
    with pytest.raises(crash):
        propose_changes(world.bench, [1], "c000")
    before = tried(world)
    assert len(before) == 2
    world.close()
    world.open()
    propose_changes(world.bench, [1], "c000")
    assert [row.rowid for row in tried(world)] == [row.rowid for row in before]
    assert world.ledger.candidates()[1].title == "look first"
    assert len(world.script.seen) <= 2


def test_tries_make_no_train_score_and_later_sessions_read_them(bench: Worlds, rates: Rates) -> None:
    scripts = {1: [FIRST[0], attempt("sums-00"), FIRST[1]], 2: [say("no"), say("no")]}
    world = begun(bench, rates, scripts, parallel=1, try_attempts=1)
    propose_changes(world.bench, [1], "c000")
    name = tried(world)[0].spec
    assert world.ledger.tallies().train[-1].candidate == "c000"
    propose_changes(world.bench, [2], "c000")
    assert name.id in (world.folder.path / "proposer/s002/attempts.jsonl").read_text()


def test_sessions_of_a_round_know_nothing_of_each_other_s_tries(bench: Worlds, rates: Rates) -> None:
    ask = call("query_traces", {"sql": "select distinct candidate from events order by 1"})
    scripts = {
        1: [FIRST[0], attempt("sums-00"), ask, FIRST[1]],
        2: [LAST[0], attempt("sums-00"), attempt("sums-01"), ask, LAST[1]],
    }
    world = begun(bench, rates, scripts, try_attempts=4)
    propose_changes(world.bench, [1, 2], "c000")
    names: dict[int, set[str]] = defaultdict(set)
    for row in tried(world):
        names[int(row.spec.candidate[1:4])].add(row.spec.candidate)
    for slot, other in ((1, 2), (2, 1)):
        seen = answers(world, slot)[-1]
        assert all(name in seen for name in names[slot])
        assert not any(name in seen for name in names[other])
