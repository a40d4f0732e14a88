"""A slot the tuner serves: settings tried on train tasks, one candidate at most, the same ledger after any crash."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec, Purpose
from optimizer.ledger import TrialRow
from optimizer.sessions.proposing import train_attempts
from optimizer.stages.draws import OutageError
from optimizer.stages.evidence import mean_of_tasks, requests, rewards, train_score
from optimizer.stages.measure import baseline
from optimizer.stages.tuning import tune
from task_agent.harness import with_setting
from task_agent.models.scripted import say

Worlds = Callable[..., Any]  # Any: the World of conftest.py
SEED = {
    "harness.yaml": "name: seed\nlimits: {turns: 4}\nsearch:\n  limits.turns: {low: 2, high: 40}\n",
    "prompts/system.md": "You solve tasks with the bash tool.\n",
}
Chance = Callable[[int, AttemptSpec], float]
SETTINGS = {"tuner": {"every": 1, "trials": 4, "cost_ratio": None}, "stop": {"iterations": 1}}


class Turning:
    """Attempts whose chance of success depends on the turns their harness has."""

    def __init__(self, chance: Chance, seed: int = 0) -> None:
        self.chance = chance
        self.seed = seed
        self.world: Any = None  # Any: the World of conftest.py

    def _turns(self, candidate: str) -> int:
        return int(self.world.bench.archive.load(candidate).spec.limits.turns)

    def __call__(self, spec: AttemptSpec) -> float | None:
        coin = random.Random(f"{self.seed}/{spec.harness}/{spec.task}/{spec.replicate}")
        return float(coin.random() < self.chance(self._turns(spec.candidate), spec))


@pytest.fixture
def tuned(bench: Worlds) -> Worlds:
    """Give worlds whose baseline is measured and whose harness declares a range of turns."""

    def make(chance: Chance, *, sizes: tuple[int, int, int] = (24, 6, 4), **more: Any) -> Any:
        outcome = Turning(chance)
        settings = {**SETTINGS, **more.pop("settings", {})}
        world = bench(outcome, sizes=sizes, settings=settings, seed_files=SEED, **more)
        outcome.world = world
        baseline(world.bench)
        return world

    return make


def serve(world: Any, slot: int = 1, parent: str = "c000") -> None:  # Any: the World of conftest.py
    """Take steps until the slot is concluded, as the loop does."""
    while len(world.ledger.slots()) < slot:
        tune(world.bench, slot, parent)


def helped(turns: int, _: AttemptSpec) -> float:
    return 0.95 if turns >= 15 else 0.1


def hopeless(turns: int, _: AttemptSpec) -> float:
    return 0.5 if turns == 4 else 0.02


# One slot ------------------------------------------------------------------------------------------


def test_the_best_setting_becomes_one_candidate_with_its_claim_and_its_evidence(tuned: Worlds) -> None:
    world = tuned(helped)
    serve(world)
    row = world.ledger.candidates()[1]
    turns = world.bench.archive.load("c001").spec.limits.turns
    assert (row.id, row.slot, row.parent, row.title) == ("c001", 1, "c000", f"limits.turns from 4 to {turns}")
    assert turns >= 15
    assert "of 4 settings tried on train tasks this one was the furthest ahead of c000" in row.hypothesis
    assert len(row.fixes) > 15
    assert {name.split("/")[0][0] for name in row.evidence} == {"t"}
    attempts = {attempt.spec.id: attempt.reward for attempt in world.ledger.attempts("r")}
    assert all(attempts[name] == 1.0 for name in row.evidence)
    assert world.bench.archive.load("c001").files["harness.yaml"].decode().startswith("name: seed\nlimits: {turns: ")


def test_no_setting_that_is_ahead_ends_the_slot_and_says_so(tuned: Worlds) -> None:
    world = tuned(hopeless)
    serve(world)
    assert world.ledger.slots()[0]["reason"] == "none of 4 settings was ahead of c000 on train tasks within its cost"
    assert world.ledger.slots()[0]["candidate"] is None
    assert world.told[-1].kind == "proposed"
    assert "no proposal" in world.told[-1].text


def lucky(turns: int, spec: AttemptSpec) -> float:
    """Let every setting pass the first time it is tried, and never again."""
    if spec.purpose is Purpose.TUNE:
        return float(turns != 4 and spec.replicate == 0)
    return 0.5


def test_a_setting_that_was_only_lucky_is_not_submitted(tuned: Worlds) -> None:
    world = tuned(lucky)
    serve(world)
    assert "did not stay ahead of c000 in fresh train attempts (-" in world.ledger.slots()[0]["reason"]
    assert len(world.ledger.candidates()) == 1


def test_a_harness_without_ranges_ends_the_slot_at_once(bench: Worlds) -> None:
    world = bench(lambda spec: 1.0, settings=SETTINGS)
    baseline(world.bench)
    serve(world)
    assert world.ledger.slots()[0]["reason"] == "c000 declares no range that may be tuned"


def test_a_range_outside_the_edit_surface_is_not_tuned(tuned: Worlds) -> None:
    world = tuned(helped, settings={"surface": {"editable": ["prompts"]}})
    serve(world)
    assert "no range that may be tuned" in world.ledger.slots()[0]["reason"]
    assert not world.ledger.trials()


# Attempts ------------------------------------------------------------------------------------------


def test_trials_touch_train_tasks_alone_and_flatter_no_score(tuned: Worlds) -> None:
    world = tuned(helped)
    before = train_score(world.bench, "c000")
    serve(world)
    rows = world.ledger.attempts("r", purpose="tune")
    assert {row.spec.split for row in rows} == {"train"}
    assert {row.spec.candidate for row in rows} == {"c000", *(trial.id for trial in world.ledger.trials())}
    assert train_score(world.bench, "c000") == before
    assert train_score(world.bench, "c001") is None
    assert not [view for view in train_attempts(world.bench) if view.candidate.startswith("t")]
    assert {tally.purpose for tally in world.ledger.tallies().attempts} == {"baseline", "tune"}
    assert {tally.candidate for tally in world.ledger.tallies().train} == {"c000"}


def test_a_worse_setting_is_given_up_before_all_its_tasks_and_is_never_submitted(tuned: Worlds) -> None:
    world = tuned(lambda turns, spec: 0.9 if turns == 4 else 0.0)
    serve(world)
    trials = world.ledger.trials()
    pruned = [trial for trial in trials if trial.outcome == "pruned"]
    made = Counter(row.spec.candidate for row in world.ledger.attempts("r", purpose="tune"))
    assert pruned
    assert all(made[trial.id] < 24 for trial in pruned)
    assert len(world.ledger.candidates()) == 1


def test_a_setting_that_was_given_up_is_not_submitted_however_well_it_stands(tuned: Worlds) -> None:
    world = tuned(helped, settings={"tuner": {"every": 1, "trials": 1, "cost_ratio": None}})
    better = with_setting(world.bench.archive.load("c000"), {"limits.turns": 30})
    world.bench.archive.save("t001", better)
    world.ledger.open_trial(TrialRow("t001", 1, "c000", better.hash, {"limits.turns": 30}))
    asked = requests(world.bench, "t001", "train", Purpose.TUNE, {"sums-00": 4})
    assert mean_of_tasks(rewards(world.bench.draws.draw("tune/t001/0", asked))) == 1.0
    world.ledger.end_trial("t001", "pruned")
    serve(world)
    assert "none of 1 settings was ahead" in world.ledger.slots()[0]["reason"]


def test_what_costs_more_than_the_limit_is_not_submitted(tuned: Worlds) -> None:
    dear = tuned(helped, settings={"tuner": {"every": 1, "trials": 4, "cost_ratio": 0.9}})
    serve(dear)
    assert "within its cost" in dear.ledger.slots()[0]["reason"]
    cheap = tuned(helped, settings={"tuner": {"every": 1, "trials": 4, "cost_ratio": 1.1}})
    serve(cheap)
    assert cheap.ledger.slots()[0]["candidate"] == "c001"


def test_a_setting_that_does_not_fit_the_budget_is_not_begun(tuned: Worlds) -> None:
    world = tuned(helped, settings={"stop": {"budget_usd": 0.24 + 0.20 + 0.25}})
    serve(world)
    kept_back = 2 * 4 * 2 * 0.01 * 1.2
    assert world.ledger.slots()[0]["reason"] == "the budget has no room for another setting"
    assert world.ledger.spend().usd + kept_back <= 0.24 + 0.20 + 0.25
    assert world.ledger.attempts("r", purpose="tune")


def test_an_outage_decides_nothing_and_the_same_setting_goes_on(tuned: Worlds) -> None:
    world = tuned(helped)
    world.script.outcome = lambda spec: None
    with pytest.raises(OutageError):
        tune(world.bench, 1, "c000")
    assert [trial.outcome for trial in world.ledger.trials()] == [None]
    world.script.outcome = world.outcome
    serve(world)
    assert len(world.ledger.trials()) == 4
    assert world.ledger.slots()[0]["candidate"] == "c001"


# More slots ----------------------------------------------------------------------------------------


def test_the_next_slot_goes_on_with_the_study_and_submits_nothing_twice(tuned: Worlds) -> None:
    world = tuned(helped, settings={"stop": {"iterations": 9}})
    serve(world, 1)
    serve(world, 2)
    trials = world.ledger.trials()
    assert [trial.id for trial in trials] == [f"t{number:03d}" for number in range(1, 9)]
    assert {trial.slot for trial in trials} == {1, 2}
    found = [row.normalised for row in world.ledger.candidates()]
    assert len(found) == len(set(found))


def test_the_tuner_serves_the_slots_that_the_run_file_gives_it(tuned: Worlds) -> None:
    settings = {"tuner": {"every": 2, "trials": 1, "cost_ratio": None}, "stop": {"iterations": 3}, "gate": {"k_max": 9}}
    world = tuned(hopeless, settings=settings, proposer=[say("nothing"), say("done"), say("nothing"), say("done")])
    world.drive()
    assert [slot["reason"] for slot in world.ledger.slots()][::2] == ["done", "done"]
    assert {trial.slot for trial in world.ledger.trials()} == {2}


# What does not matter ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_knobs_without_effect_are_hardly_ever_kept(bench: Worlds) -> None:
    """Tune what changes nothing, for twenty strict nights; their error budget lets one of twenty keep something."""
    kept = 0
    for seed in range(20):
        outcome = Turning(lambda turns, spec: 0.5, seed)
        settings = {
            "seed": seed,
            "tuner": {"every": 1, "trials": 4},
            "stop": {"iterations": 3},
            "gate": {"mode": "strict", "k_max": 3, "stages": [1, 2, 4], "futility": [0.0, 0.7]},
        }
        judge = [say("nothing to say")] * 9
        world = bench(outcome, sizes=(12, 40, 4), settings=settings, seed_files=SEED, reflector=judge)
        outcome.world = world
        world.drive()
        assert len(world.ledger.slots()) == 3
        kept += world.ledger.state().keeps
        world.close()
    assert kept <= 1


# Crashes -------------------------------------------------------------------------------------------


def test_crashes_all_over_a_night_of_tuning_resume_to_the_same_ledger(
    tuned: Worlds, crash: type[BaseException]
) -> None:
    def fresh() -> Any:
        settings = {"tuner": {"every": 1, "trials": 2, "cost_ratio": None}, "replicates": {"preflight": 1}}
        return tuned(helped, sizes=(6, 4, 4), settings=settings, reflector=[say("nothing to say")] * 9)

    whole = fresh()
    whole.fuse.burnt = 0
    whole.drive()
    steps, expected = whole.fuse.burnt, whole.history()
    assert whole.ledger.slots()[0]["candidate"] == "c001"
    assert steps > 60
    for at in range(1, steps + 1, 7):
        world = fresh()
        world.fuse.burnt, world.fuse.at = 0, at
        with suppress(crash):
            world.drive()
        world.close()
        if at % 2:
            shutil.rmtree(world.folder.path / "tuner", ignore_errors=True)
        world.open().drive()
        assert world.history() == expected, at
        world.close()
