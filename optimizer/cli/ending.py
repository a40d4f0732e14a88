"""How a night's outcome becomes an exit code."""

from __future__ import annotations

from typing import Final

import typer

from optimizer.cli.exit_codes import ExitCode
from optimizer.cli.output import complain
from optimizer.facts import Facts
from optimizer.loop import HOPELESS

BUDGET: Final = frozenset({"money", "tokens"})
"""Reasons of a finished run that mean its budget is used up."""


def end_as_asked(facts: Facts, *, unless_improved: bool) -> None:
    """End with 9 where an improvement was asked for and none is certified.

    Raises:
        typer.Exit: With 9.
    """
    if unless_improved and not (facts.certificate or {}).get("improved"):
        raise typer.Exit(ExitCode.NOT_IMPROVED)


def end_night(facts: Facts, *, unless_improved: bool) -> None:
    """End a night that was driven to its end: asked for an improvement, that alone decides between 0 and 9.

    Raises:
        typer.Exit: With 2 where its design could decide nothing, with 8 where the budget ended it, with 9 as above.
    """
    end_as_asked(facts, unless_improved=unless_improved)
    reason = facts.finish["reason"] if facts.finish else ""
    if reason == HOPELESS:
        complain(
            "the noise measured before the night leaves nothing to be decided, so no change was tried;"
            " `ratchet report` says what would help, and --force tries all the same"
        )
        raise typer.Exit(ExitCode.USAGE)
    if reason in BUDGET and not unless_improved:
        raise typer.Exit(ExitCode.BUDGET)
