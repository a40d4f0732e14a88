"""`ratchet run`: start a night."""

from __future__ import annotations

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
    WarmStart,
    begin,
    jobs_at,
    shared_overrides,
)


def run(
    file: RunFile,
    run_id: NewRunId = None,
    harness: SeedHarness = None,
    max_iterations: MaxIterations = None,
    budget_usd: BudgetUsd = None,
    deadline: Deadline = None,
    seed: Seed = None,
    new_split: NewSplit = False,
    warm_start: WarmStart = None,
    force: Force = False,
    dry_run: DryRun = False,
    detach: Detach = False,
    display: ShowAs = Display.AUTO,
    unless_improved: FailUnlessImproved = False,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Climb a suite: propose, test and keep changes to a harness, then certify the gain.

    Example: ratchet run configs/quickstart.yaml --run-id demo
    """
    shared = shared_overrides(harness, max_iterations, budget_usd, deadline, seed, force)
    asked = shared | {"warm_start": jobs_at(warm_start)}
    begin(file, asked, Start(run_id, runs_dir, new_split, dry_run, detach, display, unless_improved, as_json))
