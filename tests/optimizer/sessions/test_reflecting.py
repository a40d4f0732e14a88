"""Reflection: what is read before anything is measured, by whom, and what is never paid twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec
from optimizer.sessions.reflecting import reflect_on
from optimizer.stages.draws import OutageError
from task_agent.errors import ProviderUnavailableError
from task_agent.models.base import ModelReply
from task_agent.models.scripted import call, reply, say
from traces.event import TokenUsage
from traces.store import TraceStore

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
PROMPT = "prompts/system.md"
BETTER_PROMPT = "You solve tasks with the bash tool.\nLook at the input before you parse it.\n"
LINE = "Look at the input before you parse it."
PANEL = {"reflection": {"by": "panel"}}


def found(overfit: bool, *quotes: str, cost_usd: float = 0.25) -> ModelReply:
    report = {"overfit": overfit, "reason": "because of what it says", "quotes": list(quotes)}
    return call("report_reflection", report, usage=TokenUsage(100, 20), cost_usd=cost_usd)


def test_a_leak_blocks_without_asking_the_judge(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}))
    reflect_on(world.bench, world.add(1, {PROMPT: "For sums-00 the answer differs.\n"}), "c000")
    assert world.causes() == {"c001": "leak"}
    assert world.reflector.requests == []
    assert world.ledger.verdicts()["c001"].public.startswith("holds text of particular tasks")
    assert "reflecting" not in [event.kind for event in world.told]


def test_a_leak_of_a_held_out_task_blocks_and_is_not_named_to_the_proposer(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}))
    held_out = world.splits.heldout[0]
    reflect_on(world.bench, world.add(1, {PROMPT: f"For {held_out} the answer differs.\n"}), "c000")
    assert world.causes() == {"c001": "leak"}
    assert held_out not in world.ledger.verdicts()["c001"].public


def test_a_judge_that_quotes_the_diff_blocks(bench: Worlds, rates: Rates) -> None:
    line = "Look at the input before you parse it."
    world = bench(rates(1, {}), reflector=[found(True, line)])
    reflect_on(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    assert [event.text for event in world.told if event.kind == "reflecting"] == ["c001: a judge reads its diff"]
    assert world.causes() == {"c001": "overfit"}
    assert line in world.ledger.verdicts()["c001"].public


def test_the_judge_sees_diff_and_train_instructions_and_nothing_of_the_author(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}), reflector=[found(False)])
    reflect_on(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    seen = str(world.reflector.requests)
    assert "Look at the input" in seen
    assert "Do the work number 0 of sums" in seen
    assert "title of c001" not in seen
    assert not any(task in seen for task in (*world.splits.heldout, *world.splits.test))
    assert not any(f"work number {n} of" in seen for n in range(3, 13))


def test_a_reflection_is_stored_before_it_decides_and_never_paid_twice(
    bench: Worlds, rates: Rates, crash: type[BaseException]
) -> None:
    world = bench(rates(1, {}), reflector=[found(False)])
    world.add(1, {PROMPT: BETTER_PROMPT})
    world.fuse.burnt, world.fuse.at = 0, 5  # the bill and the judgement are stored, the stage is not concluded
    with pytest.raises(crash):
        reflect_on(world.bench, "c001", "c000")
    assert "reflect" not in world.ledger.stage_records("c001")
    world.close()
    world.open()
    reflect_on(world.bench, "c001", "c000")
    assert world.ledger.stage_records("c001")["reflect"] == {"judged": True}
    assert len(world.reflector.requests) == 1
    assert (world.ledger.spend().usd, world.ledger.spend().tokens) == (0.25, 120)


def test_a_judge_out_of_reach_is_an_outage_and_asked_again_later(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}), reflector=[ProviderUnavailableError("down"), found(False)])
    world.add(1, {PROMPT: BETTER_PROMPT})
    with pytest.raises(OutageError, match="the reflector's model is out of reach: down"):
        reflect_on(world.bench, "c001", "c000")
    assert world.ledger.judgement("c001") is None
    reflect_on(world.bench, "c001", "c000")
    assert "reflect" in world.ledger.stage_records("c001")


def test_what_a_judge_cost_before_its_provider_failed_is_on_the_bill_once(bench: Worlds, rates: Rates) -> None:
    asked = say("let me think", usage=TokenUsage(100, 20), cost_usd=0.5)
    world = bench(rates(1, {}), reflector=[asked, ProviderUnavailableError("down"), found(False)])
    world.add(1, {PROMPT: BETTER_PROMPT})
    with pytest.raises(OutageError):
        reflect_on(world.bench, "c001", "c000")
    assert world.ledger.spend().usd == 0.5
    reflect_on(world.bench, "c001", "c000")
    assert world.ledger.spend().usd == 0.75


def test_a_judge_without_a_finding_blocks_nothing_and_that_is_on_record(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}), reflector=[say("hm"), say("well")])
    reflect_on(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    assert world.causes() == {}
    assert world.ledger.judgement("c001")["judgement"]["overfit"] is None


def test_a_reflectors_session_leaves_a_trace_apart_from_every_split(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}), reflector=[found(False)])
    reflect_on(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    store = TraceStore(world.folder.traces)
    assert store.attempts(split="proposer") == ["reflector/c001"]
    assert store.read_attempt("reflector/c001")[-1].kind == "attempt_end"


# The panel ---------------------------------------------------------------------------------------


def test_the_referee_overrules_the_judge_either_way(bench: Worlds, rates: Rates) -> None:
    freed = bench(rates(1, {}), reflector=[found(True, LINE), found(False), found(False)], settings=PANEL)
    reflect_on(freed.bench, freed.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    held = bench(rates(1, {}), reflector=[found(False), found(True, LINE), found(True, LINE)], settings=PANEL)
    reflect_on(held.bench, held.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    assert (freed.causes(), held.causes()) == ({}, {"c001": "overfit"})
    assert list(held.ledger.findings("c001")) == ["judge", "advocate", "referee"]
    assert held.ledger.judgement("c001")["judgement"]["quotes"] == [LINE]


def test_a_panel_that_is_cut_short_pays_only_for_who_is_left(
    bench: Worlds, rates: Rates, crash: type[BaseException]
) -> None:
    said = [found(True, LINE), found(False), found(False)]
    whole = bench(rates(1, {}), reflector=said, settings=PANEL)
    reflect_on(whole.bench, whole.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    at = 0
    while True:
        at += 1
        world = bench(rates(1, {}), reflector=said * 2, settings=PANEL)
        world.add(1, {PROMPT: BETTER_PROMPT})
        world.fuse.burnt, world.fuse.at = 0, at
        try:
            reflect_on(world.bench, "c001", "c000")
        except crash:
            known = len(world.ledger.findings("c001"))
            world.close()
            asked = len(world.reflector.requests)
            world.reflector = type(world.reflector)(said[known:])
            world.open()
            reflect_on(world.bench, "c001", "c000")
            assert len(world.reflector.requests) == 3 - known
            assert asked in (known, known + 1)
            assert world.ledger.judgement("c001") == whole.ledger.judgement("c001")
        else:
            break
    assert at > 12


def test_an_advocate_out_of_reach_leaves_the_judges_finding_paid(bench: Worlds, rates: Rates) -> None:
    steps = [found(True, LINE), ProviderUnavailableError("down"), found(False), found(False)]
    world = bench(rates(1, {}), reflector=steps, settings=PANEL)
    world.add(1, {PROMPT: BETTER_PROMPT})
    with pytest.raises(OutageError):
        reflect_on(world.bench, "c001", "c000")
    reflect_on(world.bench, "c001", "c000")
    assert world.causes() == {}
    assert len(world.reflector.requests) == 4
    assert (world.ledger.spend().usd, world.ledger.tallies().reflector.sessions) == (0.75, 3)


def test_a_panel_leaves_three_traces_with_tokens_of_their_own(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}), reflector=[found(False), found(False), found(False)], settings=PANEL)
    reflect_on(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    store = TraceStore(world.folder.traces)
    names = [f"reflector/c001{end}" for end in ("", "/advocate", "/referee")]
    assert sorted(store.attempts(split="proposer")) == names
    assert [store.read_attempt(name)[-1].kind for name in names] == ["attempt_end"] * 3
    assert len({request.user_id for request in world.reflector.requests}) == 3


def test_a_referee_that_refuses_leaves_the_judges_finding_standing(bench: Worlds, rates: Rates) -> None:
    steps = [found(True, LINE), found(False), reply([], stop_reason="refusal")]
    world = bench(rates(1, {}), reflector=steps, settings=PANEL)
    reflect_on(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    assert world.causes() == {"c001": "overfit"}


def test_no_reader_sees_the_author_or_another_split(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}), reflector=[found(False), found(False), found(False)], settings=PANEL)
    reflect_on(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    for request in world.reflector.requests:
        seen = str(request)
        assert "title of c001" not in seen
        assert not any(task in seen for task in (*world.splits.heldout, *world.splits.test))
        assert not any(f"work number {n} of" in seen for n in range(3, 13))
