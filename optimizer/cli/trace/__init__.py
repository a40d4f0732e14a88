"""`ratchet trace`: read what happened in attempts, compare two, look for words, ask questions."""

from __future__ import annotations

import typer

from optimizer.cli.trace import clusters, export, grep, pair, show, sql

app = typer.Typer(name="trace", help="Read, search, compare and export traces of attempts.", no_args_is_help=True)
app.command("show", short_help="Show one attempt turn by turn.")(show.show)
app.command("grep", short_help="Find words in the traces of a whole run.")(grep.grep)
app.command("pair", short_help="Set a pass beside a fail of one task.")(pair.pair)
app.command("clusters", short_help="Sort failing attempts by what they share.")(clusters.clusters)
app.command("export", short_help="Write one attempt for other tools.")(export.export)
app.command("sql", short_help="Ask DuckDB a question over the train traces.")(sql.sql)


@app.callback()
def root() -> None:
    """Group the commands about traces."""
