"""Asks before something costs; never where nobody could answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from optimizer.cli.manner import NOW, on_terminal
from traces.errors import UsageError

if TYPE_CHECKING:
    from optimizer.config import RunConfig


def confirm_cost(config: RunConfig, runs: Path, *, new_split: bool) -> None:
    """Ask before a real model is paid without a limit; a simulated night, and one with a budget, never asks.

    Raises:
        UsageError: The answer was no, or nobody is there to give one.
    """
    if NOW.yes or config.all_simulated or config.stop.budget_usd is not None:
        return
    from optimizer.planning.forecast import forecast
    from optimizer.planning.plan import plan_run

    plan = forecast(plan_run(config, runs, new_split=new_split), runs)
    models = ", ".join(sorted({name for name in plan["models"].values() if name != "simulated"}))
    question = (
        f"no budget is set: about {plan['attempts']['expected']:,} attempts, {plan['attempts']['most']:,} at most,"
        f" will be paid for ({models}; {plan['money']}); start?"
    )
    confirm(question, instead="name a budget with --budget-usd")


def confirm(question: str, *, instead: str = "") -> None:
    """Ask a yes or no question on the terminal, unless `--yes` answered it.

    Args:
        question: What would happen, ending in a question mark.
        instead: What makes the question needless, such as an option.

    Raises:
        UsageError: The answer was no, or nobody is there to give one.
    """
    if NOW.yes:
        return
    way_out = "add --yes" + (f", or {instead}" if instead else "")
    if NOW.no_input or not (on_terminal(sys.stdin) and on_terminal(sys.stderr)):
        raise UsageError(f"not done without asking: {question}", hint=way_out)
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("not done", hint=way_out)
