"""`ratchet trace`: read what happened in an attempt, ask questions over the train traces."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from optimizer.cli.options import RUNS, AsJson, AsJsonIfAsked, RunsDir, run_and

app = typer.Typer(name="trace", help="Read attempts, ask questions over train traces.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Group the commands about traces."""


@app.command("show")
def show(
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="A run, the last one when left out.")],
    attempt: Annotated[
        str | None, typer.Argument(metavar="ATTEMPT", help="An attempt's id, such as c001/csv-totals-03/a00.")
    ] = None,
    grep: Annotated[str | None, typer.Option("--grep", help="Only events that match this regular expression.")] = None,
    only: Annotated[str | None, typer.Option("--only", help="Only these kinds, such as tool_call,tool_result.")] = None,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Show one attempt turn by turn.

    Example: ratchet trace show c000/csv-totals-03/a00 --only thinking,tool_call
    """
    from optimizer.cli.output import say, write_json
    from optimizer.run_folder import find_run
    from traces.render import ALIASES, render
    from traces.store import TraceStore

    run, attempt = run_and(run, attempt)
    kinds = [name.strip() for name in only.split(",")] if only else []
    events = TraceStore(find_run(runs_dir, run).traces).read_attempt(attempt)
    text = render(events, grep=grep, only=kinds)
    if as_json:
        named = {kind for name in kinds for kind in ALIASES.get(name, (name,))}
        shown = [event for event in events if not named or event.kind in named]
        write_json({"attempt": attempt, "events": [dataclasses.asdict(event) for event in shown], "text": text})
    else:
        say(text)


@app.command("sql")
def sql(
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="A run, the last one when left out.")],
    query: Annotated[str | None, typer.Argument(metavar="SQL", help="A question over the view `events`.")] = None,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows at most.")] = 200,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Ask DuckDB a question over the train traces (held-out and test traces are not in reach).

    Example: ratchet trace sql "SELECT name, count(*) FROM events WHERE kind = 'error' GROUP BY name"
    """
    from optimizer.cli.output import tell, write_json, write_table
    from optimizer.run_folder import find_run
    from traces.query import run_sql
    from traces.store import TraceStore

    run, query = run_and(run, query)
    table = run_sql(TraceStore(find_run(runs_dir, run).traces), ["train"], query, limit=limit)
    if as_json:
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        write_json({"rows": rows, "total": None if table.truncated else len(rows), "truncated": table.truncated})
        return
    write_table(table.columns, table.rows)
    if table.truncated:
        tell(f"showing the first {limit} rows; add LIMIT to the question, or --limit")
