"""`ratchet report`: the morning report."""

from __future__ import annotations

import sys

from optimizer.cli.options import RUNS, AsJsonIfAsked, RunName, RunsDir


def report(run: RunName = "last", as_json: AsJsonIfAsked = False, runs_dir: RunsDir = RUNS) -> None:
    """Print the report of a run as it stands; the same text is kept in its folder.

    Example: ratchet report last
    """
    from optimizer.cli.output import coloured, say, write_json
    from optimizer.facts import read_facts
    from optimizer.report import write_report
    from optimizer.report.markdown import render
    from optimizer.run_folder import find_run

    folder = find_run(runs_dir, run)
    facts = read_facts(folder)
    if facts.driver_pid is None:
        write_report(folder)
    text = render(facts)
    if as_json:
        write_json({"run": folder.id, "path": str(folder.report), "markdown": text})
    elif coloured(sys.stdout):
        _show(text)
    else:
        say(text)


def _show(markdown: str) -> None:
    """Lay Markdown out for a terminal; its links, of which a report has none, would stay text."""
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(markdown, hyperlinks=False))
