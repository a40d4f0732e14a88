"""Asks before something costs; never where nobody could answer."""

from __future__ import annotations

import sys

from optimizer.cli.manner import NOW, on_terminal
from traces.errors import UsageError


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
