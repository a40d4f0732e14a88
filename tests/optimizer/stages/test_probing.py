"""Probes: a gain that is there on train tasks and gone on their variants is a sign of overfit, and noise is none."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.simulated import SimulatedModel
from benchmarks.simulated.conversation import parse
from benchmarks.suite import Suite, load_suite
from optimizer.attempt_spec import AttemptSpec
from optimizer.sessions.proposing import train_attempts
from optimizer.stages.evidence import train_score
from optimizer.stages.examine import screen_on_train
from optimizer.stages.measure import baseline
from optimizer.stages.probing import probed_tasks, weigh
from traces.errors import NotFoundError

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
SETTINGS = {"reflection": {"probe_tasks": 8, "probe_runs": 4}}


def overfitted(spec: AttemptSpec) -> float:
    """Pass train tasks with the candidate, and nothing else more often than the champion."""
    known = spec.candidate == "c001" and "~" not in spec.task
    return float(known or random.Random(f"{spec.id}{spec.candidate}").random() < 0.2)


def helpful(spec: AttemptSpec) -> float:
    return float(random.Random(f"{spec.id}{spec.candidate}").random() < (0.9 if spec.candidate == "c001" else 0.2))


def screened(world: Any) -> Any:
    world.add(1, {"prompts/system.md": "You solve tasks with the bash tool.\nLook twice.\n"})
    baseline(world.bench)
    screen_on_train(world.bench, "c001", "c000")
    return world


def test_a_gain_that_vanishes_on_variants_is_overfit(bench: Worlds) -> None:
    world = screened(bench(overfitted, sizes=(12, 6, 4), settings=SETTINGS))
    row = world.ledger.verdicts()["c001"]
    assert (row.cause, row.verdict.value) == ("overfit", "reject")
    assert row.public == "gains on train tasks, and not on variants of them with other names and numbers"
    assert row.private["probe"]["gain"] > 0.5 > 0.25 > row.private["probe"]["gain_on_variants"]


def test_a_gain_that_stays_passes_with_the_probe_on_record(bench: Worlds) -> None:
    world = screened(bench(helpful, sizes=(12, 6, 4), settings=SETTINGS))
    assert world.causes() == {}
    assert world.ledger.stage_records("c001")["screen"]["probe"]["overfit"] is False


def test_probes_are_metered_apart_and_rest_on_both_arms_alike(bench: Worlds) -> None:
    world = screened(bench(helpful, sizes=(12, 6, 4), settings=SETTINGS))
    rows = world.ledger.attempts(purpose="probe")
    assert len(rows) == 2 * 2 * 8 * 4
    assert {row.spec.split for row in rows} == {"probe"}
    assert {row.stage for row in rows} == {"probe/c001"}
    assert len({row.spec.task.partition("~")[0] for row in rows}) == 8
    by_arm = [sum(row.spec.candidate == arm for row in rows) for arm in ("c000", "c001")]
    assert by_arm == [64, 64]
    spent = sum(row.cost_usd for row in world.ledger.attempts() if row.cost_usd)
    assert world.ledger.spend().usd == pytest.approx(spent)


def test_no_score_and_no_proposer_sees_a_probe(bench: Worlds) -> None:
    world = screened(bench(overfitted, sizes=(12, 6, 4), settings=SETTINGS))
    plain = screened(bench(overfitted, sizes=(12, 6, 4)))
    assert train_score(world.bench, "c001") == train_score(plain.bench, "c001")
    assert [row.id for row in train_attempts(world.bench)] == [row.id for row in train_attempts(plain.bench)]


def test_without_the_setting_nothing_is_probed(bench: Worlds) -> None:
    world = screened(bench(helpful, sizes=(12, 6, 4)))
    assert world.ledger.attempts(purpose="probe") == []
    assert "probe" not in world.ledger.stage_records("c001")["screen"]
    assert probed_tasks(world.bench.config, world.bench.splits) == []


def test_a_probe_that_is_broken_off_is_completed_and_paid_once(bench: Worlds, crash: type[BaseException]) -> None:
    world = bench(helpful, sizes=(12, 6, 4), settings=SETTINGS)
    world.add(1, {"prompts/system.md": "You solve tasks with the bash tool.\nLook twice.\n"})
    baseline(world.bench)
    world.fuse.burnt, world.fuse.at = 0, 120
    with pytest.raises(crash):
        screen_on_train(world.bench, "c001", "c000")
    done = {row.spec.id for row in world.ledger.attempts(purpose="probe", state="scored")}
    assert done
    world.close()
    world.open()
    screen_on_train(world.bench, "c001", "c000")
    assert not done & {spec.id for spec in world.script.seen}
    whole = screened(bench(helpful, sizes=(12, 6, 4), settings=SETTINGS))
    assert world.ledger.stage_records("c001") == whole.ledger.stage_records("c001")


def test_a_change_that_helps_everywhere_or_nowhere_is_hardly_ever_called_overfit() -> None:
    tasks = [f"t{number}" for number in range(8)]
    arms = [*tasks, *(f"{task}~1" for task in tasks)]
    wrong = 0
    for night in range(600):
        rng = random.Random(night)
        gain = rng.choice((0.0, 0.1, 0.3, 0.5))
        hard = {name: rng.uniform(0.1, 0.5) for name in arms}
        theirs = {name: [float(rng.random() < hard[name]) for _ in range(4)] for name in arms}
        mine = {name: [float(rng.random() < hard[name] + gain) for _ in range(4)] for name in arms}
        wrong += weigh(tasks, mine, theirs).overfit
    assert wrong / 600 < 0.03


def test_too_few_tasks_and_missing_arms_say_nothing() -> None:
    full = {name: [1.0] for task in ("a", "b", "c") for name in (task, f"{task}~1")}
    none = {name: [0.0] for name in full}
    assert not weigh(["a", "b", "c"], full, none).overfit
    assert weigh(["a", "b"], {"a": [1.0]}, none).tasks == 0


# Variants ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite({"kind": "pitfalls", "seed": 4, "tasks": 28}, Path())


def test_a_variant_is_the_same_work_on_other_data(suite: Suite) -> None:
    for task in suite.tasks:
        other = suite.task(f"{task.id}~1")
        assert other.category == task.category
        assert other.instruction != task.instruction
        assert other.environment.files != task.environment.files
        assert not set(other.metadata["answer_keys"]) & set(task.metadata["answer_keys"])
        assert set(other.metadata["slips"]) & set(task.metadata["slips"])
        assert other.id == f"{task.id}~1"
        assert other == suite.task(f"{task.id}~1")
        assert other.digest not in {each.digest for each in suite.tasks}


def test_a_variant_is_no_task_of_the_suite_and_outlives_tasks_left_out(suite: Suite) -> None:
    less = suite.without([suite.tasks[0].id])
    assert less.task(f"{less.tasks[0].id}~2").id.endswith("~2")
    for name in (f"{suite.tasks[0].id}~1", "nobody~1", f"{less.tasks[0].id}~x"):
        with pytest.raises(NotFoundError):
            less.task(name)
    assert suite.with_variants(1).tasks[: len(suite.tasks)] == suite.tasks
    assert Suite("plain", suite.tasks).hash == suite.hash
    assert Suite("plain", suite.tasks).with_variants(1).tasks == suite.tasks


def test_the_simulated_model_works_on_variants_it_is_given(suite: Suite) -> None:
    other = suite.task(f"{suite.tasks[0].id}~1")
    body = {
        "model": "simulated",
        "tools": [{"name": "bash", "description": "", "input_schema": {}}],
        "messages": [{"role": "user", "content": f"Working directory: /app\n<task>\n{other.instruction}\n</task>"}],
    }
    for known, words in ((suite, "do not see how"), (suite.with_variants(1), "")):
        said = SimulatedModel(known)._turn(parse(body))
        assert words in said.text
        assert bool(said.calls) is (known is not suite)
