"""The simulated reflector: knows whether a change repeats the suite; judge and referee err at configured rates."""

from __future__ import annotations

import re

from benchmarks.simulated.conversation import Call, Conversation, Turn
from benchmarks.simulated.draws import uniform
from benchmarks.simulated.library import Library

_DIFF = re.compile(r"<diff>(.*)</diff>", re.DOTALL)
_SIDE = re.compile(r"<side>\s*You argue: (OVERFITTED|WORTH HAVING)")
_FINDING = '<finding name="'
_QUOTES = 3
_PASSED = "the change would be worth having on other tasks too"
_HELD = "the change speaks of particular tasks, not of the kind of work"


def added_lines(diff: str) -> list[str]:
    """List the lines a unified diff adds."""
    lines = [line[1:].strip() for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
    return [line for line in lines if line]


def _removed_lines(diff: str) -> list[str]:
    lines = [line[1:].strip() for line in diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    return [line for line in lines if line]


def reply(conversation: Conversation, library: Library) -> Turn:
    """Say what a reader says next: one report."""
    if any(call.name == "report_reflection" for call in conversation.calls()):
        return Turn("That is my judgement.")
    asked = conversation.ask(0)
    found = _DIFF.search(asked)
    diff = found.group(1) if found else ""
    added = added_lines(diff)
    telling = [line for line in added if library.known.repeats(line)]
    overfit = _side(asked) if _SIDE.search(asked) else _finds(conversation, library, bool(telling))
    shown = (telling or added or _removed_lines(diff)) if overfit else []
    report = {
        "overfit": overfit,
        "reason": _HELD if overfit else _PASSED,
        "quotes": [line[:200] for line in shown[:_QUOTES]],
    }
    return Turn("", (Call("report_reflection", report),))


def _side(asked: str) -> bool:
    """Read the side an advocate is given; it argues that side whatever the change is."""
    found = _SIDE.search(asked)
    return found is not None and found.group(1) == "OVERFITTED"


def _finds(conversation: Conversation, library: Library, telling: bool) -> bool:
    """Draw what a judge finds, or a referee: whoever is shown findings."""
    settings = library.settings
    is_referee = _FINDING in conversation.ask(0)
    rates = settings.referee if is_referee else settings.reflector
    rate = rates.detection if telling else rates.false_alarm
    return uniform(conversation.user_id, "reflect") < rate
