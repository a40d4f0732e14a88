"""The simulated analyst: names the tell-tale that stands last in the trace it is shown, and knows nothing else."""

from __future__ import annotations

import re

from benchmarks.simulated.conversation import Call, Conversation, Turn
from benchmarks.simulated.diagnosis import last_telltale

_TRACE = re.compile(r"<trace>(.*)</trace>", re.DOTALL)
_EVENT = re.compile(r"^\[(\d+)\] ", re.MULTILINE)


def reply(conversation: Conversation) -> Turn:
    """Say what the analyst says next: one report."""
    if any(call.name == "report_digest" and not call.is_error for call in conversation.calls()):
        return Turn("That is what I read.")
    found = _TRACE.search(conversation.ask(0))
    return Turn("", (Call("report_digest", _report(found.group(1) if found else "")),))


def _report(trace: str) -> dict[str, object]:
    told = last_telltale(trace)
    if told is None:
        story = "The attempt did not earn the full reward, and nothing it says tells why."
        return {"cause": "", "event": _event(trace, len(trace)), "quote": "", "story": story}
    story = f"The agent acted on this thought, and what it left does not hold: {told.phrase}"
    cause = told.slip.replace("_", " ")
    return {"cause": cause, "event": _event(trace, told.at), "quote": told.phrase, "story": story}


def _event(trace: str, before: int) -> int:
    """Number the last event that begins before a place in the text."""
    numbers = [int(match.group(1)) for match in _EVENT.finditer(trace, 0, before)]
    return numbers[-1] if numbers else 0
