"""`ratchet resume`: take a run up where it ended, or let a paused driver go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.cli.live import Display, ShowAs
from optimizer.cli.options import RUNS, AsJsonIfAsked, Detach, FailUnlessImproved, RunName, RunsDir

if TYPE_CHECKING:
    from optimizer.run_folder import RunFolder


def resume(
    run: RunName,
    detach: Detach = False,
    display: ShowAs = Display.AUTO,
    unless_improved: FailUnlessImproved = False,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Go on with a stopped run: nothing decided is decided again, nothing paid is paid again.

    A driver that still works on it, paused or about to stop, is let go on instead.

    Example: ratchet resume last
    """
    from optimizer.cli.control import stands
    from optimizer.cli.detaching import launch
    from optimizer.cli.driving import drive
    from optimizer.run import check_resumable, check_undriven
    from optimizer.run import resume as resume_run
    from optimizer.run_folder import find_run

    folder = find_run(runs_dir, run)
    if stands(folder) is not None:
        _let_go_on(folder, as_json=as_json)
    elif detach:
        check_undriven(folder)
        check_resumable(folder)
        launch(folder, as_json=as_json)
    else:
        drive(
            lambda listen: resume_run(folder, listen),
            folder.path.parent,
            folder.id,
            as_json=as_json,
            display=display,
            unless_improved=unless_improved,
        )


def _let_go_on(folder: RunFolder, *, as_json: bool) -> None:
    """Withdraw what was asked of the living driver."""
    from optimizer.cli.control import answer, stands
    from optimizer.control import withdraw
    from optimizer.ledger.lock import holder

    pid, asked = holder(folder.path), stands(folder)
    withdraw(folder.path)
    what = asked.verb if asked else "request"
    said = f"run {folder.id}: the {what} is withdrawn, and its driver (process {pid}) goes on"
    answer(folder, None, said, {"how far it is": folder.command("status")}, as_json=as_json)
