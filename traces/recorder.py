"""Where an attempt's events go: what the agent and the attempt write into."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from traces.event import AttemptKey, Event, EventKind, TokenUsage


class Recorder(Protocol):
    """Take the events of one attempt, in order."""

    def emit(
        self,
        kind: EventKind,
        *,
        agent: str = "main",
        turn: int = 0,
        name: str | None = None,
        text: str | None = None,
        data: Mapping[str, Any] | None = None,  # Any: free JSON, different for each kind
        usage: TokenUsage | None = None,
        cost_usd: float | None = None,
        duration_ms: float | None = None,
    ) -> None:
        """Record one event; `seq` and `ts` are given by the recorder."""
        ...


class CountingRecorder:
    """Pass events on, and count the incidents among them by name, in `incidents`."""

    def __init__(self, recorder: Recorder, incidents: Counter[str] | None = None) -> None:
        self.incidents: Counter[str] = Counter() if incidents is None else incidents
        self._recorder = recorder

    def emit(
        self,
        kind: EventKind,
        *,
        agent: str = "main",
        turn: int = 0,
        name: str | None = None,
        text: str | None = None,
        data: Mapping[str, Any] | None = None,  # Any: free JSON
        usage: TokenUsage | None = None,
        cost_usd: float | None = None,
        duration_ms: float | None = None,
    ) -> None:
        """Record one event."""
        if kind is EventKind.INCIDENT and name is not None:
            self.incidents[str(name)] += 1
        self._recorder.emit(
            kind,
            agent=agent,
            turn=turn,
            name=name,
            text=text,
            data=data,
            usage=usage,
            cost_usd=cost_usd,
            duration_ms=duration_ms,
        )


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
        self,
        kind: EventKind,
        *,
        agent: str = "main",
        turn: int = 0,
        name: str | None = None,
        text: str | None = None,
        data: Mapping[str, Any] | None = None,  # Any: free JSON
        usage: TokenUsage | None = None,
        cost_usd: float | None = None,
        duration_ms: float | None = None,
    ) -> None:
        """Append one event."""
        self.events.append(
            Event(
                key=self.key,
                seq=len(self.events),
                ts=self._clock(),
                kind=kind,
                agent=agent,
                turn=turn,
                name=name,
                text=text,
                data=dict(data or {}),
                usage=usage,
                cost_usd=cost_usd,
                duration_ms=duration_ms,
            )
        )
