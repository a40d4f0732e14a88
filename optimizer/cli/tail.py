"""`ratchet tail`: what a run tells, while it works or after."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from optimizer.cli.live import Display, ShowAs
from optimizer.cli.options import RUNS, AsJsonIfAsked, RunName, RunsDir

if TYPE_CHECKING:
    from optimizer.run_folder import RunFolder
    from optimizer.telling.progress import Progress


def tail(
    run: RunName = "last",
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Events of the past to show.")] = 20,
    follow: Annotated[
        bool | None,
        typer.Option("--follow/--no-follow", help="Go on while a driver works on the run; by itself when one does."),
    ] = None,
    display: ShowAs = Display.AUTO,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Show a run's last events, and follow it while it works; it can be left at any moment with Ctrl-C.

    Example: ratchet tail last -n 50
    """
    from optimizer.ledger.lock import holder
    from optimizer.run_folder import find_run

    folder = find_run(runs_dir, run)
    if as_json:
        _answer(folder, lines)
        return
    if follow is not False and holder(folder.path) is not None:
        _follow(folder, lines, display)
    else:
        _show_last(folder, lines, display)
    _end(folder, display)


def _answer(folder: RunFolder, lines: int) -> None:
    """Answer with one envelope: the last events, the state, the next commands."""
    import json

    from optimizer.cli.output import write_json
    from optimizer.facts import read_facts
    from optimizer.telling.events import last_events, log_of, to_line
    from optimizer.words import next_commands

    facts = read_facts(folder)
    events = [json.loads(to_line(event)) for event in last_events(log_of(folder.path), lines)]
    commands = [each.command for each in next_commands(facts)]
    write_json({"run": folder.id, "state": facts.phase, "events": events, "next": commands})


def _show_last(folder: RunFolder, lines: int, display: Display) -> None:
    import sys

    from optimizer.cli.live import drawn
    from optimizer.telling.events import last_events, log_of

    ways = {Display.AUTO: Display.PLAIN, Display.RICH: Display.PLAIN}
    with drawn(ways.get(display, display), sys.stdout, heartbeat_s=0) as draw:
        for event in last_events(log_of(folder.path), lines, _worth(display)):
            draw(event)


def _follow(folder: RunFolder, lines: int, display: Display) -> None:
    import sys

    from optimizer.cli.exit_codes import ExitCode
    from optimizer.cli.live import drawn
    from optimizer.cli.output import tell
    from optimizer.ledger.lock import holder
    from optimizer.telling.events import EventReader, follow, log_of

    reader, worth = EventReader(log_of(folder.path)), _worth(display)
    past = reader.read()
    shown = [event.seq for event in past if worth(event)][-lines:] if lines else []
    try:
        with drawn(display, sys.stdout, keep=True) as draw:
            for event in past:
                (draw if shown and (event.seq or 0) >= (shown[0] or 0) else draw.catch_up)(event)
            for event in follow(reader, lambda: holder(folder.path) is not None):
                draw(event)
    except KeyboardInterrupt:
        tell(f"no longer watching; run {folder.id} goes on")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _worth(display: Display) -> Callable[[Progress], bool]:
    """Say which events of the past count as lines."""
    from optimizer.cli.watch.words import is_small

    return (lambda event: True) if display is Display.JSON else (lambda event: not is_small(event))


def _end(folder: RunFolder, display: Display) -> None:
    """Say how the run stands and what to do next, beside the lines where those are for a program."""
    from optimizer.cli.output import say, tell, wrap
    from optimizer.facts import read_facts
    from optimizer.words import next_commands, verdict_sentence

    facts = read_facts(folder)
    write = tell if display is Display.JSON else say
    write(wrap(f"run {folder.id}: {facts.phase}; {verdict_sentence(facts)}"))
    write(f"next: {next_commands(facts)[0].command}")
