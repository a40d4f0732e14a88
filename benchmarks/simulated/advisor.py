"""The simulated planner and sub-agent: look at the inputs if they can, and warn of what they foresee."""

from __future__ import annotations

from benchmarks.simulated.conversation import Call, Conversation, Turn
from benchmarks.simulated.foresight import foresee_chance, is_foreseen, warnings
from benchmarks.simulated.library import Library
from benchmarks.simulated.profile import TaskProfile

LOOKS = ("bash", "view")
"""Tools by which inputs can be looked at; the first one offered is used."""


def reply(conversation: Conversation, library: Library) -> Turn:
    """Say what the planner or sub-agent says next."""
    known = library.find(conversation.ask(0))
    look = next((tool for tool in LOOKS if tool in conversation.tool_names), None)
    if known is None:
        return Turn("I know nothing of this.")
    if look is not None and conversation.position == 0:
        return Turn("I look at the inputs.", (_look(look, known),))
    return Turn(_advice(conversation, library, known, looks=look is not None))


def _look(tool: str, known: TaskProfile) -> Call:
    if tool == "view":
        return Call(tool, {"path": "."})
    return Call(tool, {"command": str(known.task.metadata.get("inspect") or "ls -la")})


def _advice(conversation: Conversation, library: Library, known: TaskProfile, *, looks: bool) -> str:
    reading, seed = library.read(conversation.fixed), conversation.user_id
    foreseen = {
        name: is_foreseen(seed, name, foresee_chance(reading, known, name, looks=looks)) for name in known.slips
    }
    return f"Work through the request in its order.\n{warnings(foreseen)}".rstrip()
