"""The stages before the gate: what is refused for free, what is judged once, what the screen drops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec
from optimizer.execute import Driver
from optimizer.ledger import Bill, CandidateRow
from optimizer.loop import Examine, Measure
from optimizer.stages.draws import OutageError
from optimizer.stages.examine import check, screen_on_train
from task_agent.harness import HarnessBundle
from task_agent.models.base import ModelReply
from task_agent.models.scripted import call
from traces.event import TokenUsage

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
PROMPT = "prompts/system.md"
BETTER_PROMPT = "You solve tasks with the bash tool.\nLook at the input before you parse it.\n"


def found(overfit: bool, *quotes: str, cost_usd: float = 0.25) -> ModelReply:
    report = {"overfit": overfit, "reason": "because of what it says", "quotes": list(quotes)}
    return call("report_reflection", report, usage=TokenUsage(100, 20), cost_usd=cost_usd)


def split_of(world: Any, candidate: str) -> list[tuple[str, str]]:
    return [(row.spec.split, row.spec.purpose.value) for row in world.ledger.attempts(candidate=candidate)]


# Check -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "cause", "verdict"),
    [
        ({"harness.yaml": "name: seed\nmodels: {main: {effort: high}}\n"}, "outside_surface", "invalid"),
        ({"harness.yaml": "name: other\n"}, "outside_surface", "invalid"),
        ({"notes.txt": "remember"}, "does_not_load", "invalid"),
        ({"harness.yaml": "name: seed\nlimits: {turns: none}\n"}, "does_not_load", "invalid"),
        ({PROMPT: None}, "does_not_load", "invalid"),
        ({}, "no_change", "invalid"),
        ({"harness.yaml": "name: seed  # just a remark\n"}, "no_change", "invalid"),
    ],
)
def test_what_can_be_seen_without_an_attempt_is_refused_for_free(
    change: Mapping[str, str | None], cause: str, verdict: str, bench: Worlds, rates: Rates
) -> None:
    world = bench(rates(1, {}))
    check(world.bench, world.add(1, change), "c000")
    assert (world.causes(), world.verdicts()) == ({"c001": cause}, {"c001": verdict})
    assert world.script.seen == []
    assert world.ledger.verdicts()["c001"].private or cause == "no_change"


def test_a_candidate_that_does_not_load_neither_stops_the_run_nor_its_history(bench: Worlds, rates: Rates) -> None:
    from optimizer.sessions.proposing import history

    world = bench(rates(1, {}))
    bundle = HarnessBundle({"harness.yaml": b"name: [\n", PROMPT: b"x\n"})
    world.bench.archive.save("c001", bundle)
    world.ledger.conclude_slot(1, CandidateRow("c001", 1, "c000", bundle.hash, "n"), reason="", bill=Bill())
    check(world.bench, "c001", "c000")
    assert world.causes() == {"c001": "does_not_load"}
    assert [view.verdict for view in history(world.bench)] == ["invalid"]


def test_the_same_harness_decided_before_is_not_paid_again(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {"c001": 0.0, "c000": 1.0}))
    first = world.add(1, {PROMPT: BETTER_PROMPT})
    check(world.bench, first, "c000")
    world.ledger.conclude_slot(0, None, reason="", bill=Bill())
    screen_after_baseline(world, first)
    assert world.causes() == {"c001": "worse_on_train"}
    done = len(world.script.seen)
    twin = world.add(2, {PROMPT: BETTER_PROMPT, "harness.yaml": "name:   seed   # again\n"})
    check(world.bench, twin, "c000")
    assert world.causes()["c002"] == "duplicate"
    assert world.ledger.verdicts()["c002"].private == {"of": "c001"}
    assert len(world.script.seen) == done


def test_a_twin_that_was_never_decided_or_had_another_parent_gets_its_own_chance(bench: Worlds, rates: Rates) -> None:
    from optimizer.stages.verdicts import decide

    world = bench(rates(1, {}))
    world.add(1, {PROMPT: BETTER_PROMPT})
    decide(world.bench, "c001", "money", {})
    check(world.bench, world.add(2, {PROMPT: BETTER_PROMPT}), "c000")
    world.add(3, {PROMPT: "A new champion.\n"})
    check(world.bench, world.add(4, {PROMPT: BETTER_PROMPT}, parent="c003"), "c003")
    assert world.causes() == {"c001": "money"}
    assert "check" in world.ledger.stage_records("c002")
    assert "check" in world.ledger.stage_records("c004")


def test_one_smoke_attempt_on_train_shows_that_a_harness_runs(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {"c001": 0.0}))
    check(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    assert split_of(world, "c001") == [("train", "smoke")]
    assert world.ledger.stage_records("c001")["check"] == {"changed": [PROMPT]}


@pytest.mark.parametrize(
    ("cause", "reward"), [("agent_crashed", 0.0), ("request_refused", 0.0), ("unclassified", None)]
)
def test_a_harness_that_cannot_run_one_task_is_invalid(cause: str, reward: float | None, bench: Worlds) -> None:
    world = bench(lambda spec: reward)
    world.script.cause = cause
    check(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    assert world.causes() == {"c001": "smoke_failed"}
    assert world.ledger.verdicts()["c001"].private == {"cause": cause, "detail": "as scripted"}


@pytest.mark.parametrize("cause", ["out_of_turns", "out_of_time", "agent_refused"])
def test_a_hard_first_task_is_no_smoke(cause: str, bench: Worlds) -> None:
    world = bench(lambda spec: 0.0)
    world.script.cause = cause
    check(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    assert world.causes() == {}


def test_a_smoke_attempt_lost_to_infrastructure_is_made_again_and_only_then_pauses(bench: Worlds) -> None:
    world = bench(lambda spec: None if spec.replicate < 2 else 1.0)
    check(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    assert len(world.script.seen) == 3
    world = bench(lambda spec: None)
    with pytest.raises(OutageError):
        check(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    assert world.causes() == {}
    assert [spec.candidate for spec in world.script.seen].count("c000") == 1


def test_a_candidate_that_alone_is_lost_whenever_it_is_tried_is_invalid_and_stops_no_night(bench: Worlds) -> None:
    world = bench(lambda spec: None if spec.candidate == "c001" else 1.0)
    check(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    assert world.causes() == {"c001": "smoke_failed"}
    assert [spec.candidate for spec in world.script.seen].count("c000") == 3


def test_a_candidate_lost_for_the_whole_screen_is_invalid_when_its_champion_is_not(bench: Worlds) -> None:
    world = bench(lambda spec: None if spec.candidate == "c001" else 1.0)
    screen_after_baseline(world, world.add(1, {PROMPT: BETTER_PROMPT}))
    assert world.causes() == {"c001": "too_many_missing"}


def test_a_screen_that_an_outage_took_is_no_verdict_and_is_drawn_afresh(bench: Worlds, rates: Rates) -> None:
    up = {"now": True}
    world = bench(lambda spec: 1.0 if up["now"] else None)
    name = world.add(1, {PROMPT: BETTER_PROMPT})
    from optimizer.stages.measure import baseline

    baseline(world.bench)
    up["now"] = False
    for _ in range(5):
        with pytest.raises(OutageError):
            screen_on_train(world.bench, name, "c000")
    assert world.causes() == {}
    up["now"] = True
    screen_on_train(world.bench, name, "c000")
    assert "screen" in world.ledger.stage_records(name)


# Screen ------------------------------------------------------------------------------------------


def screen_after_baseline(world: Any, candidate: str) -> None:
    from optimizer.stages.measure import baseline

    baseline(world.bench)
    screen_on_train(world.bench, candidate, "c000")


def test_the_screen_drops_the_clearly_worse_in_words_that_do_not_tell_it_from_the_gate(
    bench: Worlds, rates: Rates
) -> None:
    from optimizer.verdict import RULINGS

    world = bench(rates(1, {"c000": 1.0, "c001": 0.0}))
    screen_after_baseline(world, world.add(1, {PROMPT: BETTER_PROMPT}))
    row = world.ledger.verdicts()["c001"]
    assert (row.cause, row.verdict.value) == ("worse_on_train", "reject")
    assert row.public == RULINGS["not_better"].public
    assert (row.private["score"], row.private["champion_score"]) == (0.0, 1.0)
    assert world.ledger.tests() == []


@pytest.mark.parametrize("rate", [1.0, 0.5])
def test_the_screen_lets_pass_what_is_not_clearly_worse(rate: float, bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {"c000": 0.5, "c001": rate}), sizes=(12, 6, 4), settings={"replicates": {"screen": 2}})
    screen_after_baseline(world, world.add(1, {PROMPT: BETTER_PROMPT}))
    assert world.causes() == {}
    assert "screen" in world.ledger.stage_records("c001")
    assert set(split_of(world, "c001")) == {("train", "screen")}


def test_a_champions_smoke_attempt_is_no_part_of_what_a_candidate_is_screened_against(
    bench: Worlds, rates: Rates
) -> None:
    world = bench(rates(1, {"c000": 0.5, "c001": 0.5, "c002": 0.5}))
    parent = world.add(1, {PROMPT: BETTER_PROMPT})
    check(world.bench, parent, "c000")
    screen_after_baseline(world, parent)
    child = world.add(2, {PROMPT: f"{BETTER_PROMPT}Plan.\n"}, parent=parent)
    screen_on_train(world.bench, child, parent)
    assert [purpose for _, purpose in split_of(world, parent)].count("smoke") == 1
    screened = [purpose for _, purpose in split_of(world, parent)].count("screen")
    assert world.ledger.stage_records(child)["screen"]["champion_attempts"] == screened


def test_without_a_screen_everything_is_tested(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {"c000": 1.0, "c001": 0.0}), settings={"gate": {"screen_t": None}})
    screen_after_baseline(world, world.add(1, {PROMPT: BETTER_PROMPT}))
    assert world.causes() == {}


def test_a_champion_without_a_train_score_is_an_outage_not_a_verdict(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}))
    with pytest.raises(OutageError, match="nothing to be screened against"):
        screen_on_train(world.bench, world.add(1, {PROMPT: BETTER_PROMPT}), "c000")
    assert world.causes() == {}


def test_the_loop_takes_the_stages_in_the_order_of_their_price(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {"c000": 0.5, "c001": 1.0}), reflector=[found(False)], settings={"stop": {"iterations": 1}})
    world.add(1, {PROMPT: BETTER_PROMPT})
    driver, stages = Driver(world.bench), []
    while not world.ledger.tests():
        step = driver.step()
        if isinstance(step, Examine):
            stages.append(step.stage)
        else:
            assert isinstance(step, Measure) or world.ledger.tests()
    assert stages == ["check", "reflect", "screen"]
