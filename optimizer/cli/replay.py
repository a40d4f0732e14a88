"""`ratchet replay`: watch a run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optimizer.cli.live import Display, ShowAs
from optimizer.cli.options import RUNS, AsJsonIfAsked, RunName, RunsDir

SPEED = "20"


def replay(
    run: RunName = "last",
    speed: Annotated[str, typer.Option("--speed", help="How many times faster than it was, or `max`.")] = SPEED,
    display: ShowAs = Display.AUTO,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Play a run's events again through the live view: finished or killed, nothing is run or paid.

    In place of a run it also takes a log by itself, `events.jsonl`.

    Example: ratchet replay last --speed 20
    """
    import sys

    from optimizer.cli.live import drawn
    from optimizer.cli.output import say, tell
    from optimizer.cli.watch.replay import ReplayClock, paced
    from optimizer.telling.events import read_events

    display = Display.JSON if as_json else display
    times, log = _times(speed), _log(run, runs_dir)
    how = f"REPLAY at {times:g}x" if times else "REPLAY"
    name = log.name if log == Path(run) else f"run {log.parent.name}"
    tell(f"{how} of {name}: nothing is run, decided or paid")
    clock = ReplayClock(times)
    with drawn(display, sys.stdout, clock=clock, heading=how, keep=True, heartbeat_s=0) as draw:
        for event in paced(read_events(log), clock):
            draw(event)
    write = tell if display is Display.JSON else say
    write(_ending(log))


def _log(run: str, runs_dir: Path) -> Path:
    """Find a run's log, or take a log that was sent without its run.

    Raises:
        NotFoundError: There is no such run, or it has no log.
    """
    from optimizer.run_folder import find_run
    from optimizer.telling.events import last_events, log_of
    from traces.errors import NotFoundError

    alone = Path(run)
    log = alone if alone.suffix == ".jsonl" else log_of(find_run(runs_dir, run).path)
    if not last_events(log, 1):
        raise NotFoundError("event log", str(log), hint="ratchet report RUN reads the ledger instead")
    return log


def _ending(log: Path) -> str:
    """Say that it was a replay, and how the run itself stands where it is at hand."""
    from optimizer.facts import read_facts
    from optimizer.run_folder import RunFolder

    folder = RunFolder(log.parent)
    if not folder.ledger.is_file():
        return "end of the replay"
    return f"end of the replay; run {folder.id} itself: {read_facts(folder).phase}"


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
