"""`ratchet config`: is this run file right, what does it come to, and what may stand in one?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optimizer.cli.options import RUNS, AsJson, AsJsonIfAsked, RunsDir

if TYPE_CHECKING:
    from optimizer.planning.origin import Setting

app = typer.Typer(name="config", help="Check run files, show all settings, print their schema.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Group the commands about run files."""


@app.command("check", short_help="Find everything that is wrong with run files.")
def check(
    files: Annotated[list[Path], typer.Argument(metavar="RUN_FILE...", help="Run files.")],
    syntax: Annotated[
        bool, typer.Option("--syntax", help="Look at the files alone: not at what they name, keys or sandboxes.")
    ] = False,
    as_json: AsJson = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Find everything that is wrong with run files and with what they name: all that `run` would refuse, at once.

    Each problem is told with file, line, column, key, and what may stand there. Nothing is run or paid.

    Example: ratchet config check configs/quickstart.yaml
    """
    from optimizer.cli.output import say, write_json
    from optimizer.planning.problems import problems_of

    found = {file: problems_of(file, runs_dir, syntax_only=syntax) for file in files}
    rows = [_about(file, runs_dir, syntax=syntax) for file, problems in found.items() if not problems]
    problems = [problem for each in found.values() for problem in each]
    if not problems and as_json:
        write_json(rows[0] if len(rows) == 1 else {"rows": rows, "total": len(rows)})
    if not as_json:
        for row in rows:
            say(_line(row))
    if problems:
        first, *more = problems
        first.more = tuple(more)
        raise first


def _about(file: Path, runs: Path, *, syntax: bool) -> dict[str, Any]:  # Any: JSON
    """Describe a file that is right."""
    from optimizer.planning.problems import plan_of

    if syntax:
        return {"file": str(file), "ok": True}
    plan = plan_of(file, runs)
    sizes = {name: len(plan.splits.of(name)) for name in ("train", "heldout", "test")}
    return {
        "file": str(file),
        "ok": True,
        "tasks": len(plan.suite.tasks),
        "splits": sizes,
        "harness": plan.harness.hash,
        "sandbox": plan.sandbox,
    }


def _line(row: dict[str, Any]) -> str:  # Any: JSON
    if "splits" not in row:
        return f"{row['file']}: reads well; what it names was not looked at"
    sizes = ", ".join(f"{count} {name}" for name, count in row["splits"].items())
    return f"{row['file']}: ok; {row['tasks']} tasks ({sizes}), sandbox {row['sandbox']}"


@app.command("show", short_help="Show every setting and where it comes from.")
def show(
    file: Annotated[Path, typer.Argument(metavar="RUN_FILE", help="The run file.")],
    resolved: Annotated[
        bool, typer.Option("--resolved", help="As a run file: every key spelt out, every path absolute.")
    ] = False,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
    harness: Annotated[Path | None, typer.Option("--harness", help="As for `run`.")] = None,
    max_iterations: Annotated[int | None, typer.Option("--max-iterations", min=1, help="As for `run`.")] = None,
    budget_usd: Annotated[float | None, typer.Option("--budget-usd", help="As for `run`.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="As for `run`.")] = None,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Show every setting that a run of this file would have, defaults and options of `run` included.

    Example: ratchet config show configs/quickstart.yaml --resolved --origin
    """
    from optimizer.cli.output import say, write_json, write_table
    from optimizer.planning.origin import annotated, settings_of, surroundings
    from optimizer.run_file import load_run_file

    given = {
        "stop.iterations": max_iterations,
        "stop.budget_usd": budget_usd,
        "seed": seed,
        "harness": harness and harness.resolve(),
    }
    overrides = {key: value for key, value in given.items() if value is not None}
    config = load_run_file(file, overrides)
    settings, around = settings_of(config, overrides), surroundings(config, runs_dir, RUNS)
    if as_json:
        write_json({"config": config.model_dump(mode="json"), "settings": _rows([*settings, *around])})
    elif resolved:
        say(annotated(settings, origins=origin))
    else:
        columns = ["key", "value", "origin"] if origin else ["key", "value"]
        write_table(columns, [list(_cells(row))[: len(columns)] for row in [*settings, *around]])


def _rows(settings: list[Setting]) -> list[dict[str, Any]]:  # Any: JSON
    return [{"key": row.key, "value": row.value, "origin": row.origin} for row in settings]


def _cells(row: Setting) -> tuple[str, str, str]:
    import json

    value = row.value if isinstance(row.value, str) else json.dumps(row.value, ensure_ascii=False)
    return row.key, "-" if row.value is None else value, row.origin


@app.command("schema", short_help="Print the JSON Schema of run files, for editors.")
def schema() -> None:
    """Print the JSON Schema of run files, for editors.

    Example: ratchet config schema > run.schema.json
    """
    import json

    from optimizer.cli.output import say
    from optimizer.config import RunConfig

    say(json.dumps(RunConfig.model_json_schema(), indent=2))
