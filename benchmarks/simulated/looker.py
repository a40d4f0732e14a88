"""The simulated model in the live check: it looks up a word and reports it."""

from __future__ import annotations

import re

from benchmarks.simulated.conversation import Call, Conversation, Turn, text_of
from task_agent.models.probe import REPORT_WORD

_ASKED = re.compile(r"code word of line (\d+)")


def reply(conversation: Conversation) -> Turn:
    """Report the word of the line that was asked for last."""
    asked = [found for message in conversation.messages for found in _ASKED.findall(text_of(message))]
    listed = re.search(rf"^Line {asked[-1]}: .* (\w+)\.$", conversation.system, re.MULTILINE) if asked else None
    if listed is None:
        return Turn("I was not asked for a line that there is.")
    return Turn("", (Call(REPORT_WORD.name, {"word": listed[1]}),))
