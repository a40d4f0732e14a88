"""`ratchet tasks`: are these tasks fit to be scored?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from optimizer.cli.exit_codes import ExitCode
from optimizer.cli.options import LIMIT, AsRows, Limit

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
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of tasks.")],
    kind: Annotated[str, typer.Option("--kind", help="Their format: harbor or spreadsheetbench.")] = "harbor",
    sandbox: Annotated[Sandbox, typer.Option("--sandbox", help="Where commands run.")] = Sandbox.AUTO,
    allow_unsafe: Annotated[bool, typer.Option("--allow-unsafe", help="Let `auto` come down to no isolation.")] = False,
    in_flight: Annotated[int, typer.Option("--in-flight", min=1, help="Tasks at once.")] = 4,
    as_json: AsRows = False,
    limit: Limit = LIMIT,
) -> None:
    """Run every task's own solution, and nothing at all: the first must score 1, the second 0.

    Example: ratchet tasks check my-tasks --kind harbor
    """
    import asyncio

    from benchmarks.check import check_tasks
    from benchmarks.suite import load_suite
    from optimizer.cli.output import tell, write_rows
    from task_agent.sandbox import choose, open_sandbox
    from traces.errors import NotFoundError

    if not folder.exists():
        raise NotFoundError("folder", str(folder))
    suite = load_suite({"kind": kind, "path": str(folder.resolve())}, Path.cwd())
    images = any(task.needs_image for task in suite.tasks)
    choice = choose(sandbox.value, allow_unsafe=allow_unsafe, needs_image=images)
    tell(f"{len(suite.tasks)} tasks; sandbox {choice.said}")
    found = asyncio.run(check_tasks(suite.tasks, lambda spec: open_sandbox(choice.kind, spec), concurrency=in_flight))
    rows = [row.to_record() for row in found]
    bad = sum(row["state"] != "ok" for row in rows)
    shown = rows if as_json else sorted(rows, key=lambda row: row["state"] == "ok")
    columns = ["task", "oracle", "noop", "state", "detail"]
    write_rows(columns, shown, limit=0 if as_json else limit, as_json=as_json, narrow="--limit")
    tell(f"{len(rows) - bad} ok, {bad} not")
    if bad:
        raise typer.Exit(ExitCode.USAGE)
