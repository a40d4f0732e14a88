"""The measurements around the loop: noise before it, the certified number after it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.splits import Splits
from benchmarks.task import Task
from optimizer.attempt_spec import AttemptSpec
from optimizer.execute import Driver
from optimizer.ledger import SIMULATED_SERVER, VerdictRow
from optimizer.loop import HOPELESS
from optimizer.stages.draws import OutageError
from optimizer.stages.gatekeeper import look_at, reserve
from optimizer.stages.measure import baseline, certify
from optimizer.stages.past import past_unevenness
from optimizer.stages.preflight import preflight
from optimizer.stages.standing import started
from optimizer.state import Phase
from optimizer.verdict import Verdict
from task_agent.harness.errors import HarnessError

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
GAIN = {"c000": 0.3, "c001": 0.9}


def kept(world: Any, slot: int = 1) -> str:
    """Enter a kept candidate."""
    name: str = world.add(slot, {"prompts/system.md": f"Way {slot}.\n"})
    world.ledger.decide(VerdictRow(name, Verdict.KEEP, "better", "better"))
    return name


# Preflight and baseline --------------------------------------------------------------------------


@pytest.mark.parametrize("measure", [preflight, baseline])
@pytest.mark.parametrize("cause", ["agent_crashed", "tampered", "request_refused"])
def test_a_seed_harness_whose_every_attempt_crashes_ends_the_night_with_a_word_at_each_resume(
    bench: Worlds, cause: str, measure: Callable[..., None]
) -> None:
    world = bench(lambda spec: 0.0, sizes=(4, 8, 4), settings={"replicates": {"preflight": 1}})
    world.script.cause = cause
    for _ in range(2):
        with pytest.raises(HarnessError, match=f"the seed harness cannot run: .* crashed .{cause} ") as stopped:
            measure(world.bench)
        assert "as scripted" in stopped.value.message
        assert "begin a new run" in stopped.value.hint
    seen = len(world.script.seen)
    assert seen == len(set(world.script.seen))
    assert world.ledger.conclusion(Phase.BASELINE) is None


def test_wrong_answers_and_used_up_limits_are_no_crashes(bench: Worlds) -> None:
    for cause in (None, "out_of_turns", "agent_refused"):
        world = bench(lambda spec: 0.0)
        world.script.cause = cause
        baseline(world.bench)
        assert world.told[-1].text == "baseline done: the seed harness scores 0.0% on train tasks"


def test_crashes_beside_answers_are_told_with_the_baselines_score(bench: Worlds) -> None:
    world = bench(lambda spec: 0.0, sizes=(4, 8, 4))
    crash = set(world.splits.train[:3])
    run = world.script.run

    async def some_crash(job: Any) -> Any:
        world.script.cause = "agent_crashed" if job.spec.task in crash else None
        return await run(job)

    world.script.run = some_crash
    baseline(world.bench)
    said = next(event.text for event in world.told if event.kind == "measured")
    assert "scores 0.0% on train tasks; 3 of 4 attempts crashed (agent_crashed 3), such as c000/" in said
    assert said.endswith(": as scripted")


def test_a_run_that_a_server_of_the_simulated_model_answered_once_stays_simulated(bench: Worlds) -> None:
    world = bench(lambda spec: 0.0)
    models = world.config.models
    real = {
        name: models.task.model_copy(update={"model": "claude-haiku-5-5"}) for name in ("task", "proposer", "reflector")
    }
    named = models.model_copy(update={**real, "reviewer": None, "analyst": None})
    asking = replace(world.bench, config=world.config.model_copy(update={"models": named}))
    assert started(asking, "said").data["simulated"] is False
    world.ledger.note(SIMULATED_SERVER, "the simulated model answers")
    assert started(asking, "said").data["simulated"] is True


def test_preflight_draws_two_arms_of_the_baseline_and_records_noise_and_reach(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {"c000": 0.5}), sizes=(3, 24, 4), settings={"replicates": {"preflight": 2}})
    preflight(world.bench)
    record = world.ledger.conclusion(Phase.PREFLIGHT)
    assert Counter(spec.task for spec in world.script.seen) == Counter(dict.fromkeys(world.splits.heldout, 4))
    assert (record["tasks"], record["attempts"], record["noise"]["tasks"]) == (24, 96, 24)
    assert 0.3 < record["score"] < 0.7
    assert record["smallest_gain"] > 0
    assert record["finds"] in [event.text for event in world.told]
    assert record["tau"] == {"value": 0.16, "assumed": True}
    assert [(row["mode"], row["tasks"]) for row in record["reach"][:4]] == [
        ("strict", 24),
        ("strict", 48),
        ("strict", 96),
        ("default", 24),
    ]
    assert record["ahead"]["attempts"] > 0
    assert record["ahead"]["usd"] == pytest.approx(0.01 * record["ahead"]["attempts"])


NOISY = {"mode": "explore", "target": "population", "stages": [1], "futility": [], "min_tasks": 20}


@pytest.mark.parametrize("force", [False, True])
def test_a_night_whose_noise_hides_every_gain_ends_before_it_costs_more_unless_it_is_forced(
    force: bool, bench: Worlds, rates: Rates
) -> None:
    settings = {
        "gate": {**NOISY, "force": force},
        "replicates": {"preflight": 3},
        "stop": {"iterations": 1, "budget_usd": 9.0},
    }
    world = bench(rates(1, {"c000": 0.5}), sizes=(3, 20, 4), settings=settings, proposer=[])
    driver = Driver(world.bench)
    driver.step()
    record = world.ledger.conclusion(Phase.PREFLIGHT)
    assert (record["can_decide"], record["smallest_gain"] > 0.30) == (False, True)
    driver.step()
    assert bool(world.ledger.conclusion(Phase.BASELINE)) is force
    if not force:
        world.drive()
        assert world.ledger.conclusion(Phase.FINISH)["reason"] == HOPELESS
        assert len(world.script.seen) == record["attempts"]


def test_how_unevenly_changes_act_is_learned_from_earlier_runs_of_the_suite(
    bench: Worlds, rates: Rates, tmp_path: Path
) -> None:
    """Candidates of the first run help every second task and hurt the others."""

    def uneven(spec: AttemptSpec) -> float:
        up = int(spec.task[-2:]) % 2 == 0
        rate = 0.5 if spec.candidate == "c000" else 0.8 if up else 0.2
        return float(random.Random(spec.id).random() < rate)

    shared = tmp_path / "shared"
    gate = {"stages": [4, 8], "futility": [-9.0]}
    first = bench(uneven, sizes=(3, 24, 4), settings={"gate": gate}, root=shared)
    first.add_all(3)
    for name in ("c001", "c002", "c003"):
        parent = first.ledger.state().champion
        reserve(first.bench, name, parent)
        while name not in first.ledger.verdicts():
            look_at(first.bench, name, parent, len(first.ledger.looks(name)), keep_back_usd=0.0)
    first.close()
    second = bench(rates(1, {}), sizes=(3, 24, 4), root=shared, run="s", uid="s-1")
    assert past_unevenness(second.bench) == pytest.approx(0.3, abs=0.1)
    assert past_unevenness(bench(rates(1, {}), sizes=(3, 24, 4)).bench) is None


def test_one_attempt_an_arm_measures_no_noise_and_says_so(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}), settings={"replicates": {"preflight": 1}})
    preflight(world.bench)
    assert world.ledger.conclusion(Phase.PREFLIGHT)["noise"] is None


def test_attempts_that_hang_together_are_noticed(bench: Worlds) -> None:
    """Nearly every attempt at a task ends as the others of its arm do."""

    def outcome(spec: AttemptSpec) -> float:
        arm = random.Random(f"{spec.task}/{spec.replicate // 4}").random() < 0.5
        return float(arm != (random.Random(spec.id).random() < 0.1))

    world = bench(outcome, sizes=(3, 24, 4), settings={"replicates": {"preflight": 4}})
    preflight(world.bench)
    assert world.ledger.conclusion(Phase.PREFLIGHT)["noise"]["phi"] > 1.5


def test_the_baseline_is_attempted_on_train_alone(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {"c000": 1.0}), settings={"replicates": {"baseline": 2}})
    baseline(world.bench)
    assert {spec.split for spec in world.script.seen} == {"train"}
    assert world.ledger.conclusion(Phase.BASELINE) == {"score": 1.0, "attempts": 6}


@pytest.mark.parametrize("measure", [preflight, baseline])
def test_a_measurement_that_died_altogether_stays_pending(measure: Callable[[Any], None], bench: Worlds) -> None:
    world = bench(lambda spec: None, settings={"replicates": {"preflight": 1}})
    with pytest.raises(OutageError):
        measure(world.bench)
    assert world.ledger.state().concluded == frozenset()


# Certify -----------------------------------------------------------------------------------------


def test_both_arms_are_drawn_afresh_on_the_test_split_and_compared(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, GAIN), sizes=(3, 6, 20), settings={"replicates": {"certify": 5}})
    certify(world.bench, kept(world))
    record = world.ledger.conclusion(Phase.CERTIFY)
    assert {spec.split for spec in world.script.seen} == {"test"}
    assert Counter(spec.candidate for spec in world.script.seen) == {"c000": 100, "c001": 100}
    assert (record["champion"], record["look"], record["attempts"], record["coverage"]) == ("c001", 1, 200, 1.0)
    assert record["target"] == "population"
    assert record["difference"] == pytest.approx(record["champion_mean"] - record["baseline_mean"])
    assert record["interval"][0] < record["difference"] < record["interval"][1]
    assert record["improved"] is True


def test_no_gain_is_not_called_one(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {"c000": 0.5, "c001": 0.5}), sizes=(3, 6, 20))
    certify(world.bench, kept(world))
    assert world.ledger.conclusion(Phase.CERTIFY)["improved"] is False


def test_without_a_keep_nothing_is_certified_and_no_look_is_counted(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {}))
    certify(world.bench, "c000")
    record = world.ledger.conclusion(Phase.CERTIFY)
    assert (record["difference"], record["improved"]) == (None, False)
    assert "nothing was certified" in record["note"]
    assert world.script.seen == []
    assert world.registry.record(world.suite.hash).looks == 0


def test_the_look_is_counted_before_the_first_attempt(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, GAIN))
    looks: list[int] = []
    world.script.before = lambda spec: looks.append(world.registry.record(world.suite.hash).looks)
    certify(world.bench, kept(world))
    assert set(looks) == {1}


def test_a_resumed_certify_completes_the_same_attempts_and_is_still_one_look(
    bench: Worlds, rates: Rates, crash: type[BaseException]
) -> None:
    whole = bench(rates(1, GAIN))
    certify(whole.bench, kept(whole))
    expected = whole.history()
    for at in range(1, 12):
        world = bench(rates(1, GAIN))
        name = kept(world)
        world.fuse.burnt, world.fuse.at = 0, at
        with suppress(crash):
            certify(world.bench, name)
        world.close()
        certify(world.open().bench, name)
        assert world.history() == expected
        assert world.registry.record(world.suite.hash).looks == 1


def test_every_run_that_looks_at_the_test_split_makes_the_next_one_stricter(
    bench: Worlds, rates: Rates, tmp_path: Path
) -> None:
    widths, levels = [], []
    for number in range(3):
        world = bench(rates(1, GAIN), sizes=(3, 6, 12), root=tmp_path / "shared", run=f"r{number}", uid=f"u{number}")
        certify(world.bench, kept(world))
        record = world.ledger.conclusion(Phase.CERTIFY)
        widths.append(record["interval"][1] - record["interval"][0])
        levels.append(record["level"])
    assert levels == pytest.approx([0.95, 0.975, 0.9875])
    assert widths == sorted(set(widths))


def test_a_target_of_these_very_tasks_is_kept_to(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, GAIN), settings={"gate": {"target": "benchmark"}})
    certify(world.bench, kept(world))
    assert world.ledger.conclusion(Phase.CERTIFY)["target"] == "benchmark"


def test_tasks_out_of_family_are_reported_beside_and_not_in_the_number(
    bench: Worlds, a_task: Callable[..., Task]
) -> None:
    tasks = [a_task(n) for n in range(20)] + [a_task(n, "letters") for n in range(4)]
    ids = [task.id for task in tasks]
    splits = Splits(0, tuple(ids[:3]), tuple(ids[3:9]), tuple(ids[9:]), (), tuple(ids[20:]))

    def outcome(spec: AttemptSpec) -> float:
        if spec.task.startswith("letters"):
            return float(spec.candidate == "c000")
        return float(spec.candidate == "c001" or spec.task < "sums-11")

    world = bench(outcome, tasks=tasks, splits=splits)
    certify(world.bench, kept(world))
    record = world.ledger.conclusion(Phase.CERTIFY)
    assert record["tasks"] == 11
    assert record["difference"] == pytest.approx(9 / 11)
    assert (record["out_of_family"]["tasks"], record["out_of_family"]["difference"]) == (4, -1.0)
    assert record["attempts"] == 2 * 2 * 15


def test_missing_attempts_lower_the_coverage_and_nothing_else(bench: Worlds, rates: Rates) -> None:
    world = bench(lambda spec: None if spec.replicate == 0 else float(spec.candidate == "c001"), sizes=(3, 6, 8))
    world.script.cause = "worker_lost"
    certify(world.bench, kept(world))
    record = world.ledger.conclusion(Phase.CERTIFY)
    assert (record["coverage"], record["difference"]) == (0.5, 1.0)


def test_what_an_outage_takes_of_certifying_before_the_first_step_is_drawn_again(bench: Worlds) -> None:
    world = bench(lambda spec: None if spec.replicate == 0 else float(spec.candidate == "c001"), sizes=(3, 6, 8))
    certify(world.bench, kept(world))
    record = world.ledger.conclusion(Phase.CERTIFY)
    assert (record["coverage"], record["difference"]) == (1.0, 1.0)
    assert len(world.ledger.attempts(world.run, stage="certify+lost1")) == 16


def test_what_one_arm_alone_loses_of_certifying_stays_missing(bench: Worlds) -> None:
    world = bench(lambda spec: None if spec.candidate == "c001" and spec.replicate == 0 else 1.0, sizes=(3, 6, 8))
    certify(world.bench, kept(world))
    assert world.ledger.conclusion(Phase.CERTIFY)["coverage"] < 1.0
    assert not world.ledger.attempts(world.run, stage="certify+lost1")


def test_a_number_that_cannot_be_estimated_is_unknown_not_zero(bench: Worlds) -> None:
    world = bench(lambda spec: 1.0 if spec.candidate == "c000" else None)
    certify(world.bench, kept(world))
    record = world.ledger.conclusion(Phase.CERTIFY)
    assert (record["difference"], record["interval"], record["improved"]) == (None, None, False)
