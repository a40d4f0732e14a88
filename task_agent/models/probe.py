"""A question for a few hundredths of a cent that shows what a night needs of a model: tools, effort, and a cache."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from task_agent.models.base import Message, ModelReply, ModelRequest, ToolSchema

LINES = 320
"""Lines of the system prompt: with fewer tokens than about 4,096 some models store nothing in their cache."""
ASKED = (217, 118)
"""The line asked for in each of the two turns."""
MAX_TOKENS = 2000
REPORT_WORD = ToolSchema(
    name="report_word",
    description="Report the code word that was asked for.",
    input_schema={
        "type": "object",
        "properties": {"word": {"type": "string", "description": "The code word, and nothing else."}},
        "required": ["word"],
        "additionalProperties": False,
    },
)


def word(line: int) -> str:
    """Give the code word of a line."""
    return hashlib.sha256(f"line {line}".encode()).hexdigest()[:8]


def system_prompt() -> str:
    """Write the list that the model looks words up in."""
    lines = (f"Line {number}: the code word of this line is {word(number)}." for number in range(1, LINES + 1))
    return "\n".join(["You look up code words. Answer with the tool report_word alone.", *lines])


def first(model: str, effort: str | None, user_id: str) -> ModelRequest:
    """Ask for the first word."""
    return _request(model, effort, user_id, [Message("user", [_text(ASKED[0])])])


def second(model: str, effort: str | None, user_id: str, answer: ModelReply) -> ModelRequest:
    """Ask for the second word, in the same conversation."""
    results = [{"type": "tool_result", "tool_use_id": call.get("id"), "content": "noted"} for call in answer.tool_calls]
    said = [
        Message("user", [_text(ASKED[0])]),
        Message("assistant", answer.content),
        Message("user", [*results, _text(ASKED[1])]),
    ]
    return _request(model, effort, user_id, said)


def problem(answer: ModelReply) -> str | None:
    """Say what is wrong with the first answer; None when the tool was called with the right word."""
    if answer.stop_reason == "refusal":
        return "it refused to look up a word"
    calls = [call for call in answer.tool_calls if call.get("name") == REPORT_WORD.name]
    if not calls:
        return f"it did not call the tool it was given (it stopped with `{answer.stop_reason}`)"
    given = calls[0].get("input") or {}
    right = word(ASKED[0])
    return None if given.get("word") == right else f"it called the tool with {dict(given)!r}, not with {right!r}"


def _text(line: int) -> dict[str, str]:
    return {"type": "text", "text": f"Report the code word of line {line}."}


def _request(model: str, effort: str | None, user_id: str, messages: Sequence[Message]) -> ModelRequest:
    return ModelRequest(
        model=model,
        system=system_prompt(),
        messages=messages,
        tools=[REPORT_WORD],
        max_tokens=MAX_TOKENS,
        user_id=user_id,
        effort=effort,
        timeout_s=120.0,
    )
