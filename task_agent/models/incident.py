"""What happens to a model's calls besides a clean answer: told as it happens, counted in the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class IncidentKind(StrEnum):
    """Name what happened. The first six are tries of one request, which the client makes again by itself."""

    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    NO_ANSWER = "no_answer"
    CUT_SHORT = "cut_short"
    GARBLED = "garbled"
    REFUSAL = "refusal"
    SAFETY_BLOCK = "safety_block"
    FALLBACK = "fallback"
    CUT_OFF = "cut_off"
    CONTEXT_FULL = "context_full"
    MALFORMED_INPUT = "malformed_input"
    UNKNOWN_TOOL = "unknown_tool"


MEANINGS: Final[Mapping[IncidentKind, str]] = {
    IncidentKind.RATE_LIMITED: "the provider answered 429",
    IncidentKind.OVERLOADED: "the provider answered 529",
    IncidentKind.SERVER_ERROR: "the provider answered with another passing error",
    IncidentKind.NO_ANSWER: "the connection ended without an answer",
    IncidentKind.CUT_SHORT: "the connection ended within the answer",
    IncidentKind.GARBLED: "the answer was no message",
    IncidentKind.REFUSAL: "the model refused",
    IncidentKind.SAFETY_BLOCK: "the provider's filter blocked the answer",
    IncidentKind.FALLBACK: "another model was asked instead",
    IncidentKind.CUT_OFF: "the answer reached its limit of tokens",
    IncidentKind.CONTEXT_FULL: "the conversation filled the model's context",
    IncidentKind.MALFORMED_INPUT: "a tool was called with an input that does not fit it",
    IncidentKind.UNKNOWN_TOOL: "a tool was called that there is not",
}


@dataclass(frozen=True, slots=True)
class Incident:
    """Tell of one incident: its kind, what was said of it, and facts for a program."""

    kind: IncidentKind
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)  # Any: free JSON


Hear = Callable[[Incident], None]
"""Take an incident the moment it happens."""


def unheard(incident: Incident, /) -> None:
    """Let an incident pass: who asks without a trace has nowhere to note it."""
