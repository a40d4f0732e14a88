"""`ratchet attempts`: what was attempted."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from optimizer.cli.completing import complete_candidate
from optimizer.cli.options import LIMIT, RUNS, AsJson, AsRows, Limit, RunName, RunsDir

if TYPE_CHECKING:
    from optimizer.ledger import AttemptRow, ImportRow

Json = dict[str, Any]  # Any: JSON

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
    imported = facts.imported
    if candidate is not None and candidate not in {row.agent for row in imported}:
        facts.candidate(candidate)
    wanted = {"candidate": candidate, "task": task, "split": split, "state": state, "cause": cause}
    rows = [*map(_attempt, facts.attempts), *map(_imported, imported)]
    rows = [row for row in rows if not failed or (row["reward"] is not None and row["reward"] < 1)]
    rows = [row for row in rows if all(value is None or row[key] == value for key, value in wanted.items())]
    if stdin:
        named = {line.strip() for line in sys.stdin}
        rows = [row for row in rows if row["attempt"] in named]
    columns = ["attempt", "split", "purpose", "state", "reward", "cause", "turns", "tokens", "usd", "seconds"]
    unused = [option for option, value in NARROWING.items() if wanted[value] is None]
    narrow = ", ".join([*unused, *([] if failed else ["--failed"])]) + " or --limit N"
    write_rows(columns, rows, limit=limit, as_json=as_json, narrow=narrow.removeprefix(" or "), compact=SHORT)


def _attempt(row: AttemptRow) -> Json:
    """Show an attempt of the run."""
    return {
        "attempt": row.spec.id,
        "candidate": row.spec.candidate,
        "task": row.spec.task,
        "split": row.spec.split,
        "purpose": row.spec.purpose.value,
        "state": row.state,
        **_measured(row),
    }


def _imported(row: ImportRow) -> Json:
    """Show an imported trial beside the run's own attempts."""
    return {
        "attempt": row.attempt,
        "candidate": row.agent,
        "task": row.task,
        "split": SplitName.TRAIN.value,
        "purpose": "import",
        "state": State.MISSING.value if row.reward is None else State.SCORED.value,
        **_measured(row),
    }


def _measured(row: AttemptRow | ImportRow) -> Json:
    return {
        "reward": row.reward,
        "cause": row.cause,
        "turns": row.turns,
        "tokens": row.tokens,
        "usd": row.cost_usd,
        "seconds": round(row.duration_s, 3),
    }


@app.command("export", short_help="Write attempts as a Harbor job folder.")
def export_attempts(
    run: RunName = "last",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The folder to make.")] = None,
    split: Annotated[
        SplitName, typer.Option("--split", help="Of which split; reading any but train is noted.")
    ] = SplitName.TRAIN,
    candidate: Annotated[
        str | None,
        typer.Option("--candidate", help="Of one candidate only.", autocompletion=complete_candidate),
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="On one task only.")] = None,
    as_json: AsJson = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Write attempts as a job folder of Harbor: a result and an ATIF v1.7 trajectory for each.

    Example: ratchet attempts export last -o jobs/night
    """
    from optimizer.cli.output import say, tell, wrap, write_json
    from optimizer.facts import read_facts
    from optimizer.jobs.writing import write_job
    from optimizer.reading.readings import note_reading
    from optimizer.run_folder import find_run
    from traces.errors import UsageError

    if output is None:
        raise UsageError("`attempts export` needs a folder to make", hint=f"ratchet attempts export {run} -o DIR")
    facts = read_facts(find_run(runs_dir, run))
    if candidate is not None:
        facts.candidate(candidate)
    wanted = [("split", split.value), ("candidate", candidate), ("task", task)]
    rows = [row for row in facts.attempts if all(value in (None, getattr(row.spec, key)) for key, value in wanted)]
    written = write_job(facts, rows, output)
    if caution := note_reading(facts.folder, "attempts export", [split.value], [str(output)]):
        tell(wrap(caution))
    if as_json:
        counts = {"trials": written.trials, "without_trajectory": written.bare, "planned_left_out": written.planned}
        write_json({"folder": str(output), "split": split.value, **counts})
        return
    say(f"{written.trials:,} {split.value} attempts of run {facts.folder.id} are a Harbor job in {output}")
    if written.bare:
        say(f"  {written.bare:,} of them without a trajectory: their traces are gone")
    if written.planned:
        say(f"  {written.planned:,} that have not ended are left out")


@app.command("import", short_help="Take a Harbor job's trials of train tasks in.")
def import_attempts(
    job: Annotated[Path, typer.Argument(metavar="JOB", help="A job folder of Harbor.")],
    run: RunName = "last",
    as_json: AsJson = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Take a Harbor job's trials of train tasks into a run, for its next proposers to read.

    They count for no score, no gate and no certified number. A trial that is in already stays as it is.

    Example: ratchet attempts import jobs/2026-11-20__07-30-00 last
    """
    from optimizer.cli.output import say, wrap, write_json
    from optimizer.jobs.adding import add_job
    from optimizer.jobs.trial import read_job
    from optimizer.run_folder import find_run

    folder = find_run(runs_dir, run)
    intake = add_job(folder, read_job(job))
    if as_json:
        agents = {name: str(agent) for name, agent in intake.agents.items()}
        left = {key: count for key, count in intake.left.items() if count}
        attempts = [row.attempt for row in intake.rows]
        write_json(
            {"run": folder.id, "imported": len(attempts), "left_out": left, "agents": agents, "attempts": attempts}
        )
        return
    say(wrap(str(intake)))
