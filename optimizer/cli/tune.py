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
    shared_overrides,
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
    tuner = {"tuner.every": 1, "tuner.trials": trials}
    asked = tuner | shared_overrides(harness, max_iterations, budget_usd, deadline, seed, force)
    begin(file, asked, Start(run_id, runs_dir, new_split, dry_run, detach, display, unless_improved, as_json))
