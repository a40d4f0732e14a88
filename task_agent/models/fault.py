"""How one request to a loopback server can go wrong: on its way, by its status, or in what is answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from task_agent.models.base import WireReply
from task_agent.models.scripted import wire_error

Body = dict[str, Any]
"""A message of the Messages API (Any: JSON)."""


class FaultKind(StrEnum):
    """Name where a fault lies: in the status, the connection, the time, or the answer itself."""

    STATUS = "status"
    DISCONNECT = "disconnect"
    TRUNCATED = "truncated"
    GARBLED = "garbled"
    SLOW = "slow"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Fault:
    """Describe one fault; use the named constructors."""

    kind: FaultKind
    reply: WireReply | None = None
    delay_s: float = 0.0
    change: Callable[[Body], Body] | None = None

    @classmethod
    def status(cls, status: int, kind: str = "api_error", message: str = "as scripted") -> Fault:
        """Answer with an error of any status."""
        return cls(FaultKind.STATUS, wire_error(status, kind, message))

    @classmethod
    def rate_limited(cls, *, retry_after_ms: int | None = None, retry_after_s: float | None = None) -> Fault:
        """Answer 429, with one of the headers that say how long to wait."""
        headers: dict[str, str] = {}
        if retry_after_ms is not None:
            headers["retry-after-ms"] = str(retry_after_ms)
        if retry_after_s is not None:
            headers["retry-after"] = f"{retry_after_s:g}"
        return cls(FaultKind.STATUS, wire_error(429, "rate_limit_error", "too many requests", headers=headers))

    @classmethod
    def overloaded(cls) -> Fault:
        """Answer 529."""
        return cls.status(529, "overloaded_error", "overloaded")

    @classmethod
    def server_error(cls) -> Fault:
        """Answer 500."""
        return cls.status(500, "api_error", "internal error")

    @classmethod
    def prompt_too_long(cls) -> Fault:
        """Answer 400, as the provider does for a prompt longer than the model's context."""
        return cls.status(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")

    @classmethod
    def blocked(cls) -> Fault:
        """Answer 400, as the provider does when its filter blocks the answer."""
        return cls.status(400, "invalid_request_error", "Output blocked by content filtering policy")

    @classmethod
    def disconnect(cls) -> Fault:
        """Close the connection without an answer."""
        return cls(FaultKind.DISCONNECT)

    @classmethod
    def truncated(cls) -> Fault:
        """Announce the whole answer, send half of it, and close."""
        return cls(FaultKind.TRUNCATED)

    @classmethod
    def garbled(cls) -> Fault:
        """Send half of the answer as if it were all of it."""
        return cls(FaultKind.GARBLED)

    @classmethod
    def slow(cls, delay_s: float) -> Fault:
        """Answer properly, but late."""
        return cls(FaultKind.SLOW, delay_s=delay_s)

    @classmethod
    def refusal(cls) -> Fault:
        """Let the model refuse."""
        return cls(FaultKind.ANSWER, change=_refused)

    @classmethod
    def cut_off(cls) -> Fault:
        """Let the answer reach its limit of tokens: half its text, and no whole input of its last call."""
        return cls(FaultKind.ANSWER, change=_cut_off)

    @classmethod
    def context_full(cls) -> Fault:
        """Let the conversation fill the model's context within the answer."""
        return cls(FaultKind.ANSWER, change=_context_full)

    @classmethod
    def malformed_input(cls) -> Fault:
        """Let every tool be called with an input that was no whole JSON; an answer without calls stays as it is."""
        return cls(FaultKind.ANSWER, change=_malformed)

    @classmethod
    def unknown_tool(cls) -> Fault:
        """Let every call be of a tool that nobody offered; an answer without calls stays as it is."""
        return cls(FaultKind.ANSWER, change=_unknown_tool)

    def changed(self, reply: WireReply) -> WireReply:
        """Give the answer as this fault leaves it; an error stays one."""
        if self.change is None or reply.status != 200:
            return reply
        return WireReply(reply.status, self.change(dict(reply.body)), reply.headers)


def _refused(body: Body) -> Body:
    details = {"type": "refusal", "category": None, "explanation": "refused, as scripted"}
    return {**body, "content": [], "stop_reason": "refusal", "stop_details": details}


def _cut_off(body: Body) -> Body:
    *whole, last = body["content"] or [{"type": "text", "text": ""}]
    cut = {**last, "input": {}} if last["type"] == "tool_use" else {**last, "text": _half(str(last.get("text", "")))}
    return {**body, "content": [*whole, cut], "stop_reason": "max_tokens"}


def _context_full(body: Body) -> Body:
    texts = [{**block, "text": _half(block["text"])} for block in body["content"] if block["type"] == "text"]
    return {**body, "content": texts, "stop_reason": "model_context_window_exceeded"}


def _malformed(body: Body) -> Body:
    return _calls(body, lambda call: {**call, "input": {"INVALID_JSON": _half(json.dumps(call["input"]))}})


def _unknown_tool(body: Body) -> Body:
    return _calls(body, lambda call: {**call, "name": "no_such_tool"})


def _calls(body: Body, change: Callable[[Body], Body]) -> Body:
    content = [change(block) if block["type"] == "tool_use" else block for block in body["content"]]
    return {**body, "content": content}


def _half(text: str) -> str:
    return text[: len(text) // 2]
