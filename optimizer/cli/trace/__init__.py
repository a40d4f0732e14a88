"""`ratchet trace`: read what happened in attempts, compare two, look for words, ask questions."""

from __future__ import annotations

import typer

from optimizer.cli.trace import export, grep, pair, show, sql

app = typer.Typer(name="trace", help="Read, search, compare and export traces of attempts.", no_args_is_help=True)
app.command("show")(show.show)
app.command("grep")(grep.grep)
app.command("pair")(pair.pair)
app.command("export")(export.export)
app.command("sql")(sql.sql)


@app.callback()
def root() -> None:
    """Group the commands about traces."""
