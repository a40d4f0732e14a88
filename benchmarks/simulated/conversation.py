"""A request of the Messages API as the simulated model reads it, and its reply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

from benchmarks.simulated.detector import ToolText
from benchmarks.simulated.draws import token

Json = Mapping[str, Any]  # Any: JSON of the Messages API
_COUNTED = 8_000
"""Characters of one tool input that count as tokens; packed files would fill any context."""


@dataclass(frozen=True)
class Conversation:
    """Hold one request: its fixed part, and what was said so far."""

    system: str
    tools: tuple[Json, ...]
    messages: tuple[Json, ...]
    user_id: str
    model: str
    caches: bool

    @cached_property
    def fixed(self) -> tuple[str, tuple[ToolText, ...]]:
        """The part that the detector reads, as a key."""
        texts = (ToolText(str(t.get("name", "")), str(t.get("description", ""))) for t in self.tools)
        return self.system, tuple(texts)

    @cached_property
    def tool_names(self) -> frozenset[str]:
        """The names of the tools offered."""
        return frozenset(str(tool.get("name", "")) for tool in self.tools)

    @cached_property
    def asks(self) -> tuple[int, ...]:
        """Where somebody speaks to the agent: user messages that are not tool results."""
        return tuple(
            index
            for index, message in enumerate(self.messages)
            if message.get("role") == "user" and not any(b.get("type") == "tool_result" for b in blocks(message))
        )

    @property
    def position(self) -> int:
        """Count the agent's own messages since it was last spoken to."""
        start = self.asks[-1] if self.asks else 0
        return sum(1 for message in self.messages[start:] if message.get("role") == "assistant")

    def ask(self, number: int) -> str:
        """Give the text of the ask with that number (negative counts from the end)."""
        return text_of(self.messages[self.asks[number]]) if self.asks else ""

    def calls(self, name: str | None = None) -> Iterator[ToolCall]:
        """List the tool calls so far that were answered, in order."""
        pending: dict[str, tuple[str, Json]] = {}
        for message in self.messages:
            for block in blocks(message):
                kind = block.get("type")
                if kind == "tool_use":
                    pending[str(block.get("id"))] = (str(block.get("name")), block.get("input") or {})
                elif kind == "tool_result" and str(block.get("tool_use_id")) in pending:
                    called, given = pending[str(block.get("tool_use_id"))]
                    if name in (None, called):
                        yield ToolCall(called, given, result_text(block), bool(block.get("is_error")))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """Hold one answered tool call."""

    name: str
    input: Json
    result: str
    is_error: bool


def problem(body: Json) -> str | None:
    """Say what in a request's body cannot be read; None when nothing is."""
    messages = body.get("messages")
    if not _are_objects(messages) or not messages:
        return "`messages` must be a list with at least one message, each an object"
    if not _are_objects(body.get("tools") or ()):
        return "`tools` must be a list of objects"
    if not isinstance(body.get("metadata") or {}, Mapping):
        return "`metadata` must be an object"
    if not _is_content(body.get("system") or ""):
        return "`system` must be a text or a list of blocks"
    read = [_is_content(message.get("content") or "") for message in messages]
    return None if all(read) else f"`messages.{read.index(False)}.content` must be a text or a list of blocks"


def _is_content(value: object) -> bool:
    if isinstance(value, str):
        return True
    return _are_objects(value) and all(_is_block(block) for block in value)


def _is_block(block: Json) -> bool:
    return (
        isinstance(block.get("text", ""), str)
        and isinstance(block.get("input") or {}, Mapping)
        and _is_content(block.get("content") or "")
    )


def _are_objects(value: object) -> TypeGuard[Sequence[Json]]:
    return isinstance(value, list | tuple) and all(isinstance(each, Mapping) for each in value)


def parse(body: Json) -> Conversation:
    """Read a request's body, in which there is no problem."""
    system = body.get("system") or ""
    caches = not isinstance(system, str) and any("cache_control" in block for block in system)
    if not isinstance(system, str):
        system = "\n".join(str(block.get("text", "")) for block in system)
    return Conversation(
        system=system,
        tools=tuple(body.get("tools") or ()),
        messages=tuple(body["messages"]),
        user_id=str((body.get("metadata") or {}).get("user_id") or ""),
        model=str(body.get("model", "simulated")),
        caches=caches,
    )


def blocks(message: Json) -> Sequence[Json]:
    """Give a message's content as blocks, also when it is a bare text."""
    content = message.get("content") or ()
    return ({"type": "text", "text": content},) if isinstance(content, str) else content


def text_of(message: Json) -> str:
    """Join a message's text blocks."""
    return "\n".join(str(block.get("text", "")) for block in blocks(message) if block.get("type") == "text")


def result_text(block: Json) -> str:
    """Give the text of a tool result."""
    content = block.get("content") or ""
    return content if isinstance(content, str) else "\n".join(str(part.get("text", "")) for part in content)


@dataclass(frozen=True, slots=True)
class Call:
    """Ask for one tool."""

    tool: str
    input: Json


@dataclass(frozen=True, slots=True)
class Turn:
    """Hold what the model says next: some text, and tools to call (none ends its work)."""

    text: str
    calls: tuple[Call, ...] = ()


def render(conversation: Conversation, turn: Turn) -> dict[str, Any]:  # Any: JSON
    """Turn what the model says into the body of a reply."""
    number = str(len(conversation.messages))
    content: list[dict[str, Any]] = [{"type": "text", "text": turn.text}] if turn.text else []  # Any: JSON
    for index, call in enumerate(turn.calls):
        call_id = f"toolu_{token(conversation.user_id, conversation.system, number, str(index), size=10)}"
        content.append({"type": "tool_use", "id": call_id, "name": call.tool, "input": dict(call.input)})
    return {
        "id": f"msg_{token(conversation.user_id, conversation.system, number, size=12)}",
        "type": "message",
        "role": "assistant",
        "model": conversation.model,
        "content": content,
        "stop_reason": "tool_use" if turn.calls else "end_turn",
        "stop_sequence": None,
        "usage": _usage(conversation, turn),
    }


def _usage(conversation: Conversation, turn: Turn) -> dict[str, int]:
    """Estimate tokens as a quarter of the characters; with cache marks, what an earlier turn sent is read."""
    messages = conversation.messages
    fixed = len(conversation.system) + sum(len(t.name) + len(t.description) + 120 for t in conversation.fixed[1])
    sizes = [_size(message) for message in messages]
    old, new = fixed + sum(sizes[:-2]), sum(sizes[-2:])
    spoken = len(turn.text) + sum(min(_COUNTED, len(str(call.input))) + 40 for call in turn.calls)
    counts = {"output_tokens": spoken // 4 + 1, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    if not conversation.caches:
        return {"input_tokens": (old + new) // 4 + 1, **counts}
    first = len(messages) == 1
    counts["cache_read_input_tokens"] = 0 if first else old // 4
    counts["cache_creation_input_tokens"] = (old + new if first else new) // 4
    return {"input_tokens": 1, **counts}


def _size(message: Json) -> int:
    total = 0
    for block in blocks(message):
        kind = block.get("type")
        if kind == "text":
            total += len(block.get("text", ""))
        elif kind == "tool_use":
            total += 40 + sum(min(_COUNTED, len(str(value))) for value in block.get("input", {}).values())
        elif kind == "tool_result":
            total += 20 + len(result_text(block))
    return total
