"""Digests are asked for side by side, each paid once, the same ones however often the driver died."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec
from optimizer.propose import AttemptView
from optimizer.sessions.digesting import chosen
from optimizer.sessions.proposing import propose_change
from optimizer.stages.draws import OutageError
from optimizer.stages.measure import baseline
from task_agent.errors import ProviderUnavailableError
from task_agent.models.base import ModelReply, ModelRequest
from task_agent.models.scripted import ScriptedModel, Step, call, say

Worlds = Callable[..., Any]  # Any: the World of conftest.py
Outcome = Callable[[AttemptSpec], float | None]


def read_of(request: ModelRequest) -> str:
    found = re.search(r"c000/[\w-]+/a\d\d", str(request.messages[0].content))
    assert found is not None
    return found.group()


def analyst(request: ModelRequest) -> ModelReply:
    attempt = read_of(request)
    said = {"cause": f"cause {attempt[-1]}", "event": 1, "quote": "I work on", "story": f"{attempt} went wrong."}
    return call("report_digest", said, cost_usd=0.01)


def fails(spec: AttemptSpec) -> float:
    return 1.0 if spec.task == "sums-01" else 0.0


def night(bench: Worlds, per_round: int, steps: Sequence[Step] = (), **more: Any) -> Any:  # Any: a World
    settings = {
        "proposer": {"digests": {"per_round": per_round, "at_once": 3}, **more.pop("limits", {})},
        "replicates": {"preflight": 0, "baseline": 2, "screen": 1, "certify": 2},
        **more.pop("settings", {}),
    }
    idle: list[Step] = [say("nothing to do")] * 12
    world = bench(fails, settings=settings, proposer=idle, analyst=ScriptedModel(steps or [analyst] * 40), **more)
    baseline(world.bench)
    return world


def test_failing_attempts_are_read_one_of_each_task_first_and_none_twice(bench: Worlds) -> None:
    world = night(bench, 3)
    propose_change(world.bench, 1, "c000")
    names = [row.attempt for row in world.ledger.digests()]
    assert names == ["c000/sums-00/a00", "c000/sums-00/a01", "c000/sums-02/a00"]
    propose_change(world.bench, 2, "c000")
    assert {row.slot for row in world.ledger.digests()} == {1, 2}
    propose_change(world.bench, 3, "c000")
    assert Counter(map(read_of, world.analyst.requests)) == dict.fromkeys(
        (row.attempt for row in world.ledger.digests()), 1
    )
    assert len(world.ledger.digests()) == 4


def test_the_proposer_is_shown_them_and_they_are_on_the_bill(bench: Worlds) -> None:
    world = night(bench, 9)
    before = world.ledger.spend().usd
    propose_change(world.bench, 1, "c000")
    opening = str(world.proposer.requests[0].messages)
    assert "an analyst read 4" in opening
    assert "- cause-0: 'cause 0' (digest), 2 attempts at 2 tasks" in opening
    assert "read_digest" in {tool.name for tool in world.proposer.requests[0].tools}
    assert world.ledger.spend().usd - before == pytest.approx(0.04)
    assert world.ledger.tallies().analyst.sessions == 4
    assert (world.folder.path / "proposer/s001/digests/c000-sums-00-a00.txt").exists()


def test_nobody_is_asked_unless_the_run_file_says_so_or_where_the_view_hides_digests(bench: Worlds) -> None:
    for world in (night(bench, 0), night(bench, 9, limits={"view": "scores"})):
        propose_change(world.bench, 1, "c000")
        assert world.analyst.requests == []
        assert "read_digest" not in {tool.name for tool in world.proposer.requests[0].tools}


def test_an_outage_leaves_what_was_read_and_asks_for_the_rest_again(bench: Worlds) -> None:
    steps = [analyst, ProviderUnavailableError("down"), analyst, analyst, analyst]
    world = night(bench, 9, steps)
    with pytest.raises(OutageError, match="the analyst's model is out of reach"):
        propose_change(world.bench, 1, "c000")
    assert len(world.ledger.digests()) == 3
    assert world.ledger.slots() == []
    propose_change(world.bench, 1, "c000")
    assert len(world.ledger.digests()) == 4
    assert len(world.analyst.requests) == 5


def test_without_money_nobody_is_asked(bench: Worlds) -> None:
    world = night(bench, 9, settings={"stop": {"budget_usd": 0.1}})
    propose_change(world.bench, 1, "c000")
    assert world.analyst.requests == []


def test_a_driver_that_dies_at_any_write_ends_with_the_same_digests(bench: Worlds, crash: type[BaseException]) -> None:
    whole = night(bench, 3)
    start = whole.fuse.burnt
    propose_change(whole.bench, 1, "c000")
    writes, expected = whole.fuse.burnt - start, whole.history()["digests"]
    for at in range(1, writes + 1):
        world = night(bench, 3)
        world.fuse.at = world.fuse.burnt + at
        with pytest.raises(crash):
            propose_change(world.bench, 1, "c000")
        world.close()
        stood = {row.attempt for row in world.open().ledger.digests()}
        asked = len(world.analyst.requests)
        propose_change(world.bench, 1, "c000")
        assert world.history()["digests"] == expected
        assert not stood & {read_of(request) for request in world.analyst.requests[asked:]}
        world.close()


def test_the_choice_leaves_out_what_passed_what_is_missing_and_what_was_read() -> None:
    rewards = {"a/a00": 0.0, "a/a01": 0.5, "b/a00": None, "b/a01": 1.0, "c/a00": 0.0}
    views = [AttemptView(f"c000/{name}", "c000", name[0], reward) for name, reward in rewards.items()]
    assert chosen(views, set(), 9) == ["c000/a/a00", "c000/c/a00", "c000/a/a01"]
    assert chosen(views, {"c000/a/a00"}, 1) == ["c000/c/a00"]
