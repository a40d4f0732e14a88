"""An attempt's events by turn: what each turn used and how long it took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from traces.errors import UsageError
from traces.event import Event, EventKind, TokenUsage


@dataclass(frozen=True, slots=True)
class Used:
    """Add up what events used; `unpriced` counts the requests whose price nobody knows."""

    usage: TokenUsage
    requests: int
    cost_usd: float
    unpriced: int

    @property
    def cost(self) -> str:
        """Write the cost; what is unknown is never written as a number."""
        if self.unpriced:
            return "unpriced" if self.unpriced == self.requests else f"over ${self.cost_usd:.4f}, partly unpriced"
        return f"${self.cost_usd:.4f}"


@dataclass(frozen=True, slots=True)
class Turn:
    """Hold events that belong together: one model call of one agent and what came of it.

    Number 0 is what comes before an agent's first call, and what follows the last one.
    """

    agent: str
    number: int
    events: tuple[Event, ...]
    seconds: float


def used(events: Iterable[Event]) -> Used:
    """Add up the requests among events."""
    requests = [event for event in events if event.usage is not None]
    return Used(
        sum((event.usage for event in requests if event.usage), TokenUsage()),
        len(requests),
        sum(event.cost_usd or 0.0 for event in requests),
        sum(event.cost_usd is None for event in requests),
    )


def turns(events: Sequence[Event]) -> list[Turn]:
    """Cut an attempt's events into turns, in order; a turn that others interrupt stands in several parts."""
    parts: list[list[Event]] = []
    for event in events:
        if parts and (parts[-1][0].agent, parts[-1][0].turn) == (event.agent, event.turn):
            parts[-1].append(event)
        else:
            parts.append([event])
    return [_turn(part, before) for part, before in zip(parts, [None, *parts[:-1]], strict=True)]


def _turn(part: list[Event], before: list[Event] | None) -> Turn:
    """Measure a turn from the event before it: a model's event is written when its answer is there."""
    began = max(event.ts for event in before) if before else part[0].ts
    return Turn(part[0].agent, part[0].turn, tuple(part), max(max(event.ts for event in part) - began, 0.0))


def is_ended(events: Iterable[Event]) -> bool:
    """Say whether an attempt has come to its end."""
    return any(event.kind is EventKind.ATTEMPT_END for event in events)


def turn_range(text: str, last: int) -> range:
    """Read `3`, `2-5`, `4-` or `-2` (the last two) as the turns it means.

    Raises:
        UsageError: It is no range, or no turn lies in it.
    """
    hint = f"this attempt has turns 1 to {last}; give one such as 3, a range such as 2-5 or 4-, or -2 for the last two"
    first, dash, end = text.partition("-")
    words = [word for word in (first, end) if word]
    if not words or not all(word.isascii() and word.isdigit() for word in words):
        raise UsageError(f"{text!r} is no turn and no range of turns", hint=hint)
    if not dash:
        wanted = range(int(first), int(first) + 1)
    elif not first:
        wanted = range(max(last - int(end) + 1, 1), last + 1)
    else:
        wanted = range(int(first), (int(end) if end else last) + 1)
    if not range(max(wanted.start, 0), min(wanted.stop, last + 1)):
        raise UsageError(f"no turn lies in {text!r}", hint=hint)
    return wanted


def each_in(wanted: range, parts: Iterable[Turn]) -> Iterator[Turn]:
    """Pick the turns whose number lies in a range."""
    return (part for part in parts if part.number in wanted)
