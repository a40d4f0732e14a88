"""What `stop`, `pause` and `resume` share: a request to the living driver of a run, and its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from traces.errors import UsageError

if TYPE_CHECKING:
    from optimizer.control import Request
    from optimizer.run_folder import RunFolder

Wait = Annotated[bool, typer.Option("--wait", help="Come back only when it is done.")]
LOOK_EVERY_S = 0.5

Json = dict[str, Any]  # Any: JSON


def living(folder: RunFolder) -> int:
    """Give the pid of the run's driver.

    Raises:
        UsageError: There is none, and how the run stands; or it works where this process cannot reach it.
    """
    from optimizer.ledger.lock import holder

    pid = holder(folder.path)
    if pid is None:
        _refuse(folder)
    if not pid:
        where = "on the machine, or in the container, where it was started"
        raise UsageError(f"the driver of run {folder.id!r} cannot be seen from here", hint=f"do this {where}")
    return pid


def _refuse(folder: RunFolder) -> NoReturn:
    from optimizer.facts import read_facts

    state = read_facts(folder).phase
    stands = "needs attention" if state == "needs attention" else f"is {state} already"
    way_on = folder.command("report" if state == "finished" else "resume")
    raise UsageError(f"no driver works on run {folder.id!r}: it {stands}", hint=way_on)


def send(folder: RunFolder, request: Request) -> Request:
    """Leave the request for the driver; gives it with its time."""
    from optimizer.control import ask

    return ask(folder.path, request)


def wait_until(done: Callable[[], bool]) -> None:
    """Wait for as long as it takes; Ctrl-C ends the waiting, not the run."""
    while not done():
        time.sleep(LOOK_EVERY_S)


def is_paused(folder: RunFolder) -> bool:
    """Say whether the driver waits, or is gone."""
    from optimizer.facts import read_facts

    return read_facts(folder).phase != "running"


def answer(folder: RunFolder, request: Request | None, said: str, following: dict[str, str], *, as_json: bool) -> None:
    """Say what was asked, what happens and when, and what can be done next."""
    from optimizer.cli.output import say, write_json
    from optimizer.facts import read_facts

    if as_json:
        facts = read_facts(folder)
        data: Json = {
            "run": folder.id,
            "state": facts.phase,
            "driver_pid": facts.driver_pid,
            "asked": request.verb if request else "resume",
            "after": request.after if request else None,
            "certify": request.certify if request else False,
            "said": said,
            "next": following,
        }
        write_json(data)
        return
    say(said)
    for purpose, command in following.items():
        say(f"  {command}  # {purpose}")


def stands(folder: RunFolder) -> Request | None:
    """Give what was asked of the run's living driver and still stands."""
    from optimizer.control import standing
    from optimizer.ledger.lock import holder

    return standing(folder.path, holder(folder.path))
