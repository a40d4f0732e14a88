"""One typed entry of an attempt's record, and the columns it is stored in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SCHEMA_VERSION = 1
"""Version of the stored columns; readers refuse a newer one by name."""


class EventKind(StrEnum):
    """Name what an event records."""

    ATTEMPT_START = "attempt_start"
    SYSTEM = "system"
    USER = "user"
    MODEL = "model"
    THINKING = "thinking"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    NOTE = "note"
    INCIDENT = "incident"
    VERIFIER = "verifier"
    ERROR = "error"
    ATTEMPT_END = "attempt_end"


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Count the tokens of one or more requests; `input` excludes what the cache served or stored."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
        )

    @property
    def total(self) -> int:
        """Add up all four counts."""
        return self.input + self.output + self.cache_read + self.cache_write


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """Say which attempt an event belongs to.

    `attempt` is the whole id, `c012/<task>/a02`; `split` is train, heldout, test, or `proposer`
    for a meta-agent's own session.
    """

    run: str
    candidate: str
    task: str
    split: str
    attempt: str


@dataclass(frozen=True, slots=True)
class Event:
    """Record one thing that happened in an attempt.

    `seq` counts from 0 within the attempt; `ts` is Unix seconds; `turn` counts model calls from 1
    within the agent (0 before the first). `agent` is `main`, `verifier`, ... Usage, cost and
    duration stand on `model` events (duration also on `tool_result`); cost None means unpriced. The name
    of a `model` event is the model that answered, of an `incident` its kind.
    """

    key: AttemptKey
    seq: int
    ts: float
    kind: EventKind
    agent: str = "main"
    turn: int = 0
    name: str | None = None
    text: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)  # Any: free JSON, different for each kind
    usage: TokenUsage | None = None
    cost_usd: float | None = None
    duration_ms: float | None = None
