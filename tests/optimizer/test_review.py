"""What a person must say before a change counts, at every degree of autonomy, on a scripted bench."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec
from optimizer.cli.candidate_page import verdict_words
from optimizer.control import Control, Interrupted, Request, ask
from optimizer.execute import Driver
from optimizer.facts import candidate_facts, read_facts
from optimizer.ledger import ReviewRow
from optimizer.loop import ASKED, Await
from optimizer.patience import Patience
from optimizer.review import REVIEWS, give, given
from optimizer.run_folder import RunFolder
from optimizer.sessions.proposing import history
from optimizer.shift import Shift, waiting_words
from optimizer.stages.waiting import enter
from traces.errors import UsageError

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py

GOOD = {"c000": 0.1, "c001": 1.0, "c002": 1.0}


def word(candidate: str, *, accepted: bool) -> ReviewRow:
    return ReviewRow(candidate, accepted, "ada", "looked at it", "2026-11-27T03:00:00+00:00")


def night(bench: Worlds, rates: Rates, autonomy: str, candidates: int = 1, **more: Any) -> Any:
    settings = {"autonomy": autonomy, "stop": {"iterations": candidates}}
    world = bench(rates(1, GOOD), settings=settings, **more)
    world.past_preflight()
    world.add_all(candidates)
    return world


def until_asked(world: Any) -> tuple[str, ...]:
    """Drive until a person is asked; give the candidates that wait."""
    driver = Driver(world.bench)
    for _ in range(60):
        step = driver.step()
        if isinstance(step, Await):
            return step.candidates
        assert step is not None, "the night ended without asking"
    raise AssertionError("nobody was asked")


def test_what_passed_its_test_becomes_champion_only_once_a_person_accepts_it(bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, "approve")
    assert until_asked(world) == ("c001",)
    assert world.verdicts() == {}
    assert world.ledger.state().champion == "c000"
    give(world.folder.path, word("c001", accepted=True))
    world.drive()
    assert world.causes() == {"c001": "better"}
    assert world.ledger.state().champion == "c001"


def test_a_refusal_is_recorded_and_the_level_stays_spent(bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, "approve", 2)
    until_asked(world)
    give(world.folder.path, word("c001", accepted=False))
    assert until_asked(world) == ("c002",)
    assert world.causes() == {"c001": "refused"}
    assert world.verdicts() == {"c001": "reject"}
    assert [test["candidate"] for test in world.ledger.tests()] == ["c001", "c002"]
    assert world.registry.record(world.suite.hash, world.uid).keeps == 0
    assert world.ledger.reviews()["c001"].reason == "looked at it"


def test_a_word_counts_as_said_before_the_driver_has_entered_it(bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, "approve")
    until_asked(world)
    assert read_facts(world.folder).waiting == ["c001"]
    give(world.folder.path, word("c001", accepted=True))
    facts = read_facts(world.folder)
    assert facts.waiting == []
    assert candidate_facts(facts, "c001")["review"]["said"] == "accepted"
    assert candidate_facts(facts, "c001")["gate"]["record"] is not None
    assert verdict_words(facts, candidate_facts(facts, "c001")) == "open: accepted by ada; the driver enters it"
    assert world.ledger.reviews() == {}


def test_attempts_beside_a_refused_change_serve_no_later_test(bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, "approve", 2)
    until_asked(world)
    give(world.folder.path, word("c001", accepted=False))
    until_asked(world)
    record = world.ledger.looks("c002")[-1].record
    fresh = [row for row in world.ledger.attempts(candidate="c000") if row.stage.startswith("gate/c002/")]
    assert record["champion_attempts"] == len(fresh)


def test_drafts_wait_while_the_night_goes_on_and_all_are_asked_about_at_its_end(bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, "draft", 2)
    assert until_asked(world) == ("c001", "c002")
    assert len(world.ledger.tests()) == 2
    give(world.folder.path, word("c002", accepted=True))
    world.drive()
    assert world.causes() == {"c002": "better", "c001": "stale"}


def test_suggestions_are_measured_only_once_they_are_accepted(bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, "suggest", 2)
    assert until_asked(world) == ("c001", "c002")
    assert world.script.seen == []
    give(world.folder.path, word("c001", accepted=False))
    give(world.folder.path, word("c002", accepted=True))
    world.drive()
    assert world.causes() == {"c001": "refused", "c002": "better"}
    assert "c001" not in {spec.candidate for spec in world.script.seen}


def test_a_night_ended_early_leaves_what_waits_undecided(bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, "approve")
    until_asked(world)
    driver = Driver(world.bench)
    driver.end(ASKED)
    while driver.step() is not None:
        pass
    assert world.causes() == {"c001": "unreviewed"}
    assert world.ledger.state().champion == "c000"


def test_whatever_moment_it_dies_at_a_reviewed_night_ends_the_same(
    bench: Worlds, rates: Rates, crash: type[BaseException]
) -> None:
    def fresh() -> Any:
        world = night(bench, rates, "approve")
        give(world.folder.path, word("c001", accepted=True))  # said beforehand: it counts once it is asked for
        return world

    whole = fresh()
    whole.fuse.burnt = 0
    whole.drive()
    steps, expected = whole.fuse.burnt, whole.history()
    assert whole.causes() == {"c001": "better"}
    assert set(whole.ledger.reviews()) == {"c001"}
    for at in range(1, steps + 1, 2):
        world = fresh()
        world.fuse.burnt, world.fuse.at = 0, at
        with suppress(crash):
            world.drive()
        world.close()
        world.open().drive()
        assert world.history() == expected, at
        world.close()


def test_a_driver_waits_for_the_word_and_goes_on_by_itself(bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, "approve")
    naps = {"count": 0}

    def sleep(seconds: float) -> None:
        naps["count"] += 1
        facts = read_facts(world.folder)
        assert facts.phase == "needs attention"
        assert "ratchet review" in str(facts.attention)
        if naps["count"] == 9:
            give(world.folder.path, word("c001", accepted=True))

    shift(world, sleep).work()
    assert naps["count"] >= 9
    assert world.causes() == {"c001": "better"}
    look = world.folder.command("review")
    assert "--runs-dir" in look
    assert [event.text for event in world.told if event.kind == "needs_attention"] == [
        f"c001 waits for a person's word, and nothing else is left to do: {look}"
    ]
    one = world.folder.command("review", "c001")
    assert f"c001 waits for a person's word: {one}" in [event.text for event in world.told]


def test_several_that_wait_are_listed_with_commas_and_one_and(tmp_path: Path) -> None:
    said = waiting_words(["c001", "c002", "c004"], RunFolder(tmp_path / "night"))
    assert said.startswith("c001, c002 and c004 wait for a person's word")


def test_a_waiting_driver_leaves_when_it_is_asked_to_stop_after_the_iteration(bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, "approve")
    stop = Request("stop", os.getpid(), "iteration")
    with pytest.raises(Interrupted):
        shift(world, lambda seconds: ask(world.folder.path, stop)).work()
    assert world.verdicts() == {}
    assert world.ledger.state().waiting[0].id == "c001"


def shift(world: Any, sleep: Callable[[float], object]) -> Shift:
    """Make a shift whose clock moves with its naps only."""
    now = [0.0]

    def nap(seconds: float) -> None:
        now[0] += seconds
        sleep(seconds)

    control = Control(world.folder.path, world.told.append, grace_s=1, clock=lambda: now[0], sleep=nap)
    return Shift(world.bench, control, Patience(1, 1, 0), conclude=lambda: None)


def test_who_reviews_sees_what_the_gate_saw_and_a_proposer_only_that_somebody_is_asked(
    bench: Worlds, rates: Rates
) -> None:
    world = night(bench, rates, "draft", 2)
    until_asked(world)
    shown = candidate_facts(read_facts(world.folder), "c001")
    assert shown["review"] == {"said": None}
    assert shown["gate"]["record"]["mean"] > 0.5
    [first, second] = history(world.bench)
    assert (first.verdict, first.public_reason) == ("open", "waits for a person's word")
    assert "mean" not in json.dumps(second.to_record())


def test_a_word_stands(bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, "approve")
    give(world.folder.path, word("c001", accepted=True))
    give(world.folder.path, word("c001", accepted=True))
    with pytest.raises(UsageError, match="c001 was accepted before"):
        give(world.folder.path, word("c001", accepted=False))
    assert given(world.folder.path)["c001"].accepted


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"candidate": "c002"}', '{"candidate": "c001", "accepted": "yes"}'])
def test_a_file_that_holds_no_word_says_nothing(bench: Worlds, rates: Rates, text: str) -> None:
    world = night(bench, rates, "approve")
    (world.folder.path / REVIEWS).mkdir()
    (world.folder.path / REVIEWS / "c001.json").write_text(text)
    until_asked(world)
    enter(world.bench)
    assert world.ledger.reviews() == {}
