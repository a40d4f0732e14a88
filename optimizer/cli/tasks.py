"""`ratchet tasks`: are these tasks fit to be scored?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optimizer.cli.exit_codes import ExitCode
from optimizer.cli.options import LIMIT, RUNS, AsRows, Limit, RunsDir

if TYPE_CHECKING:
    from benchmarks.check import TaskCheck
    from benchmarks.suite import Suite
    from task_agent.sandbox.choose import Wanted

app = typer.Typer(name="tasks", help="Look at tasks before a night stands on them.", no_args_is_help=True)


class Sandbox(StrEnum):
    """Name the kinds of sandbox."""

    AUTO = "auto"
    PROCESS = "process"
    BUBBLEWRAP = "bubblewrap"
    DOCKER = "docker"


@app.callback()
def root() -> None:
    """Group the commands about tasks."""


@app.command("check", short_help="Run every task's own solution, and nothing at all.")
def check(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder of tasks, a dataset's file, or a run file.")],
    kind: Annotated[str, typer.Option("--kind", help="Their format; a run file says it itself.")] = "harbor",
    sandbox: Annotated[Sandbox | None, typer.Option("--sandbox", help="Where commands run.")] = None,
    allow_unsafe: Annotated[bool, typer.Option("--allow-unsafe", help="Let `auto` come down to no isolation.")] = False,
    times: Annotated[int, typer.Option("--times", min=1, help="How often each solution is run.")] = 3,
    online: Annotated[bool, typer.Option("--online", help="Try what fails once more with the network.")] = False,
    in_flight: Annotated[int, typer.Option("--in-flight", min=1, help="Tasks at once.")] = 4,
    runs_dir: RunsDir = RUNS,
    as_json: AsRows = False,
    limit: Limit = LIMIT,
) -> None:
    """Run every task's own solution, which must score 1 every time, and nothing at all, which must score 0.

    What is found is remembered beside the runs: a new run leaves out tasks that cannot be decided.

    Example: ratchet tasks check my-tasks --kind harbor
    """
    import asyncio
    from datetime import UTC, datetime

    from benchmarks.check import check_tasks
    from benchmarks.suite import load_suite
    from optimizer.cli.output import tell, write_rows
    from optimizer.registry import checks_of
    from task_agent.sandbox import choose, open_sandbox

    settings, wanted = _named(path, kind)
    suite = load_suite(settings, Path.cwd())
    choice = choose(sandbox.value if sandbox else wanted, allow_unsafe=allow_unsafe, **suite.needs)
    tell(f"{len(suite.tasks)} tasks; sandbox {choice.said}")
    record = checks_of(runs_dir)

    def remember(row: TaskCheck) -> None:
        record.remember(
            [(suite.task(row.task), row)], sandbox=choice.kind, at=datetime.now(UTC).isoformat(timespec="seconds")
        )

    found = asyncio.run(
        check_tasks(
            suite.tasks,
            lambda spec: open_sandbox(choice.kind, spec),
            concurrency=in_flight,
            times=times,
            with_network=online,
            on_row=remember,
        )
    )
    rows = [row.to_record() for row in found]
    bad = sum(row["state"] != "ok" for row in rows)
    shown = rows if as_json else sorted(rows, key=lambda row: row["state"] == "ok")
    columns = ["task", "oracle", "noop", "state", "runs", "detail"]
    write_rows(columns, shown, limit=0 if as_json else limit, as_json=as_json, narrow="--limit")
    tell(f"{len(rows) - bad} ok, {bad} not{_counted(found)}")
    if bad:
        raise typer.Exit(ExitCode.USAGE)


@app.command("roots", short_help="Take the root file systems of tasks' images out of the engine.")
def roots(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder of tasks, a dataset's file, or a run file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of roots; what it holds already stays.")],
    kind: Annotated[str, typer.Option("--kind", help="Their format; a run file says it itself.")] = "harbor",
    as_json: AsRows = False,
    limit: Limit = LIMIT,
) -> None:
    """Take the root file systems of tasks' images out of the engine, so that the tasks run in jails without it.

    Images are built where a task brings a Dockerfile, and never pulled. `suite: {roots: FOLDER}` then uses them.

    Example: ratchet tasks roots my-tasks --out roots
    """
    from benchmarks.suite import load_suite
    from optimizer.cli.output import tell, write_rows

    settings, _ = _named(path, kind)
    suite = load_suite({key: value for key, value in settings.items() if key != "roots"}, Path.cwd())
    rows = _taken_out(suite, out)
    if not rows and not as_json:
        tell(f"none of the {len(suite.tasks):,} tasks needs an image")
        return
    write_rows(["root", "tasks", "folder"], rows, limit=limit, as_json=as_json, narrow="--limit")
    if not as_json:
        tell(f"use them with: suite: {{roots: {out}}}")


def _taken_out(suite: Suite, out: Path) -> list[dict[str, Any]]:  # Any: JSON
    """Take each image's root out once; give the roots with how many tasks stand on each."""
    from task_agent.sandbox._engine import engine
    from task_agent.sandbox.roots import take_out

    places = [place for task in suite.tasks for place in (task.environment, task.verifier_place) if place is not None]
    needed = [place for place in places if place.image is not None or place.build_context is not None]
    counts = Counter(take_out(engine(), place, out) for place in needed)
    return [{"root": folder.name, "tasks": count, "folder": str(folder)} for folder, count in sorted(counts.items())]


def _named(path: Path, kind: str) -> tuple[dict[str, Any], Wanted]:
    """Give the suite that a run file or the command line names, and the sandbox it wants."""
    from optimizer.run_file import load_run_file
    from traces.errors import NotFoundError

    if not path.exists():
        raise NotFoundError("file or folder", str(path))
    if path.suffix in (".yaml", ".yml"):
        config = load_run_file(path)
        return config.suite, config.sandbox.kind
    return {"kind": kind, "path": str(path.resolve())}, "auto"


def _counted(found: Sequence[TaskCheck]) -> str:
    counts = Counter(row.state for row in found if row.state != "ok")
    return f" ({', '.join(f'{count} {state}' for state, count in counts.most_common())})" if counts else ""
