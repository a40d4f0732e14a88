"""A gate test as a run carries it out: its level on disk first, its arms honest, its end the same after any crash."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec
from optimizer.gate import Night
from optimizer.ledger import Ledger
from optimizer.stages.draws import OutageError
from optimizer.stages.gatekeeper import look_at, reserve
from optimizer.state import Phase
from optimizer.verdict import ruling

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py

BETTER = {"c000": 0.1, "c001": 1.0}


def through_the_gate(world: Any, candidate: str, parent: str = "c000") -> None:
    """Test one candidate to its verdict, as the driver does step by step."""
    reserve(world.bench, candidate, parent)
    while candidate not in world.ledger.verdicts():
        look_at(world.bench, candidate, parent, len(world.ledger.looks(candidate)), keep_back_usd=0.0)


def test_a_level_is_on_disk_in_registry_and_ledger_before_the_first_attempt(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, BETTER))
    world.add_all(1)
    seen: list[tuple[int, list[float]]] = []

    def look_at_disk(_: AttemptSpec) -> None:
        lines = (world.root / "runs" / "suites" / f"{world.suite.hash}.jsonl").read_text().splitlines()
        reader = Ledger(world.folder.ledger, read_only=True)
        levels = [test["level"] for test in reader.tests()]
        reader.close()
        seen.append((sum(json.loads(line)["kind"] == "test" for line in lines), levels))

    world.script.before = look_at_disk
    through_the_gate(world, "c001")
    assert seen
    assert set(map(repr, seen)) == {repr((1, [0.05]))}


def test_the_registry_counts_a_test_before_the_ledger_knows_its_level(
    bench: Worlds, rates: Rates, crash: type[BaseException]
) -> None:
    world = bench(rates(1, BETTER))
    world.add_all(1)
    world.fuse.at = world.fuse.burnt + 3  # registry: before, after; ledger: before
    with pytest.raises(crash):
        reserve(world.bench, "c001", "c000")
    assert world.registry.record(world.suite.hash, world.uid).tests_used == 1
    assert world.ledger.tests() == []
    reserve(world.bench, "c001", "c000")
    assert world.registry.record(world.suite.hash, world.uid).tests_used == 1
    assert [test["level"] for test in world.ledger.tests()] == [0.05]


def test_a_keep_changes_the_champion_and_is_counted_for_the_suite(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, BETTER))
    world.add_all(1)
    through_the_gate(world, "c001")
    assert world.causes() == {"c001": "better"}
    assert world.ledger.state().champion == "c001"
    record = world.registry.record(world.suite.hash, world.uid)
    assert (record.tests_used, record.keeps) == (1, 1)


def test_levels_grow_with_the_keeps_of_earlier_runs_of_the_suite(bench: Worlds, rates: Rates, tmp_path: Path) -> None:
    settings = {"gate": {"mode": "default", "alpha": 0.2, "k_max": 10}}
    shared = tmp_path / "shared"
    first = bench(rates(1, {"c000": 0.0, "c001": 1.0}), settings=settings, root=shared)
    first.add_all(1)
    through_the_gate(first, "c001")
    assert first.causes() == {"c001": "better"}
    second = bench(rates(1, {}), settings=settings, root=shared, run="s", uid="s-1")
    second.add_all(1)
    reserve(second.bench, "c001", "c000")
    assert [test["level"] for test in first.ledger.tests()] == [pytest.approx(0.02)]
    assert [test["level"] for test in second.ledger.tests()] == [pytest.approx(0.04)]


def test_without_a_level_left_a_candidate_stays_undecided_and_costs_nothing(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}), settings={"gate": {"k_max": 1}})
    world.add_all(2)
    through_the_gate(world, "c001")
    done = len(world.script.seen)
    reserve(world.bench, "c002", "c000")
    assert world.causes()["c002"] == "level_exhausted"
    assert len(world.script.seen) == done


def test_too_small_a_budget_leaves_the_candidate_undecided_and_its_level_reserved(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, BETTER), settings={"stop": {"budget_usd": 0.50}}, cost_usd=0.05)
    world.add_all(1)
    reserve(world.bench, "c001", "c000")
    look_at(world.bench, "c001", "c000", 0, keep_back_usd=0.0)
    assert world.causes() == {}
    look_at(world.bench, "c001", "c000", 1, keep_back_usd=0.0)
    assert world.causes() == {"c001": "money"}
    assert len(world.ledger.tests()) == 1
    assert world.registry.record(world.suite.hash, world.uid).tests_used == 1
    assert world.ledger.state().champion == "c000"


@pytest.mark.parametrize(
    ("limit", "times", "cause"),
    [
        ({"cost_ratio": 1.25}, 1.0, "better"),
        ({"cost_ratio": 1.25}, 2.0, "not_better"),
        ({"cost_ratio": 2.5}, 2.0, "better"),
        ({"latency_ratio": 1.25}, 2.0, "not_better"),
        ({}, 50.0, "better"),
    ],
)
def test_a_better_candidate_that_costs_or_takes_too_much_more_is_refused_in_the_same_words(
    limit: dict[str, float], times: float, cause: str, bench: Worlds, rates: Rates
) -> None:
    world = bench(rates(1, BETTER), settings={"gate": limit})
    world.add_all(1)
    world.script.dear = {"c001": times}
    through_the_gate(world, "c001")
    verdict = world.ledger.verdicts()["c001"]
    assert verdict.cause == cause
    guarded = world.ledger.looks("c001")[-1].record["guards"]
    assert [guard["passed"] for guard in guarded] == [cause == "better"] * len(limit)
    assert verdict.public == ruling(cause).public


# The champion's pool -----------------------------------------------------------------------------


def fresh_attempts(world: Any, champion: str, during: str) -> Counter[str]:
    rows = world.ledger.attempts(world.run, candidate=champion, split="heldout")
    return Counter(row.spec.task for row in rows if row.stage.startswith(f"gate/{during}/"))


def test_every_test_draws_the_champion_afresh_and_pools_the_tests_that_were_rejected(
    bench: Worlds, rates: Rates
) -> None:
    world = bench(rates(1, {"c000": 0.9, "c001": 0.0, "c002": 0.0}))
    world.add_all(2)
    for name in ("c001", "c002"):
        through_the_gate(world, name)
        assert world.causes()[name] == "not_better"
    assert set(fresh_attempts(world, "c000", "c001").values()) == {4}
    assert set(fresh_attempts(world, "c000", "c002").values()) == {1}
    assert len(fresh_attempts(world, "c000", "c002")) == 6
    assert world.ledger.looks("c002")[0].record["champion_attempts"] == 5 * 6


def test_the_attempts_that_earned_a_champion_its_place_never_count_for_it(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {**BETTER, "c002": 0.0}))
    world.add_all(1)
    through_the_gate(world, "c001")
    world.add(2, {"prompts/system.md": "Another way.\n"}, parent="c001")
    through_the_gate(world, "c002", "c001")
    assert set(fresh_attempts(world, "c001", "c002").values()) == {4}
    assert world.ledger.looks("c002")[0].record["champion_attempts"] == 4 * 6


def test_a_test_broken_off_for_want_of_scores_lends_nothing_to_the_next(bench: Worlds, rates: Rates) -> None:
    plain = rates(1, {"c002": 0.0})
    world = bench(lambda spec: None if spec.candidate == "c001" and spec.task < "sums-06" else plain(spec))
    world.add_all(2)
    through_the_gate(world, "c001")
    assert world.causes() == {"c001": "too_many_missing"}
    through_the_gate(world, "c002")
    assert set(fresh_attempts(world, "c000", "c002").values()) == {4}


def test_a_drifted_champion_is_drawn_anew_and_what_came_before_never_counts_again(bench: Worlds) -> None:
    """The champion passes nothing at first; from its fifth attempt on it passes everything but every sixth."""

    def outcome(spec: AttemptSpec) -> float:
        if spec.candidate != "c000":
            return 0.0
        return float(spec.replicate >= 4 and (spec.replicate + int(spec.task[-2:])) % 6 > 0)

    world = bench(outcome, sizes=(3, 12, 4))
    world.add_all(3)
    through_the_gate(world, "c001")
    through_the_gate(world, "c002")
    assert [name for name in world.ledger.stage_records("c002") if "restart" in name] == ["restart/0/0"]
    assert set(fresh_attempts(world, "c000", "c002").values()) == {5}
    assert world.ledger.looks("c002")[0].record["champion_attempts"] == 4 * 12
    through_the_gate(world, "c003")
    assert world.ledger.looks("c003")[0].record["champion_attempts"] == 5 * 12


def test_preflight_attempts_of_the_baseline_are_pooled(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {"c000": 0.9, "c001": 0.0}), settings={"replicates": {"preflight": 2}})
    from optimizer.stages.preflight import preflight

    preflight(world.bench)
    world.add_all(1)
    through_the_gate(world, "c001")
    assert set(fresh_attempts(world, "c000", "c001").values()) == {1}


def test_the_noise_that_preflight_found_widens_the_limit(bench: Worlds, rates: Rates) -> None:
    found = {
        "tasks": 6, "runs": 2.0, "s2": 0.2, "excess": 9.0, "shared": 4.0, "phi": 3.0, "correlation": None,
        "difference": 0.0, "difference_se": 0.1,
    }  # fmt: skip
    plain, noisy = (bench(rates(1, {"c000": 0.3, "c001": 0.6}), sizes=(3, 20, 4)) for _ in range(2))
    plain.ledger.conclude(Phase.PREFLIGHT, {"noise": None})
    noisy.ledger.conclude(Phase.PREFLIGHT, {"noise": found})
    for world in (plain, noisy):
        world.add_all(1)
        through_the_gate(world, "c001")
    narrow, wide = (world.ledger.looks("c001")[0].record["se"] for world in (plain, noisy))
    assert wide > 1.3 * narrow


# Outages -----------------------------------------------------------------------------------------


class Weather:
    """Lose every attempt of `arms` while the provider is down."""

    def __init__(self, plain: Callable[[AttemptSpec], float | None], *arms: str) -> None:
        self.plain = plain
        self.arms = arms
        self.down = True

    def __call__(self, spec: AttemptSpec) -> float | None:
        return None if self.down and (not self.arms or spec.candidate in self.arms) else self.plain(spec)


@pytest.mark.parametrize("arms", [(), ("c001",), ("c000",)])
def test_an_outage_is_no_verdict_and_the_test_goes_on_at_its_level(
    arms: Sequence[str], bench: Worlds, rates: Rates
) -> None:
    weather = Weather(rates(1, BETTER), *arms)
    world = bench(weather)
    world.add_all(1)
    for _ in range(2):
        with pytest.raises(OutageError):
            through_the_gate(world, "c001")
    assert world.verdicts() == {}
    weather.down = False
    through_the_gate(world, "c001")
    assert world.causes() == {"c001": "better"}
    assert len(world.ledger.tests()) == 1


def test_an_outage_in_the_middle_of_a_stage_is_no_verdict_and_what_it_took_is_drawn_again_in_both_arms(
    bench: Worlds, rates: Rates
) -> None:
    """The provider is away for the second quarter of the first stage."""
    weather = Weather(rates(1, BETTER))
    world = bench(weather, sizes=(3, 20, 4))
    world.add_all(1)

    def follow(_: AttemptSpec) -> None:
        weather.down = 25 <= len(world.script.seen) < 41

    world.script.before = follow
    through_the_gate(world, "c001")
    assert world.causes() == {"c001": "better"}
    lost = [row for row in world.ledger.attempts(world.run) if row.state == "missing"]
    assert len(lost) == 16
    assert [name for name in world.ledger.stage_records("c001") if name.startswith("lost/")] == ["lost/0/0"]
    redrawn = [row.spec for row in world.ledger.attempts(world.run) if row.stage == "gate/c001/0/1"]
    assert {spec.candidate for spec in redrawn} == {"c000", "c001"}


def test_a_long_outage_breaks_a_stage_off_before_it_has_lost_it_all(bench: Worlds, rates: Rates) -> None:
    weather = Weather(rates(1, BETTER))
    world = bench(weather, sizes=(3, 40, 4))
    world.add_all(1)
    with pytest.raises(OutageError, match="the last 20 in a row"):
        through_the_gate(world, "c001")
    assert 20 <= len(world.script.seen) <= 24
    assert world.ledger.spend().reserved_usd == 0.0
    weather.down = False
    through_the_gate(world, "c001")
    assert world.causes() == {"c001": "better"}


def test_a_candidate_that_alone_is_lost_three_times_is_invalid_and_stops_no_night(bench: Worlds, rates: Rates) -> None:
    world = bench(Weather(rates(1, BETTER), "c001"))
    world.add_all(1)
    for _ in range(2):
        with pytest.raises(OutageError):
            through_the_gate(world, "c001")
    through_the_gate(world, "c001")
    assert world.causes() == {"c001": "too_many_missing"}
    assert set(fresh_attempts(world, "c000", "c001").values()) == {6}


def test_an_attempt_lost_after_an_outage_is_simply_missing(bench: Worlds, rates: Rates) -> None:
    weather = Weather(rates(1, BETTER))
    world = bench(weather, sizes=(3, 20, 4))
    world.add_all(1)
    with pytest.raises(OutageError):
        through_the_gate(world, "c001")
    weather.down = False
    weather.plain = lambda spec: None if spec.task == "sums-05" and spec.replicate == 2 else rates(1, BETTER)(spec)
    through_the_gate(world, "c001")
    assert world.causes() == {"c001": "better"}


# Crashes -----------------------------------------------------------------------------------------


def test_a_crash_at_any_write_changes_nothing_but_the_hour(
    bench: Worlds, rates: Rates, crash: type[BaseException]
) -> None:
    def fresh() -> Any:
        world = bench(rates(3, {"c000": 0.2, "c001": 0.1, "c002": 0.9}), settings={"stop": {"iterations": 2}})
        world.past_preflight()
        world.add_all(2)
        return world

    whole = fresh()
    whole.fuse.burnt = 0
    whole.drive()
    assert whole.ledger.conclusion(Phase.CERTIFY) is not None
    steps = whole.fuse.burnt
    expected = whole.history()
    assert whole.verdicts() == {"c001": "reject", "c002": "keep"}
    assert steps > 30
    for at in range(1, steps + 1):
        world = fresh()
        world.fuse.burnt, world.fuse.at = 0, at
        with suppress(crash):  # a slow machine records in more batches, so the last steps may not be reached
            world.drive()
        world.close()
        world.open().drive()
        assert world.history() == expected, at
        world.close()


# The same verdicts as the simulated night ----------------------------------------------------------


@pytest.mark.parametrize(
    ("seed", "missing", "mode", "target"),
    [
        (1, 0.0, "explore", "benchmark"),
        (7, 0.0, "settled", "benchmark"),
        (2, 0.0, "default", "population"),
        (3, 0.04, "explore", "benchmark"),
        (4, 0.04, "explore", "population"),
        (5, 0.02, "strict", "benchmark"),
        (6, 0.0, "explore", "benchmark"),
    ],
)
def test_the_same_outcomes_give_the_same_verdicts_as_a_night_in_memory(
    seed: int, missing: float, mode: str, target: str, bench: Worlds, rates: Rates
) -> None:
    levels = {"c000": 0.35, "c001": 0.3, "c002": 0.55, "c003": 0.9, "c004": 0.5, "c005": 0.95}
    plain = rates(seed, levels, missing=missing)

    def drifting(spec: AttemptSpec) -> float | None:
        """In the last world the first champion gets much better after its sixth attempt at a task."""
        return 1.0 if seed == 6 and spec.candidate == "c000" and spec.replicate > 5 else plain(spec)

    gate = {"mode": mode, "target": target, "stages": [1, 2, 4], "futility": [-0.5, 0.0], "alpha": 0.3}
    if mode == "settled":
        gate |= {"mode": "explore", "settled_runs": 2}
    world = bench(drifting, sizes=(3, 24, 4), settings={"gate": gate})
    drawn: Counter[tuple[str, str]] = Counter()

    def draw(candidate: str, task: str, count: int) -> list[float | None]:
        replicates = range(drawn[candidate, task], drawn[candidate, task] + count)
        drawn[candidate, task] += count
        return [drifting(spec_of(candidate, task, number)) for number in replicates]

    night = Night(world.bench.gate, world.bench.gate_tasks("heldout"), draw)
    for slot in range(1, 6):
        name = f"c00{slot}"
        champion = world.ledger.state().champion
        world.add(slot, {"prompts/system.md": f"Way {slot}.\n"}, parent=champion)
        through_the_gate(world, name, champion)
        foreseen = night.test(name)
        assert world.verdicts()[name] == foreseen.verdict
        assert night.champion == world.ledger.state().champion
        record = world.ledger.looks(name)[-1].record
        assert foreseen.record is not None
        assert (record["statistic"], record["p"]) == (foreseen.record.statistic, foreseen.record.p)
    assert night.attempts_spent == len(world.script.seen)


def spec_of(candidate: str, task: str, replicate: int) -> AttemptSpec:
    from optimizer.attempt_spec import Purpose

    return AttemptSpec("r", candidate, "h", task, "heldout", replicate, Purpose.GATE)
