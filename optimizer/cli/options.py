"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optimizer.cli.completing import (
    complete_attempt,
    complete_run,
    complete_run_or_attempt,
    complete_run_or_candidate,
)
from optimizer.cli.manner import NOW, Format


def structured_rows(asked: bool) -> bool:
    """Settle the format of a list: for a program when asked for, or when stdout is no terminal."""
    return _settle(asked, automatic=True, rows=True)


def structured_data(asked: bool) -> bool:
    """Settle the format of what is no list: for a program when asked for, or when stdout is no terminal."""
    return _settle(asked, automatic=True, rows=False)


def structured_if_asked(asked: bool) -> bool:
    """Settle the format of what is read: text unless JSON is asked for."""
    return _settle(asked, automatic=False, rows=False)


def _settle(asked: bool, *, automatic: bool, rows: bool) -> bool:
    if asked:
        NOW.want(Format.JSON)
    return NOW.settle(automatic=automatic, rows=rows)


AsRows = Annotated[
    bool, typer.Option("--json", callback=structured_rows, help="Answer with JSON; by itself when stdout is a pipe.")
]
AsJson = Annotated[
    bool, typer.Option("--json", callback=structured_data, help="Answer with JSON; by itself when stdout is a pipe.")
]
AsJsonIfAsked = Annotated[bool, typer.Option("--json", callback=structured_if_asked, help="Answer with JSON.")]
RunsDir = Annotated[Path, typer.Option("--runs-dir", help="Where runs are kept.", envvar="RATCHET_RUNS_DIR")]
Limit = Annotated[int, typer.Option("--limit", min=0, help="Rows at most; 0 for all.")]
RunName = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's id, a unique beginning of it, or `last`.", autocompletion=complete_run),
]
LEFT_OUT = "A run, the last one when left out."
RunBefore = Annotated[str, typer.Argument(metavar="[RUN]", help=LEFT_OUT, autocompletion=complete_run)]
RunBeforeAttempt = Annotated[
    str, typer.Argument(metavar="[RUN]", help=LEFT_OUT, autocompletion=complete_run_or_attempt)
]
RunBeforeCandidate = Annotated[
    str, typer.Argument(metavar="[RUN]", help=LEFT_OUT, autocompletion=complete_run_or_candidate)
]
AttemptId = Annotated[
    str | None,
    typer.Argument(
        metavar="ATTEMPT",
        help="An attempt's id, such as c001/csv-totals-03/a00.",
        autocompletion=complete_attempt,
    ),
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Check everything, then leave the work to a driver in the background.")
]
FailUnlessImproved = Annotated[
    bool, typer.Option("--fail-unless-improved", help="End with 9 unless a gain above zero is certified.")
]

RUNS = Path("runs")
LIMIT = 20


def run_and(first: str, second: str | None) -> tuple[str, str]:
    """Tell `[RUN] THING` apart: with one word alone the run is the last one."""
    return ("last", first) if second is None else (first, second)
