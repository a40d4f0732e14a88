"""`ratchet run`: start a night."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from optimizer.cli.live import Display, ShowAs
from optimizer.cli.options import RUNS, AsJsonIfAsked, Detach, FailUnlessImproved, RunsDir


def run(
    file: Annotated[Path, typer.Argument(metavar="RUN_FILE", help="The run file, such as configs/quickstart.yaml.")],
    run_id: Annotated[
        str | None, typer.Option("--run-id", help="The run's name; its start time when left out.")
    ] = None,
    harness: Annotated[
        Path | None, typer.Option("--harness", help="Another seed harness: a folder or an export.")
    ] = None,
    max_iterations: Annotated[int | None, typer.Option("--max-iterations", min=1, help="Proposals at most.")] = None,
    budget_usd: Annotated[
        float | None, typer.Option("--budget-usd", help="Money at most, certifying included.")
    ] = None,
    deadline: Annotated[
        str | None, typer.Option("--deadline", help="When to stop: a time of day such as 06:30, or hours such as 8h.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Another seed than the run file's.")] = None,
    new_split: Annotated[
        bool, typer.Option("--new-split", help="Deal the suite's tasks anew; every report will say so.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Start a design that can decide or certify nothing; the report says so.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; write and pay nothing.")] = False,
    detach: Detach = False,
    display: ShowAs = Display.AUTO,
    unless_improved: FailUnlessImproved = False,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Climb a suite: propose, test and keep changes to a harness, then certify the gain.

    Example: ratchet run configs/quickstart.yaml --run-id demo
    """
    from optimizer.cli.asking import confirm_cost
    from optimizer.cli.detaching import launch
    from optimizer.cli.driving import drive
    from optimizer.cli.dry_run import show_plan
    from optimizer.run import prepare, start
    from optimizer.run_file import load_run_file

    overrides: dict[str, Any] = {  # Any: YAML values
        "stop.iterations": max_iterations,
        "stop.budget_usd": budget_usd,
        "stop.hours": _hours(deadline),
        "seed": seed,
        "harness": _harness(harness),
        "gate.force": force or None,
    }
    config = load_run_file(file, {key: value for key, value in overrides.items() if value is not None})
    if dry_run:
        show_plan(config, runs_dir, new_split=new_split, as_json=as_json)
        return
    confirm_cost(config, runs_dir, new_split=new_split)
    name = run_id if run_id is not None else f"run-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    if detach:
        launch(prepare(config, runs_dir, name, new_split=new_split), as_json=as_json)
        return
    drive(
        lambda listen: start(config, runs_dir, name, listen, new_split=new_split),
        runs_dir,
        name,
        as_json=as_json,
        display=display,
        unless_improved=unless_improved,
    )


def _harness(path: Path | None) -> Path | None:
    """Take a harness folder, or the bundle inside an export."""
    if path is None:
        return None
    inner = path / "harness"
    return (inner if (path / "manifest.json").is_file() else path).resolve()


def _hours(deadline: str | None) -> float | None:
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
