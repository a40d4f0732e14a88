"""The simulated chooser: looks at every draft once and takes the first it finds nothing wrong with."""

from __future__ import annotations

import re

from benchmarks.simulated.agent import mark_of
from benchmarks.simulated.checker import is_caught
from benchmarks.simulated.conversation import Call, Conversation, Turn
from benchmarks.simulated.library import Library
from benchmarks.simulated.profile import TaskProfile, catch_chance
from benchmarks.simulated.told import mark_variable, seed_of

_DRAFT = re.compile(r"^Draft (\d+): (.+)$", re.MULTILINE)


def reply(conversation: Conversation, library: Library) -> Turn:
    """Say what the chooser says next."""
    known = library.find(conversation.ask(0))
    drafts = {int(number): folder for number, folder in _DRAFT.findall(conversation.ask(0).rpartition("</task>")[2])}
    if conversation.position == 0:
        looks = "; ".join(f'ls -la "{folder}"' for folder in drafts.values())
        marks = " ".join(f"${mark_variable(number)}" for number in drafts)
        return Turn("I look at each of them.", (Call("bash", {"command": f'{looks}; echo "marks: {marks}"'}),))
    if any(True for _ in conversation.calls("report_choice")):
        return Turn("The choice is reported.")
    seen = "\n".join(call.result for call in conversation.calls("bash"))
    good = [n for n in drafts if known is not None and not _is_suspect(conversation, library, known, n, seen)]
    return Turn("This one seems best.", (Call("report_choice", {"draft": good[0] if good else 1}),))


def _is_suspect(conversation: Conversation, library: Library, known: TaskProfile, draft: int, seen: str) -> bool:
    seed, reading = seed_of(conversation.user_id, draft), library.read(conversation.fixed)
    done = next((name for name in known.slips if mark_of(seed, name) in seen), None)
    return done is not None and is_caught(seed, done, catch_chance(reading, known, done))
