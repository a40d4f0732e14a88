"""`ratchet replay`: watch a run again."""

from __future__ import annotations

from typing import Annotated

import typer

from optimizer.cli.live import Display, ShowAs
from optimizer.cli.options import RUNS, RunName, RunsDir

SPEED = "20"


def replay(
    run: RunName = "last",
    speed: Annotated[str, typer.Option("--speed", help="How many times faster than it was, or `max`.")] = SPEED,
    display: ShowAs = Display.AUTO,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Play a run's events again through the live view: finished or killed, nothing is run or paid.

    Example: ratchet replay last --speed 20
    """
    import sys

    from optimizer.cli.live import drawn
    from optimizer.cli.output import say, tell
    from optimizer.cli.watch.replay import ReplayClock, paced
    from optimizer.events import last_events, log_of, read_events
    from optimizer.facts import read_facts
    from optimizer.run_folder import find_run
    from traces.errors import NotFoundError

    folder, times = find_run(runs_dir, run), _times(speed)
    log = log_of(folder.path)
    if not last_events(log, 1):
        raise NotFoundError("event log of run", folder.id, hint=f"ratchet report {folder.id}")
    how = f"REPLAY at {times:g}x" if times else "REPLAY"
    tell(f"{how} of run {folder.id}: nothing is run, decided or paid")
    clock = ReplayClock(times)
    with drawn(display, sys.stdout, clock=clock, heading=how, keep=True, heartbeat_s=0) as draw:
        for event in paced(read_events(log), clock):
            draw(event)
    write = tell if display is Display.JSON else say
    write(f"end of the replay; run {folder.id} itself: {read_facts(folder).phase}")


def _times(speed: str) -> float | None:
    """Read a speed; None is as fast as possible.

    Raises:
        UsageError: It is neither `max` nor a number above 0.
    """
    from traces.errors import UsageError

    if speed == "max":
        return None
    try:
        times = float(speed.removesuffix("x"))
    except ValueError:
        times = 0.0
    if not 0 < times < float("inf"):
        raise UsageError(f"--speed {speed!r} is no speed", hint="write a number such as 20, or max")
    return times
