from __future__ import annotations

import pytest

from benchmarks.pitfalls.generator import PitfallsConfig, generate
from benchmarks.simulated import SimulatedSettings
from benchmarks.simulated._words import CONTRADICTING, flood
from benchmarks.simulated.catalogue import SLIPS
from benchmarks.simulated.draws import uniform
from benchmarks.simulated.label import Label, label_change
from benchmarks.simulated.profile import profile
from benchmarks.simulated.truth import attempt_succeeds, read_harness, true_score
from benchmarks.suite import Suite

COMMON = ("header_offset", "number_format", "no_final_check", "stops_early", "wrong_path")
DRAWS = 10_000


def _advice(*slips: str) -> str:
    return "\n".join(SLIPS[name].guidance[0] for name in slips) + "\n"


HARNESSES = [
    *(({"extra": _advice(name)}) for name in (*COMMON, "time_zone", "encoding")),
    *(({"extra": SLIPS[name].harmful[0]}) for name in ("wrong_path", "no_final_check")),
    *(({"extra": "", "rounds": rounds}) for rounds in (1, 2, 3)),
    {"extra": ""},
    {"extra": _advice(*COMMON)},
    {"extra": _advice(*SLIPS)},
    {"extra": _advice(*SLIPS), "rounds": 2},
    {"extra": flood(9000)},
    {"extra": CONTRADICTING},
    {"extra": "", "rounds": 2, "files": {"prompts/verifier.md": _advice("stops_early", "wrong_path")}},
    {"extra": "", "rounds": 3, "spec": "limits: {turns: 9}\n"},
]


@pytest.mark.parametrize("number", range(20))
def test_truth_is_what_ten_thousand_attempts_show(suite, harness, number):
    bundle = harness(**HARNESSES[number])
    read, truth = read_harness(bundle), true_score(bundle, suite.tasks)
    known = [profile(task) for task in suite.tasks]
    assert read is not None
    assert truth is not None
    wins = 0
    for draw in range(DRAWS):
        task = known[int(uniform("task", str(number), str(draw)) * len(known))]
        wins += attempt_succeeds(read, task, f"{number}/{draw}")
    assert wins / DRAWS == pytest.approx(truth.mean, abs=0.015)


@pytest.fixture(scope="module")
def whole() -> Suite:
    return generate(PitfallsConfig())


def _mean(bundle, suite, **settings) -> float:
    truth = true_score(bundle, suite.tasks, SimulatedSettings(**settings))
    assert truth is not None
    return truth.mean


def test_the_seed_harness_leaves_room_and_some_tasks_are_hopeless(whole, harness):
    truth = true_score(harness(), whole.tasks)
    assert truth is not None
    assert 0.33 <= truth.mean <= 0.45
    assert min(truth.per_task.values()) < 0.1
    assert max(truth.per_task.values()) > 0.7


@pytest.mark.parametrize("slip", COMMON)
def test_a_common_remedy_is_worth_finding(whole, harness, slip):
    assert _mean(harness(_advice(slip)), whole) - _mean(harness(), whole) > 0.07


def test_a_second_look_is_worth_a_lot_and_everything_together_most(whole, harness):
    seed = _mean(harness(), whole)
    assert 0.10 < _mean(harness(rounds=2), whole) - seed < 0.17
    assert 0.85 < _mean(harness(_advice(*SLIPS)), whole) < 0.93


def test_no_advice_makes_a_slip_likelier_and_no_harm_less(whole, harness):
    seed = _mean(harness(), whole)
    for slip in SLIPS.values():
        assert _mean(harness(slip.held_out[0]), whole) >= seed, slip.id
        assert _mean(harness(slip.harmful[0]), whole) <= seed, slip.id


def test_scale_zero_is_perfect(whole, harness):
    assert _mean(harness(), whole, slip_scale=0.0) == 1.0


def test_code_and_untried_tools_are_unknown(suite, harness):
    tool = "name: show\ndescription: Show where the header row is.\ninput_schema: {type: object}\n"
    assert (
        true_score(harness(files={"tools/show/tool.yaml": tool, "tools/show/run": "#!/bin/sh\n"}), suite.tasks) is None
    )
    assert true_score(harness(), ()) is None


def test_the_truth_of_a_harness_that_code_orchestrates_is_unknown(suite, harness):
    code = {"orchestration.py": "async def orchestrate(ctx):\n    return await ctx.agent().run(ctx.opening())\n"}
    coded = harness(spec="orchestration: {pattern: code}\n", files=code)
    assert read_harness(coded) is None
    assert true_score(coded, suite.tasks) is None


def test_without_bash_nothing_succeeds(suite, harness):
    assert _mean(harness(spec="tools: [edit_file]\n"), suite) == 0.0


def test_too_few_turns_end_every_attempt(suite, harness):
    assert _mean(harness(spec="limits: {turns: 2}\n"), suite) == 0.0


@pytest.mark.parametrize(
    ("train", "population", "label"),
    [(0.1, 0.09, Label.GOOD), (0.05, 0.0, Label.OVERFIT), (0.0, 0.001, Label.USELESS), (-0.02, -0.05, Label.HARMFUL)],
)
def test_labels_follow_the_truth(train, population, label):
    assert label_change(train_gain=train, population_gain=population) is label
