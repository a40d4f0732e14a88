from __future__ import annotations

from dataclasses import replace

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
from task_agent.harness import HarnessBundle, validate

COMMON = ("header_offset", "number_format", "no_final_check", "stops_early", "wrong_path")
DRAWS = 10_000


def _advice(*slips: str) -> str:
    return "\n".join(SLIPS[name].guidance[0] for name in slips) + "\n"


def _foretold_share(bundle: HarnessBundle, suite: Suite, name: str) -> float:
    """Foretell many attempts at drawn tasks; gives the share that succeeds."""
    read, known = read_harness(bundle), [profile(task) for task in suite.tasks]
    assert read is not None
    drawn = [known[int(uniform("task", name, str(draw)) * len(known))] for draw in range(DRAWS)]
    return sum(attempt_succeeds(read, task, f"{name}/{draw}") for draw, task in enumerate(drawn)) / DRAWS


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


LAST_LOOK = SLIPS["stops_early"].guidance[0]


def _structure(orchestration: str = "", context: str = "", limits: str = "", **prompts: str) -> dict[str, object]:
    parts = {"orchestration": orchestration, "context": context, "limits": limits}
    spec = "".join(f"{key}: {{{text}}}\n" for key, text in parts.items() if text)
    return {"spec": spec, "files": {f"prompts/{role}.md": text for role, text in prompts.items()}}


STRUCTURES = {
    "plan": _structure("pattern: plan_then_act"),
    "plan blind": _structure("pattern: plan_then_act, params: {look: false}"),
    "plan guided": _structure("pattern: plan_then_act", planner=_advice(*COMMON)),
    "delegate": _structure("pattern: delegate"),
    "delegate blind": _structure("pattern: delegate, params: {agents: {helper: {tools: [edit_file]}}}"),
    "drafts": _structure("pattern: best_of_n"),
    "drafts guided": _structure("pattern: best_of_n, params: {n: 5}", limits="turns: 80", chooser=_advice(*COMMON)),
    "drafts few turns": _structure("pattern: best_of_n, params: {n: 4}", limits="turns: 22"),
    "snapshot": _structure(context="snapshot: {enabled: true}"),
    "question": _structure(f"checks: {{prompt: {LAST_LOOK!r}}}"),
    "question and verifier": _structure("pattern: verify_then_finish, checks: {prompt: Is all of it right?}"),
    "drafts with everything": _structure(
        f"pattern: best_of_n, checks: {{prompt: {LAST_LOOK!r}}}", "snapshot: {enabled: true}", "turns: 40"
    ),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_truth_of_each_structure_is_what_ten_thousand_attempts_show(suite, harness, name):
    bundle = harness(**STRUCTURES[name])
    validate(bundle)
    truth = true_score(bundle, suite.tasks)
    assert truth is not None
    assert _foretold_share(bundle, suite, name) == pytest.approx(truth.mean, abs=0.015)


@pytest.mark.parametrize("name", STRUCTURES)
async def test_under_each_structure_the_foretold_reward_is_the_one_really_earned(suite, harness, run_attempt, name):
    bundle = harness(**STRUCTURES[name])
    read = read_harness(bundle)
    assert read is not None
    picked = sorted(suite.tasks, key=lambda task: uniform(name, task.id))[:3]
    for task, user_id in ((task, user_id) for task in picked for user_id in ("one", "two")):
        attempt = await run_attempt(bundle, task, user_id)
        assert attempt.reward == attempt_succeeds(read, profile(task), user_id), (task.id, user_id)
        if read.drafts == 1:
            few, fewer = (replace(read, turns=attempt.turns - less) for less in (0, 1))
            assert attempt.reward == attempt_succeeds(few, profile(task), user_id)
            assert not attempt_succeeds(fewer, profile(task), user_id)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", STRUCTURES)
async def test_truth_is_what_real_attempts_in_sandboxes_show(suite, harness, run_attempt, name):
    bundle = harness(**STRUCTURES[name])
    truth = true_score(bundle, suite.tasks)
    assert truth is not None
    rewards = [
        (await run_attempt(bundle, task, f"{name}/{task.id}/{number}")).reward
        for task in suite.tasks
        for number in range(3)
    ]
    spread = sum(p * (1 - p) for p in truth.per_task.values()) * 3 / len(rewards) ** 2
    assert abs(sum(rewards) / len(rewards) - truth.mean) < 3.5 * spread**0.5


@pytest.mark.parametrize("name", ["plan", "delegate", "snapshot", "question", "drafts guided"])
def test_each_structure_helps_where_nothing_else_does(whole, harness, name):
    assert _mean(harness(**STRUCTURES[name]), whole) - _mean(harness(), whole) > 0.02


def test_a_plan_and_a_snapshot_help_against_slips_of_their_own(whole, harness):
    seed, plan, shown = (
        true_score(harness(**each), whole.tasks) for each in ({}, STRUCTURES["plan blind"], STRUCTURES["snapshot"])
    )
    assert seed is not None and plan is not None and shown is not None  # noqa: PT018  # three of one kind
    of = {task.id: profile(task) for task in whole.tasks}
    ends = [name for name, known in of.items() if "header_offset" not in known.slips and "stops_early" in known.slips]
    assert ends
    assert all(plan.per_task[name] >= seed.per_task[name] for name in of)
    assert all(shown.per_task[name] >= seed.per_task[name] for name in of)


@pytest.mark.parametrize(
    "spec",
    [
        "orchestration: {checks: {commands: [ls]}}\n",
        "context: {snapshot: {enabled: true, commands: [ls]}}\n",
    ],
)
def test_what_depends_on_a_harnesss_own_commands_is_unknown(suite, harness, spec):
    assert true_score(harness(spec=spec), suite.tasks) is None


def test_trimming_and_bounds_of_a_switched_off_snapshot_change_no_truth(suite, harness):
    spec = "context: {trim: {above_tokens: 1000, keep_results: 1}, snapshot: {max_chars: 500}}\n"
    assert true_score(harness(spec=spec), suite.tasks) == true_score(harness(), suite.tasks)


@pytest.mark.parametrize("number", range(20))
def test_truth_is_what_ten_thousand_attempts_show(suite, harness, number):
    bundle = harness(**HARNESSES[number])
    truth = true_score(bundle, suite.tasks)
    assert truth is not None
    assert _foretold_share(bundle, suite, str(number)) == pytest.approx(truth.mean, abs=0.015)


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
