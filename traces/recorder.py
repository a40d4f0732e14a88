"""Where an attempt's events go: what the agent and the attempt write into."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypedDict, Unpack

from traces.event import AttemptKey, Event, EventKind, TokenUsage


class EventFields(TypedDict, total=False):
    """Name what an event may say besides its kind and data; `Event` says what each means."""

    agent: str
    turn: int
    name: str | None
    text: str | None
    usage: TokenUsage | None
    cost_usd: float | None
    duration_ms: float | None


class Recorder(Protocol):
    """Take the events of one attempt, in order."""

    def emit(
        self, kind: EventKind, *, data: Mapping[str, Any] | None = None, **fields: Unpack[EventFields]
    ) -> None:  # Any: free JSON, different for each kind
        """Record one event; `seq` and `ts` are given by the recorder."""
        ...


class CountingRecorder:
    """Pass events on, and count the incidents among them by name, in `incidents`."""

    def __init__(self, recorder: Recorder, incidents: Counter[str] | None = None) -> None:
        self.incidents: Counter[str] = Counter() if incidents is None else incidents
        self._recorder = recorder

    def emit(
        self, kind: EventKind, *, data: Mapping[str, Any] | None = None, **fields: Unpack[EventFields]
    ) -> None:  # Any: free JSON
        """Record one event."""
        name = fields.get("name")
        if kind is EventKind.INCIDENT and name is not None:
            self.incidents[str(name)] += 1
        self._recorder.emit(kind, data=data, **fields)


class MemoryRecorder:
    """Keep the events of one attempt in a list, as tests and dry runs need it.

    Args:
        key: The attempt; a made-up one when left out.
        clock: Gives Unix seconds.
    """

    def __init__(self, key: AttemptKey | None = None, clock: Callable[[], float] = time.time) -> None:
        self.key = key or AttemptKey("run", "c000", "task", "train", "c000/task/a00")
        self.events: list[Event] = []
        self._clock = clock

    def emit(
        self, kind: EventKind, *, data: Mapping[str, Any] | None = None, **fields: Unpack[EventFields]
    ) -> None:  # Any: free JSON
        """Append one event."""
        self.events.append(Event(self.key, len(self.events), self._clock(), kind, data=dict(data or {}), **fields))
