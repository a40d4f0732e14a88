"""The `ratchet` command: one thin module for each noun or verb, errors turned into exit codes."""

from __future__ import annotations

import itertools
import os
import sys
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from optimizer.cli import (
    attempts,
    audit,
    bench,
    candidates,
    compare,
    config,
    doctor,
    export,
    help,
    lessons,
    pause,
    regrade,
    replay,
    report,
    resume,
    review,
    run,
    runs,
    simulate,
    status,
    stop,
    tail,
    tasks,
    trace,
    tune,
)
from optimizer.cli.command import HELP_NAMES, adopt
from optimizer.cli.exit_codes import ExitCode, exit_code
from optimizer.cli.manner import NOW, VARIABLE, Format, on_terminal
from optimizer.cli.output import UnwritableError, complain, write_error
from optimizer.cli.streams import close_streams, confess, open_streams
from traces.errors import RatchetError, UsageError

HELP = """Improve a task agent's harness overnight, and know in the morning what is true.

Start with: ratchet run configs/quickstart.yaml
"""

PROBLEMS_SHOWN = 20

app = typer.Typer(
    name="ratchet",
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP_NAMES,
)
app.command("run", short_help="Climb a suite: propose, test, keep, and certify the gain.")(run.run)
app.command("tune", short_help="Tune a harness's numbers and choices, by the same gate.")(tune.tune)
app.command("resume", short_help="Go on with a stopped or paused run.")(resume.resume)
app.command("status", short_help="Say how a run stands, while it runs or after.")(status.status)
app.command("tail", short_help="Show a run's last events, and follow it while it works.")(tail.tail)
app.command("stop", short_help="Ask a run's driver to stop; the run can be resumed.")(stop.stop)
app.command("pause", short_help="Let a run's driver wait until it is resumed.")(pause.pause)
app.command("review", short_help="Accept or refuse a change that waits for your word.")(review.review)
app.command("lessons", short_help="List what proposers learnt over the nights.")(lessons.lessons)
app.command("replay", short_help="Play a run's events again through the live view.")(replay.replay)
app.command("report", short_help="Print a run's report, or write it as one HTML page.")(report.report)
app.command("compare", short_help="Hold harnesses against each other on the same tasks.")(compare.compare)
app.command("regrade", short_help="Grade what attempts left again; no verdict changes.")(regrade.regrade)
app.command("audit", short_help="Hold a simulated run against the known truth.")(audit.audit)
app.command("doctor", short_help="Check this machine, and what a run file needs.")(doctor.doctor)
app.command("export", short_help="Write the champion's harness with its evidence.")(export.export)
app.command("help")(help.help_)
for module in (runs, candidates, attempts, trace, tasks, config, bench, simulate):
    app.add_typer(module.app)


def _version(wanted: bool) -> None:
    if wanted:
        from optimizer import __version__

        typer.echo(f"ratchet {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Hold the options of the bare command."""
    del version


adopt(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with a code of `exit_codes`."""
    if arguments is None:
        sys.excepthook = confess
        open_streams()
    NOW.reset()
    words = sys.argv[1:] if arguments is None else arguments
    sys.exit(_run(words))


def _run(words: list[str]) -> int:
    code = _answer(words)
    try:
        close_streams()
    except UnwritableError as error:
        return _tell_error(error, words, structured=False)
    return code


def _answer(words: list[str]) -> int:
    try:
        # Not by calling the app, which would put an excepthook of its own in place.
        ended = typer.main.get_command(app).main(words, prog_name="ratchet", standalone_mode=False)
    except typer.Exit as ending:
        return ending.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except TyperException as error:
        return _tell_misuse(error, words)
    except BrokenPipeError:
        return ExitCode.OK
    except RatchetError as error:
        return _tell_error(error, words, structured=NOW.errors_in_json or _asks_for_json(words))
    return ended if isinstance(ended, int) else ExitCode.OK


def _tell_error(error: RatchetError, words: list[str], *, structured: bool) -> int:
    code = exit_code(error)
    if code is ExitCode.BUG and not error.hint:
        raise error
    if structured and not isinstance(error, UnwritableError):
        write_error(error, code, " ".join(["ratchet", *words]))
        return code
    for each in error.all[:PROBLEMS_SHOWN]:
        complain(f"error: {each.message}")
        if each.hint:
            complain(f"  try: {each.hint}")
    if left := len(error.all[PROBLEMS_SHOWN:]):
        complain(f"and {left} more; --json holds them all")
    return code


def _tell_misuse(error: TyperException, words: list[str]) -> int:
    """Answer a wrong option or command; a bare command or group just gets its help."""
    message = error.format_message().replace("Value error, ", "")
    if message.startswith("Usage:"):
        complain(message)
        return ExitCode.USAGE
    context: Any = getattr(error, "ctx", None)  # Any: typer keeps its classes to itself
    automatic = getattr(getattr(context, "command", None), "automatic", False) and not on_terminal()
    path = context.command_path if context else "ratchet"
    return _tell_error(UsageError(message, hint=f"{path} --help"), words, structured=_asks_for_json(words, automatic))


def _asks_for_json(words: list[str], automatic: bool = False) -> bool:
    """Look for a format among words that could not be read."""
    read = list(itertools.takewhile(lambda word: word != "--", words))
    if "--json" in read:
        return True
    named = [word.removeprefix("--format=") for word in read if word.startswith("--format=")]
    named += [after for word, after in itertools.pairwise(read) if word == "--format"]
    if not named:
        named = [os.environ.get(VARIABLE, "")]
    return named[0] in (Format.JSON, Format.JSONL) or (automatic and not named[0])
