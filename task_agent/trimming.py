"""Context trimming: take old tool results out of a conversation, in steps, so that a provider's cache keeps its use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from task_agent.models.base import Block, Message

LEFT_OUT = "[old output left out to save context; get it again if you need it]"
WORTH_CHARS = 400
"""Shorter results stay: leaving them out would save nothing."""


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Hold a conversation after trimming, and how many results left it."""

    messages: list[Message]
    count: int


def trimmed(messages: Sequence[Message], keep: int) -> Trimmed:
    """Leave out the output of tool results older than the newest `keep`, once that many have come together.

    Calls and results stay in pairs. Until as many old results wait, nothing changes, so what a provider
    has cached of the conversation is lost once in `keep` results and not at every turn.
    """
    places = [
        (number, index)
        for number, message in enumerate(messages)
        for index, block in enumerate(message.content)
        if block.get("type") == "tool_result"
    ]
    old = {place for place in places[:-keep] if _is_worth_it(messages[place[0]].content[place[1]])}
    if len(old) < keep:
        return Trimmed(list(messages), 0)
    return Trimmed([_without(message, number, old) for number, message in enumerate(messages)], len(old))


def _is_worth_it(block: Block) -> bool:
    return len(str(block.get("content", ""))) > WORTH_CHARS


def _without(message: Message, number: int, old: set[tuple[int, int]]) -> Message:
    content = [
        {**block, "content": LEFT_OUT} if (number, index) in old else block
        for index, block in enumerate(message.content)
    ]
    return Message(message.role, content)
