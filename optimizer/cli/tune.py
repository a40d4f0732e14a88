"""`ratchet tune`: a night whose every proposal is the tuner's."""

from __future__ import annotations

from typing import Annotated

import typer

from optimizer.cli.live import Display, ShowAs
from optimizer.cli.options import RUNS, AsJsonIfAsked, Detach, FailUnlessImproved, RunsDir
from optimizer.cli.starting import (
    BudgetUsd,
    Deadline,
    DryRun,
    Force,
    MaxIterations,
    NewRunId,
    NewSplit,
    RunFile,
    Seed,
    SeedHarness,
    Start,
    begin,
    harness_at,
    hours_until,
)


def tune(
    file: RunFile,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Settings to try for each proposal.")] = None,
    run_id: NewRunId = None,
    harness: SeedHarness = None,
    max_iterations: MaxIterations = None,
    budget_usd: BudgetUsd = None,
    deadline: Deadline = None,
    seed: Seed = None,
    new_split: NewSplit = False,
    force: Force = False,
    dry_run: DryRun = False,
    detach: Detach = False,
    display: ShowAs = Display.AUTO,
    unless_improved: FailUnlessImproved = False,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Tune the numbers and choices that a harness declares under `search`, then certify the gain.

    A run like any other, but every proposal is the best of some settings tried on train tasks. No proposer is asked.

    Example: ratchet tune configs/tune.yaml --trials 10
    """
    overrides = {
        "tuner.every": 1,
        "tuner.trials": trials,
        "stop.iterations": max_iterations,
        "stop.budget_usd": budget_usd,
        "stop.hours": hours_until(deadline),
        "seed": seed,
        "harness": harness_at(harness),
        "gate.force": force or None,
    }
    begin(file, overrides, Start(run_id, runs_dir, new_split, dry_run, detach, display, unless_improved, as_json))
