"""What the commands that start a run share: their options, and the start itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from optimizer.cli.live import Display

RunFile = Annotated[Path, typer.Argument(metavar="RUN_FILE", help="The run file, such as configs/quickstart.yaml.")]
NewRunId = Annotated[str | None, typer.Option("--run-id", help="The run's name; its start time when left out.")]
SeedHarness = Annotated[Path | None, typer.Option("--harness", help="Another seed harness: a folder or an export.")]
MaxIterations = Annotated[int | None, typer.Option("--max-iterations", min=1, help="Proposals at most.")]
BudgetUsd = Annotated[float | None, typer.Option("--budget-usd", help="Money at most, certifying included.")]
Deadline = Annotated[
    str | None, typer.Option("--deadline", help="When to stop: a time of day such as 06:30, or hours such as 8h.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Another seed than the run file's.")]
NewSplit = Annotated[bool, typer.Option("--new-split", help="Deal the suite's tasks anew; every report will say so.")]
Force = Annotated[
    bool, typer.Option("--force", help="Start a design that can decide or certify nothing; the report says so.")
]
WarmStart = Annotated[
    list[Path] | None,
    typer.Option("--warm-start", help="A Harbor job folder for proposers to read from the start; several if repeated."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan; write and pay nothing.")]


def shared_overrides(
    harness: Path | None,
    max_iterations: int | None,
    budget_usd: float | None,
    deadline: str | None,
    seed: int | None,
    force: bool,
) -> dict[str, Any]:  # Any: YAML values
    """Give what the options that every start has say otherwise than the run file, by its keys."""
    return {
        "stop.iterations": max_iterations,
        "stop.budget_usd": budget_usd,
        "stop.hours": hours_until(deadline),
        "seed": seed,
        "harness": harness_at(harness),
        "gate.force": force or None,
    }


@dataclass(frozen=True, slots=True)
class Start:
    """Say how a run is started; `run` is its name, its start time when None."""

    run: str | None
    runs: Path
    new_split: bool = False
    dry_run: bool = False
    detach: bool = False
    display: Display = Display.AUTO
    unless_improved: bool = False
    as_json: bool = False


def begin(file: Path, overrides: Mapping[str, Any], how: Start) -> None:  # Any: YAML values
    """Start the run of a file, or only print its plan; overrides that are None are left out."""
    from optimizer.cli.asking import confirm_cost
    from optimizer.cli.detaching import launch
    from optimizer.cli.driving import drive
    from optimizer.cli.dry_run import show_plan
    from optimizer.run import prepare, start
    from optimizer.run_file import load_run_file

    config = load_run_file(file, {key: value for key, value in overrides.items() if value is not None})
    if how.dry_run:
        show_plan(config, how.runs, new_split=how.new_split, as_json=how.as_json)
        return
    confirm_cost(config, how.runs, new_split=how.new_split)
    name = how.run if how.run is not None else f"run-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    if how.detach:
        launch(prepare(config, how.runs, name, new_split=how.new_split), as_json=how.as_json)
        return
    drive(
        lambda listen: start(config, how.runs, name, listen, new_split=how.new_split),
        how.runs,
        name,
        as_json=how.as_json,
        display=how.display,
        unless_improved=how.unless_improved,
    )


def harness_at(path: Path | None) -> Path | None:
    """Take a harness folder, or the bundle inside an export."""
    if path is None:
        return None
    inner = path / "harness"
    return (inner if (path / "manifest.json").is_file() else path).resolve()


def jobs_at(paths: list[Path] | None) -> list[Path] | None:
    """Take job folders as they are named from here."""
    return [path.resolve() for path in paths] if paths else None


def hours_until(deadline: str | None) -> float | None:
    """Read `8h`, or a time of day (local, the next one to come) as hours from now."""
    if deadline is None:
        return None
    from traces.errors import UsageError

    try:
        if deadline.endswith("h"):
            return float(deadline[:-1])
        now = datetime.now().astimezone()
        at = datetime.strptime(deadline, "%H:%M").time()  # noqa: DTZ007 - a time of day, placed below
        seconds = (now.replace(hour=at.hour, minute=at.minute, second=0) - now).total_seconds()
        return (seconds % 86_400) / 3600
    except ValueError:
        raise UsageError(f"--deadline {deadline!r} is no time", hint="write 06:30 or 8h") from None
