"""The loop's mind, without any run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from optimizer.loop import (
    ASKED,
    ASKED_NOW,
    Certify,
    Examine,
    Finish,
    GiveUp,
    LookAt,
    Measure,
    Propose,
    Rebase,
    Reserve,
    Rotate,
    Stops,
    decide,
    stop_reason,
)
from optimizer.state import CandidateState, OpenTest, Phase, RunState, Spend
from optimizer.verdict import Verdict

READY = frozenset({Phase.PREFLIGHT, Phase.BASELINE})
FRESH = RunState(
    concluded=frozenset(),
    champion="c000",
    candidates=(),
    slots=0,
    since_keep=0,
    tests_used=0,
    keeps=0,
    spend=Spend(),
    elapsed_s=0.0,
)
RUNNING = replace(FRESH, concluded=READY)
OPEN = CandidateState("c001", "c000", 1, "h1", frozenset(), None, None)


def with_candidate(**changes: object) -> RunState:
    return replace(RUNNING, candidates=(replace(OPEN, **changes),), slots=1)  # type: ignore[arg-type]


def test_a_fresh_run_measures_noise_then_its_baseline_then_asks_for_a_proposal() -> None:
    assert decide(FRESH, Stops()) == Measure(Phase.PREFLIGHT)
    after_preflight = replace(FRESH, concluded=frozenset({Phase.PREFLIGHT}))
    assert decide(after_preflight, Stops()) == Measure(Phase.BASELINE)
    assert decide(RUNNING, Stops()) == Propose((1,), "c000")


def test_used_up_held_out_tasks_make_way_before_anything_is_measured_or_proposed_on_them() -> None:
    over = Stops(rotate=True, k_max=3)
    assert decide(FRESH, over) == Rotate()
    assert decide(replace(RUNNING, tests_used=3), over) == Rotate()
    assert decide(with_candidate(), over) == Rotate()
    begun = with_candidate(passed=frozenset({"check", "reflect", "screen"}), test=OpenTest(3, 0.01, 1))
    assert decide(begun, over) == LookAt("c001", 1), "a test that has begun is decided first"
    assert decide(replace(RUNNING, slots=20), over) == Certify(), "a night that is over begins no epoch"


def test_a_run_without_preflight_starts_with_its_baseline() -> None:
    assert decide(FRESH, Stops(preflight=False)) == Measure(Phase.BASELINE)


def test_a_candidate_passes_the_free_stages_before_the_paid_ones() -> None:
    passed: list[str] = []
    for stage in ("check", "reflect", "screen"):
        assert decide(with_candidate(passed=frozenset(passed)), Stops()) == Examine("c001", stage)
        passed.append(stage)
    screened = frozenset(passed)
    assert decide(with_candidate(passed=screened), Stops()) == Reserve("c001")
    test = OpenTest(1, 0.01, 2)
    assert decide(with_candidate(passed=screened, test=test), Stops()) == LookAt("c001", 2)


def test_an_open_candidate_is_decided_before_the_next_proposal() -> None:
    decided = with_candidate(verdict=Verdict.REJECT)
    assert decide(decided, Stops()) == Propose((2,), "c000")


def test_a_candidate_of_an_earlier_champion_is_carried_over_before_anything_is_made_with_it() -> None:
    state = replace(with_candidate(), champion="c002")
    assert decide(state, Stops()) == Rebase("c001")


@pytest.mark.parametrize("reason", [{"stop": ASKED_NOW}, {"spend": Spend(usd=9.0)}])
def test_a_candidate_of_an_earlier_champion_is_stale_when_there_is_no_room_for_it(reason: dict[str, Any]) -> None:
    state = replace(with_candidate(), champion="c002", **reason)
    assert decide(state, Stops(budget_usd=5.0)) == GiveUp("c001", "stale")


def test_a_candidate_of_an_earlier_champion_is_stale_once_it_was_examined() -> None:
    state = replace(with_candidate(passed=frozenset({"check"})), champion="c002")
    assert decide(state, Stops()) == GiveUp("c001", "stale")


# Rounds ------------------------------------------------------------------------------------------


def test_a_round_asks_for_as_many_slots_as_work_at_once() -> None:
    assert decide(RUNNING, Stops(parallel=3)) == Propose((1, 2, 3), "c000")


@pytest.mark.parametrize("more", [{}, {"since_keep": 8}, {"tests_used": 20}])
def test_sessions_that_were_broken_off_end_before_any_candidate_of_their_round_is_decided(more: dict[str, Any]) -> None:
    state = replace(with_candidate(), open_slots=(2, 4), **more)
    assert decide(state, Stops(parallel=3)) == Propose((2, 4), "c000")


@pytest.mark.parametrize("more", [{"stop": ASKED}, {"stop": ASKED_NOW}, {"spend": Spend(usd=9.0)}])
def test_sessions_that_were_broken_off_are_left_when_the_night_ends_early(more: dict[str, Any]) -> None:
    state = replace(with_candidate(), open_slots=(2,), **more)
    assert not isinstance(decide(state, Stops(budget_usd=5.0)), Propose)


def test_the_next_proposal_starts_from_the_champion() -> None:
    state = replace(with_candidate(verdict=Verdict.KEEP), champion="c001", keeps=1)
    assert decide(state, Stops()) == Propose((2,), "c001")


@pytest.mark.parametrize(
    ("changes", "stops", "reason"),
    [
        ({"slots": 3}, Stops(iterations=3), "iterations"),
        ({"since_keep": 2}, Stops(no_progress=2), "no progress"),
        ({"spend": Spend(usd=5.0)}, Stops(budget_usd=5.0), "money"),
        ({"spend": Spend(usd=4.0)}, Stops(budget_usd=5.0, keep_back_usd=1.0), "money"),
        ({"spend": Spend(usd=1.0, reserved_usd=4.0)}, Stops(budget_usd=5.0), "money"),
        ({"spend": Spend(tokens=100)}, Stops(tokens=100), "tokens"),
        ({"elapsed_s": 60.0}, Stops(time_s=60.0), "deadline"),
        ({"tests_used": 4}, Stops(k_max=4), "planned tests used"),
        ({"ceiling": True}, Stops(), "every train task passes"),
        ({"stop": ASKED}, Stops(), "asked to end"),
        ({"stop": ASKED_NOW}, Stops(), "asked to end now"),
    ],
)
def test_every_hard_stop_leads_to_certifying_and_then_to_the_end(
    changes: dict[str, object], stops: Stops, reason: str
) -> None:
    state = replace(RUNNING, **changes)  # type: ignore[arg-type]
    assert stop_reason(state, stops) == reason
    assert decide(state, stops) == Certify()
    certified = replace(state, concluded=READY | {Phase.CERTIFY})
    assert decide(certified, stops) == Finish(reason)
    assert decide(replace(state, concluded=frozenset(Phase)), stops) is None


@pytest.mark.parametrize(
    ("changes", "stops", "cause"),
    [
        ({"spend": Spend(usd=9.0)}, Stops(budget_usd=5.0), "money"),
        ({"spend": Spend(tokens=9)}, Stops(tokens=5), "money"),
        ({"elapsed_s": 9.0}, Stops(time_s=5.0), "time"),
        ({"elapsed_s": 9.0, "stop": ASKED}, Stops(time_s=5.0), "time"),
        ({"stop": ASKED_NOW}, Stops(), "ended"),
    ],
)
def test_money_and_time_leave_an_open_candidate_undecided(changes: dict[str, object], stops: Stops, cause: str) -> None:
    state = replace(with_candidate(), **changes)  # type: ignore[arg-type]
    assert decide(state, stops) == GiveUp("c001", cause)


def test_a_person_who_is_not_in_a_hurry_lets_the_open_candidate_be_decided_first() -> None:
    assert decide(replace(with_candidate(), stop=ASKED), Stops()) == Examine("c001", "check")


@pytest.mark.parametrize("stop", [ASKED, ASKED_NOW])
def test_a_night_that_is_to_end_begins_no_measurement(stop: str) -> None:
    assert decide(replace(FRESH, stop=stop), Stops()) == Certify()


def test_other_stops_let_an_open_candidate_be_decided_first() -> None:
    assert decide(with_candidate(), Stops(iterations=1)) == Examine("c001", "check")
