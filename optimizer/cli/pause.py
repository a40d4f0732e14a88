"""`ratchet pause`: let a run's driver wait, holding its place."""

from __future__ import annotations

from optimizer.cli.control import Wait
from optimizer.cli.options import RUNS, AsJsonIfAsked, RunName, RunsDir


def pause(run: RunName = "last", wait: Wait = False, as_json: AsJsonIfAsked = False, runs_dir: RunsDir = RUNS) -> None:
    """Let the driver of a run wait; what is in flight ends first, and `ratchet resume` lets it go on.

    Example: ratchet pause last
    """
    from optimizer.cli.control import answer, is_paused, living, send, wait_until
    from optimizer.control import Request
    from optimizer.run_folder import find_run

    folder = find_run(runs_dir, run)
    pid = living(folder)
    request = send(folder, Request("pause", pid))
    said = (
        f"run {folder.id}: its driver (process {pid}) launches nothing more, and waits when what is in flight has ended"
    )
    if wait:
        wait_until(lambda: is_paused(folder))
        said = f"run {folder.id}: its driver (process {pid}) waits, holding its place"
    following = {"let it go on": folder.command("resume"), "end it instead": folder.command("stop")}
    answer(folder, request, said, following, as_json=as_json)
