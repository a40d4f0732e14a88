"""`ratchet trace sql`: questions over the train traces."""

from __future__ import annotations

from typing import Annotated

import typer

from optimizer.cli.options import RUNS, AsRows, RunBefore, RunsDir, run_and


def sql(
    run: RunBefore,
    query: Annotated[str | None, typer.Argument(metavar="SQL", help="A question over the view `events`.")] = None,
    as_json: AsRows = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows at most.")] = 200,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Ask DuckDB a question over the train traces (held-out and test traces are not in reach).

    Example: ratchet trace sql "SELECT name, count(*) FROM events WHERE kind = 'error' GROUP BY name"
    """
    from optimizer.cli.output import write_rows
    from optimizer.run_folder import find_run
    from traces.query import run_sql
    from traces.store import TraceStore

    run, query = run_and(run, query)
    table = run_sql(TraceStore(find_run(runs_dir, run).traces), ["train"], query, limit=limit)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    narrow = "LIMIT to the question, or --limit N"
    write_rows(table.columns, rows, limit=limit, as_json=as_json, narrow=narrow, more=table.truncated)
