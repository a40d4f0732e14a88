"""`ratchet report`: the morning report."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optimizer.cli.options import RUNS, AsJsonIfAsked, FailUnlessImproved, RunName, RunsDir

if TYPE_CHECKING:
    from optimizer.facts import Facts

Html = Annotated[bool, typer.Option("--html", help="Write it as one HTML page and print where.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="With --html: the file to write; else in the run's folder.")
]
Redact = Annotated[
    bool, typer.Option("--redact", help="With --html: leave out what agents and tasks wrote, diffs and task names.")
]


def report(
    run: RunName = "last",
    html: Html = False,
    output: Output = None,
    redact: Redact = False,
    unless_improved: FailUnlessImproved = False,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Print the report of a run as it stands, or write it as one page; the same is kept in its folder.

    Example: ratchet report last
    Example: ratchet report last --html -o night.html
    """
    from optimizer.cli.ending import end_as_asked
    from optimizer.facts import read_facts
    from optimizer.run_folder import find_run

    facts = read_facts(find_run(runs_dir, run))
    if html or output or redact:
        _write_page(facts, html, output, redact, as_json)
    else:
        _write_text(facts, as_json)
    end_as_asked(facts, unless_improved=unless_improved)


def _write_text(facts: Facts, as_json: bool) -> None:
    from optimizer.cli.output import coloured, say, write_json
    from optimizer.report import write_report
    from optimizer.report.markdown import render

    if facts.driver_pid is None:
        with suppress(OSError):  # a folder that cannot be written can still be read
            write_report(facts.folder)
    text = render(facts)
    if as_json:
        write_json({"run": facts.folder.id, "path": str(facts.folder.report), "markdown": text})
    elif coloured(sys.stdout):
        _show(text)
    else:
        say(text)


def _write_page(facts: Facts, html: bool, output: Path | None, redact: bool, as_json: bool) -> None:
    from optimizer.cli.output import say, write_json
    from optimizer.report.writing import save_page
    from traces.errors import UsageError

    if not html:
        raise UsageError("--output and --redact are for the page", hint="add --html")
    path = output or (facts.folder.page.with_stem("report-redacted") if redact else facts.folder.page)
    size = save_page(facts, path, redacted=redact)
    if as_json:
        write_json({"run": facts.folder.id, "path": str(path), "size_bytes": size, "redacted": redact})
    else:
        say(str(path))


def _show(markdown: str) -> None:
    """Lay Markdown out for a terminal; its links, of which a report has none, would stay text."""
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(markdown, hyperlinks=False))
