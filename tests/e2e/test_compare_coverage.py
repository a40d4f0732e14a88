"""How often a comparison's interval holds the true difference: real drivers, other tasks and other draws each time."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from benchmarks.simulated.truth import true_score
from benchmarks.suite import load_suite
from benchmarks.task import Split, Task
from optimizer.compare.arms import find_arms
from optimizer.compare.comparison import Comparison, compare
from optimizer.compare.fresh import Order, draw, drawn
from optimizer.compare.ground import lay_ground
from optimizer.gate.estimates import Estimand
from optimizer.telling.progress import silent
from task_agent.harness import HarnessBundle, load_bundle, save_bundle

ROOT = Path(__file__).parents[2]
BASH_ONLY = ROOT / "configs" / "harnesses" / "bash-only"
ADVICE = """
- Look at the first lines of every file before you parse it.
- Read the result back and compare it with the task before you finish.
"""
SUITE = {
    "kind": "pitfalls",
    "seed": 5,
    "per_family": 40,
    "families": [
        "csv_totals", "customer_merge", "json_flatten", "config_edits",
        "inventory", "schedules", "encodings", "text_extraction",
    ],
}  # fmt: skip
TASKS, ATTEMPTS = 24, 2


class Held(NamedTuple):
    """Say whether each target's interval held its truth, and how far the estimate was off."""

    population: bool
    benchmark: bool
    off: float


def advised() -> HarnessBundle:
    """Make the second harness: the first with two sentences of advice that help in some families."""
    seed = load_bundle(BASH_ONLY)
    prompt = seed.files["prompts/system.md"] + ADVICE.encode()
    return HarnessBundle({**seed.files, "prompts/system.md": prompt})


def repetition(folder: Path, seed: int, advice: Path) -> Held:
    """Compare the two on freshly dealt tasks with fresh attempts, and look the truth up."""
    data = {
        "suite": SUITE,
        "harness": str(BASH_ONLY),
        "prices": str(ROOT / "configs" / "prices.yaml"),
        "seed": seed,
        "models": {role: {"model": "simulated"} for role in ("task", "proposer", "reflector")},
        "splits": {"train": 8, "heldout": TASKS, "test": 8},
        "schedule": {"kind": "inline"},
        "sandbox": {"kind": "process"},
    }
    folder.mkdir()
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(data))
    runs = folder / "runs"
    arms = find_arms([str(BASH_ONLY), str(advice)], runs)
    ground = lay_ground(arms, runs, file)
    draw(Order(arms, ground, Split.HELDOUT, ATTEMPTS, runs, "again"), silent)
    evidence = drawn(arms, ground, Split.HELDOUT, runs)
    assert evidence is not None
    very = [ground.suite.task(task.id) for task in ground.tasks(Split.HELDOUT)]
    like = compare(arms, ground, evidence, target="population")
    these = compare(arms, ground, evidence, target="benchmark")
    assert (like.tasks, like.coverage) == (TASKS, 1.0)
    return Held(
        population=holds(like, truth(ground.suite.tasks)),
        benchmark=holds(these, truth(very)),
        off=(like.against[0].contrast.difference or 0.0) - truth(ground.suite.tasks),
    )


def truth(tasks: tuple[Task, ...] | list[Task]) -> float:
    """Give the true difference of the two harnesses on these tasks."""
    before, after = (true_score(bundle, tasks) for bundle in (load_bundle(BASH_ONLY), advised()))
    assert before is not None
    assert after is not None
    return after.mean - before.mean


def holds(comparison: Comparison, true: float) -> bool:
    found = comparison.against[0].contrast
    return found.lower is not None and found.upper is not None and found.lower <= true <= found.upper


def repeat(folder: Path, count: int) -> list[Held]:
    """Repeat the comparison with other seeds."""
    advice = folder / "advised"
    save_bundle(advised(), advice)
    return [repetition(folder / f"r{seed}", seed, advice) for seed in range(count)]


def share(held: list[Held], target: Estimand) -> float:
    return sum(getattr(each, target) for each in held) / len(held)


def test_the_two_harnesses_truly_differ() -> None:
    assert 0.05 < truth(load_suite(SUITE, ROOT).tasks) < 0.15


def test_in_a_few_repetitions_intervals_hold_the_truth(tmp_path: Path) -> None:
    held = repeat(tmp_path, 3)
    assert share(held, "population") > 0.6
    assert share(held, "benchmark") > 0.6


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_in_200_repetitions_intervals_hold_the_truth(tmp_path: Path) -> None:
    held = repeat(tmp_path, 200)
    assert share(held, "population") >= 0.92
    assert share(held, "benchmark") >= 0.92
    assert abs(sum(each.off for each in held) / len(held)) <= 0.012
