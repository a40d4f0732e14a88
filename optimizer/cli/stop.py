"""`ratchet stop`: end a run's driver in an orderly way."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from optimizer.cli.control import Wait
from optimizer.cli.options import RUNS, AsJsonIfAsked, RunName, RunsDir


class When(StrEnum):
    """Name the moment of a stop."""

    ITERATION = "iteration"
    NOW = "now"


After = Annotated[
    When,
    typer.Option("--after", help="`iteration`: the open candidate is decided first; `now`: what is in flight ends."),
]
Certify = Annotated[
    bool, typer.Option("--certify", help="End the night early with its certified number, instead of leaving it.")
]


def stop(
    run: RunName = "last",
    after: After = When.ITERATION,
    certify: Certify = False,
    wait: Wait = False,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Ask the driver of a run to stop; the run can be resumed, and nothing paid is lost.

    Example: ratchet stop last --after now
    """
    from optimizer.cli.control import answer, living, send, wait_until
    from optimizer.control import Request
    from optimizer.ledger.lock import holder
    from optimizer.run_folder import find_run

    folder = find_run(runs_dir, run)
    pid = living(folder)
    request = send(folder, Request("stop", pid, after.value, certify))
    following = {"how far it is": folder.command("status")}
    if certify:
        following["the certified number, at the end"] = folder.command("report")
    else:
        following["go on later (until then: withdraw the stop)"] = folder.command("resume")
    said = _said(folder.id, pid, after, certify=certify)
    if wait:
        wait_until(lambda: holder(folder.path) != pid)
        said = f"run {folder.id}: its driver (process {pid}) has ended"
    answer(folder, request, said, following, as_json=as_json)


def _said(run: str, pid: int, after: When, *, certify: bool) -> str:
    first = {
        (When.ITERATION, False): "stops when the open candidate is decided (at once when none is)",
        (When.NOW, False): "launches nothing more, and stops when what is in flight has ended",
        (When.ITERATION, True): "decides the open candidate, proposes nothing more, and certifies",
        (When.NOW, True): "leaves the open candidate undecided, and certifies",
    }
    return f"run {run}: its driver (process {pid}) {first[after, certify]}"
