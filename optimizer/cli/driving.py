"""Runs a driver in the foreground: progress on stderr, the summary on stdout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

from optimizer.cli.ending import end_night
from optimizer.cli.exit_codes import ExitCode
from optimizer.cli.live import Display, listener
from optimizer.cli.output import complain, write_json
from optimizer.cli.summary import write_summary
from optimizer.control import Interrupted
from optimizer.facts import Facts, read_facts, status
from optimizer.run_folder import RunFolder
from optimizer.telling.progress import Listener


def drive(
    work: Callable[[Listener], object],
    runs: Path,
    run: str,
    *,
    as_json: bool,
    display: Display = Display.AUTO,
    unless_improved: bool = False,
) -> None:
    """Let `work` drive the run and end with its summary; a stopped run says how to go on."""
    folder = RunFolder(runs / run)
    try:
        with listener(display) as listen:
            work(listen)
    except Interrupted:
        _show(read_facts(folder), as_json=as_json)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except KeyboardInterrupt:
        _tell_early_end(folder)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    facts = read_facts(folder)
    _show(facts, as_json=as_json)
    end_night(facts, unless_improved=unless_improved)


def _show(facts: Facts, *, as_json: bool) -> None:
    if as_json:
        write_json(status(facts))
    else:
        write_summary(facts, facts.folder.path.parent)


def _tell_early_end(folder: RunFolder) -> None:
    """Say what became of a run that was interrupted outside its driver's work, at its very beginning or end."""
    if folder.ledger.exists():
        complain(f"interrupted; {folder.command('resume')} goes on")
    else:
        complain("interrupted before anything was written or paid: there is no such run")
