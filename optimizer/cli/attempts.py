"""`ratchet attempts`: what was attempted."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Final

import typer

from optimizer.cli.completing import complete_candidate
from optimizer.cli.options import LIMIT, RUNS, AsRows, Limit, RunName, RunsDir

app = typer.Typer(name="attempts", help="The attempts of a run.", no_args_is_help=True)
SHORT: Final = ("attempt", "state", "reward", "usd", "seconds")
NARROWING: Final = {
    "--candidate ID": "candidate",
    "--task ID": "task",
    "--split NAME": "split",
    "--state NAME": "state",
    "--cause NAME": "cause",
}


class SplitName(StrEnum):
    """Name the splits."""

    TRAIN = "train"
    HELDOUT = "heldout"
    TEST = "test"


class State(StrEnum):
    """Name the states of an attempt."""

    PLANNED = "planned"
    SCORED = "scored"
    MISSING = "missing"


@app.callback()
def root() -> None:
    """Group the commands about attempts."""


@app.command("list", short_help="List attempts in the order they were planned.")
def list_attempts(
    run: RunName = "last",
    candidate: Annotated[
        str | None,
        typer.Option("--candidate", help="Of one candidate only.", autocompletion=complete_candidate),
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="On one task only.")] = None,
    split: Annotated[SplitName | None, typer.Option("--split", help="Of one split only.")] = None,
    state: Annotated[State | None, typer.Option("--state", help="In one state only.")] = None,
    cause: Annotated[str | None, typer.Option("--cause", help="Ended by one cause only, such as out_of_turns.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only with a reward below 1.")] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Only those whose ids stand on stdin, one a line.")] = False,
    as_json: AsRows = False,
    limit: Limit = LIMIT,
    runs_dir: RunsDir = RUNS,
) -> None:
    """List attempts in the order they were planned.

    Example: ratchet attempts list last --candidate c001 --failed

    Example: ratchet attempts list --split train --format csv
    """
    from optimizer.cli.output import write_rows
    from optimizer.facts import read_facts
    from optimizer.run_folder import find_run

    facts = read_facts(find_run(runs_dir, run))
    if candidate is not None:
        facts.candidate(candidate)
    wanted = {"candidate": candidate, "task": task, "split": split, "state": state, "cause": cause}
    rows = [
        {
            "attempt": row.spec.id,
            "candidate": row.spec.candidate,
            "task": row.spec.task,
            "split": row.spec.split,
            "purpose": row.spec.purpose.value,
            "state": row.state,
            "reward": row.reward,
            "cause": row.cause,
            "turns": row.turns,
            "tokens": row.tokens,
            "usd": row.cost_usd,
            "seconds": round(row.duration_s, 3),
        }
        for row in facts.attempts
        if not failed or (row.reward is not None and row.reward < 1)
    ]
    rows = [row for row in rows if all(value is None or row[key] == value for key, value in wanted.items())]
    if stdin:
        named = {line.strip() for line in sys.stdin}
        rows = [row for row in rows if row["attempt"] in named]
    columns = ["attempt", "split", "purpose", "state", "reward", "cause", "turns", "tokens", "usd", "seconds"]
    unused = [option for option, value in NARROWING.items() if wanted[value] is None]
    narrow = ", ".join([*unused, *([] if failed else ["--failed"])]) + " or --limit N"
    write_rows(columns, rows, limit=limit, as_json=as_json, narrow=narrow.removeprefix(" or "), compact=SHORT)
