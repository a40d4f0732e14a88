"""Runs a driver in the foreground: progress on stderr, the summary on stdout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

from optimizer.cli.exit_codes import ExitCode
from optimizer.cli.live import Display, listener
from optimizer.cli.output import write_json
from optimizer.cli.summary import write_summary
from optimizer.facts import read_facts, status
from optimizer.progress import Listener
from optimizer.run import Interrupted
from optimizer.run_folder import RunFolder


def drive(
    work: Callable[[Listener], object], runs: Path, run: str, *, as_json: bool, display: Display = Display.AUTO
) -> None:
    """Let `work` drive the run and end with its summary; a stopped run says how to go on."""
    with listener(display) as listen:
        try:
            work(listen)
        except Interrupted:
            raise typer.Exit(ExitCode.INTERRUPTED) from None
    facts = read_facts(RunFolder(runs / run))
    if as_json:
        write_json(status(facts))
    else:
        write_summary(facts, runs)
