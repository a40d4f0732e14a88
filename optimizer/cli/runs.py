"""`ratchet runs`: the runs there are."""

from __future__ import annotations

import typer

from optimizer.cli.options import LIMIT, RUNS, AsRows, Limit, RunsDir

app = typer.Typer(name="runs", help="The runs there are.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Group the commands about runs."""


@app.command("list")
def list_runs(as_json: AsRows = False, limit: Limit = LIMIT, runs_dir: RunsDir = RUNS) -> None:
    """List runs, newest first, each with its answer.

    Example: ratchet runs list
    """
    from optimizer.cli.output import write_rows
    from optimizer.facts import Facts, read_facts
    from optimizer.facts import status as status_of
    from optimizer.run_folder import list_runs as folders

    def row(facts: Facts) -> dict[str, object]:
        data = status_of(facts)
        low, high = data["test"]["interval"] or (None, None)
        return {
            "run": data["run"],
            "state": data["state"],
            "champion": data["champion"],
            "gain": data["test"]["difference"],
            "low": low,
            "high": high,
            "kept": data["verdicts"]["keep"],
            "tried": sum(data["verdicts"].values()),
            "attempts": data["attempts"]["scored"],
            "usd": data["spend"]["usd"],
            "model": facts.lock["models"]["task"],
        }

    known = folders(runs_dir)
    rows = [row(read_facts(folder)) for folder in (known[:limit] if limit else known)]
    rows += [{"run": folder.id} for folder in known[len(rows) :]]
    columns = ["run", "state", "champion", "gain", "low", "high", "kept", "tried", "attempts", "usd", "model"]
    write_rows(columns, rows, limit=limit, as_json=as_json, narrow="--limit")
