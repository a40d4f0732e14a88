"""`ratchet resume`: take a run up where it ended."""

from __future__ import annotations

from optimizer.cli.live import Display, ShowAs
from optimizer.cli.options import RUNS, AsJsonIfAsked, RunName, RunsDir


def resume(
    run: RunName, display: ShowAs = Display.AUTO, as_json: AsJsonIfAsked = False, runs_dir: RunsDir = RUNS
) -> None:
    """Go on with a stopped run: nothing decided is decided again, nothing paid is paid again.

    Example: ratchet resume last
    """
    from optimizer.cli.driving import drive
    from optimizer.run import resume as resume_run
    from optimizer.run_folder import find_run

    folder = find_run(runs_dir, run)
    drive(lambda listen: resume_run(folder, listen), runs_dir, folder.id, as_json=as_json, display=display)
