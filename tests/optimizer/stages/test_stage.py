"""What a stage and a driver tell of themselves: every attempt counted once, whatever was interrupted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptResult, AttemptSpec, AttemptStatus, Purpose
from optimizer.ledger import AttemptRow
from optimizer.stages.stage import StageMeter
from optimizer.stages.standing import started
from optimizer.stages.verdicts import decide
from optimizer.state import Spend
from traces.event import TokenUsage

Worlds = Callable[..., Any]
Rates = Callable[..., Any]


def spec(candidate: str, number: int) -> AttemptSpec:
    return AttemptSpec("r", candidate, f"h-{candidate}", "t1", "heldout", number, Purpose.GATE)


def row(candidate: str, number: int, state: str = "planned") -> AttemptRow:
    return AttemptRow(number, spec(candidate, number), "gate/c001/0/0", state, None, None, "", 0, None, 0, 0.0, 0)


def result(candidate: str, number: int, *, seconds: float = 2.0, usd: float | None = 0.5) -> AttemptResult:
    status = AttemptStatus.MISSING if usd is None else AttemptStatus.SCORED
    reward = None if usd is None else 1.0
    return AttemptResult(
        spec(candidate, number), status, reward, None, "", TokenUsage(10, 5), usd, int(usd is None), seconds, 1
    )


def test_both_arms_are_counted_apart_and_together() -> None:
    meter = StageMeter("gate/c001/0/0", [row("c001", 0), row("c001", 1), row("c000", 2)], deque(), Spend(1.0, 100))
    for _ in range(3):
        meter.launch()
    meter.end(result("c001", 0))
    meter.end(result("c000", 2, usd=None))
    data = meter.attempts().data
    assert (data["done"], data["total"], data["missing"], data["in_flight"]) == (2, 3, 1, 1)
    assert data["arms"] == {
        "c001": {"total": 2, "done": 1, "missing": 0},
        "c000": {"total": 1, "done": 1, "missing": 1},
    }
    assert (data["usd"], data["tokens"], data["unpriced"]) == (1.5, 130, 1)


def test_a_stage_of_one_candidate_has_no_arms() -> None:
    meter = StageMeter("baseline", [row("c000", 0)], deque(), Spend())
    assert "arms" not in meter.started().data


def test_a_resumed_stage_counts_what_ended_before() -> None:
    rows = [row("c000", 0, "scored"), row("c000", 1, "missing"), row("c000", 2)]
    data = StageMeter("baseline", rows, deque(), Spend()).started().data
    assert (data["attempts"], data["done"], data["total"], data["missing"]) == (1, 2, 3, 1)


def test_the_pace_is_learned_over_the_stages_of_a_driver() -> None:
    durations: deque[float] = deque(maxlen=4)
    first = StageMeter("baseline", [row("c000", n) for n in range(3)], durations, Spend())
    assert first.attempts().data["pace"] is None
    for number in range(3):
        first.end(result("c000", number, seconds=9.0))
    second = StageMeter("screen/c001", [row("c001", n) for n in range(3)], durations, Spend())
    for number in range(3):
        second.end(result("c001", number, seconds=1.0))
    assert second.attempts().data["pace"] == {"samples": 4, "mean_s": 3.0, "median_s": 1.0, "p90_s": 6.6}


def test_a_driver_tells_its_limits_and_what_it_will_draw(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}), sizes=(3, 6, 4), settings={"stop": {"iterations": 7, "budget_usd": 30}})
    data = started(world.bench, "process, as asked for").data
    assert (data["limits"]["iterations"], data["limits"]["budget_usd"], data["limits"]["hours"]) == (7, 30.0, None)
    assert data["planned"] == {"preflight": 0, "baseline": 3, "screen": 3, "certify": 16}
    assert data["looks"] == 2
    assert data["simulated"] is True
    assert data["so_far"]["stairs"] == []


def test_a_resumed_driver_tells_what_was_concluded_before_it(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}))
    world.past_preflight()
    first, second, _ = world.add_all(3)
    decide(world.bench, first, "better", {})
    decide(world.bench, second, "leak", {"leaks": [{}, {}]})
    so_far = started(world.bench, "process").data["so_far"]
    assert (so_far["iterations"], so_far["champion"]) == (3, first)
    kept, refused, still_open = so_far["stairs"]
    assert (kept["candidate"], kept["verdict"], kept["reason"]) == (first, "keep", "better beyond noise")
    assert refused["reason"] == "holds text of particular tasks (2 quoted)"
    assert still_open == {"slot": 3, "candidate": "c003"}


def test_a_verdict_tells_cause_reason_title_and_the_champion_after_it(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}))
    world.past_preflight()
    names = world.add_all(2)
    decide(world.bench, names[0], "better", {})
    decide(world.bench, names[1], "worse_on_train", {})
    first, second = (event.data for event in world.told if event.kind == "verdict")
    assert (first["champion"], second["champion"]) == (names[0], names[0])
    assert (second["cause"], second["reason"]) == ("worse_on_train", "clearly worse on train tasks")
    assert second["title"] == f"title of {names[1]}"
    assert first["train_score"] is None, "it was never measured there, which is not 0"


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_a_drawn_stage_ends_with_nothing_in_flight(bench: Worlds, rates: Rates, missing: float) -> None:
    from optimizer.stages.measure import baseline

    world = bench(rates(1, {"c000": 0.5}, missing=missing), sizes=(8, 6, 4), settings={"replicates": {"baseline": 3}})
    baseline(world.bench)
    counts = [event.data for event in world.told if event.kind == "attempts" and event.data["stage"] == "baseline"]
    assert [data["done"] for data in counts] == list(range(1, 25)), "each one is told when it ends"
    assert counts[-1]["in_flight"] == 0
    assert counts[-1]["done"] == counts[-1]["total"] == 24
    lost = len(world.ledger.attempts("r", state="missing", stage="baseline"))
    assert counts[-1]["missing"] == lost
    assert [event.kind for event in world.told][-2:] == ["stage_ended", "measured"]
