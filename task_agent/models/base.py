"""What the rest of Ratchet knows of a language model: one request in, one reply out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from task_agent.models.incident import Hear, unheard
from traces.event import TokenUsage

Block = Mapping[str, Any]
"""One content block in the Messages API's own shape (Any: the shape depends on `type`)."""


@dataclass(frozen=True, slots=True)
class Message:
    """Say one thing: role `user` or `assistant`, and its content blocks."""

    role: str
    content: Sequence[Block]


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """Offer one tool to the model: name, description, and the JSON Schema of its input."""

    name: str
    description: str
    input_schema: Mapping[str, Any]  # Any: JSON Schema


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Ask a model for its next message.

    `user_id` is the attempt's opaque token and goes into `metadata.user_id`. `effort` goes into
    `output_config.effort`. The client marks the stable prefix (tools, system, history) for caching.
    `hear` is told of every try that failed, and of every refusal that another model was asked after.
    """

    model: str
    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSchema] = ()
    max_tokens: int = 4096
    user_id: str | None = None
    effort: str | None = None
    timeout_s: float = 600.0
    hear: Hear = field(default=unheard, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ModelReply:
    """Hold a model's message, why it stopped, what it used and what that cost.

    `cost_usd` is None when the model has no price ("unpriced"), never 0 for unknown. `content` holds
    the blocks as they can be sent back (thinking signatures included). `model` is set where another
    model answered than was asked: usage and cost then hold what the refusing ones used, too.
    `stop_details` is what the provider says of a refusal.
    """

    content: Sequence[Block]
    stop_reason: str
    usage: TokenUsage
    cost_usd: float | None
    request_id: str | None = None
    duration_ms: float = 0.0
    raw_usage: Mapping[str, Any] = field(default_factory=dict)  # Any: the provider's own record, kept for re-pricing
    model: str | None = None
    stop_details: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON, as the provider words it

    @property
    def text(self) -> str:
        """Join the text blocks."""
        return "\n".join(str(block["text"]) for block in self.content if block.get("type") == "text" and block["text"])

    @property
    def tool_calls(self) -> list[Block]:
        """List the `tool_use` blocks."""
        return [block for block in self.content if block.get("type") == "tool_use"]


class ModelClient(Protocol):
    """Send requests to a model.

    Raises from `create`: `ProviderUnavailableError`, `ProviderRateLimitedError`,
    `ProviderRefusedRequestError`, `OutOfTimeError`, `OutOfTokensError` of `task_agent.errors`;
    `traces.errors.CredentialsError` when the key is missing or refused.
    """

    async def create(self, request: ModelRequest) -> ModelReply:
        """Return the model's next message."""
        ...

    async def close(self) -> None:
        """Release connections; safe to call twice."""
        ...


@dataclass(frozen=True, slots=True)
class WireRequest:
    """Carry one HTTP request of the Messages API to an in-process model: its path and parsed JSON body."""

    path: str
    body: Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class WireReply:
    """Carry the answer back: HTTP status, headers, JSON body."""

    status: int
    body: Mapping[str, Any]  # Any: JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class WireModel(Protocol):
    """Answer the Messages API in process, as a pure function of the request (the simulated model does)."""

    def __call__(self, request: WireRequest, /) -> WireReply:
        """Answer one request."""
        ...
