"""One attempt's events as lines of JSON, for tools that know nothing of Ratchet."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from traces._line import dump
from traces.event import Event


def event_lines(events: Iterable[Event]) -> str:
    """Write each event as one line of JSON: the columns of `ratchet trace sql`, absent ones left out."""
    return "\n".join(dump(_record(event)) for event in events)


def _record(event: Event) -> dict[str, Any]:  # Any: JSON
    usage = event.usage
    record = {
        **dataclasses.asdict(event.key),
        "seq": event.seq,
        "ts": event.ts,
        "kind": event.kind.value,
        "agent": event.agent,
        "turn": event.turn,
        "name": event.name,
        "text": event.text,
        "data": dict(event.data) or None,
        "input_tokens": usage.input if usage else None,
        "output_tokens": usage.output if usage else None,
        "cache_read_tokens": usage.cache_read if usage else None,
        "cache_write_tokens": usage.cache_write if usage else None,
        "cost_usd": event.cost_usd,
        "duration_ms": event.duration_ms,
    }
    return {key: value for key, value in record.items() if value is not None}
