"""What can still be read of an attempt whose file is damaged: the columns whose checksums hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from traces._line import Row, events
from traces._parquet import COLUMNS
from traces.event import Event
from traces.segment import Span
from traces.store import TraceStore

_NEEDED: Final = frozenset({"run", "candidate", "task", "split", "attempt", "start", "seq", "ts", "kind"})
_USAGE: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
"""These tell something only together."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """Hold the events of a damaged file, and the columns that are lost in all of them."""

    events: list[Event]
    lost: tuple[str, ...]


def salvage(store: TraceStore, attempt: str) -> Salvaged | None:
    """Read what is left of an attempt in a damaged file; None when too little is."""
    places = [
        (segment.path, span)
        for segment in store.segments()
        for name, span in zip(segment.attempts, segment.spans, strict=True)
        if name == attempt
    ]
    if not places:
        return None
    path, span = max(places, key=lambda place: place[1].start)
    try:
        with pq.ParquetFile(store.root / path, page_checksum_verification=True) as file:
            columns = {name: _column(file, name, span) for name in COLUMNS.names}
    except (OSError, pa.ArrowException):
        return None
    return _rebuilt(columns, attempt, span)


def _column(file: pq.ParquetFile, name: str, span: Span) -> list[Any] | None:  # Any: stored values
    try:
        values = file.read_row_group(span.group, columns=[name])[name].slice(span.first, span.rows).to_pylist()
    except (OSError, pa.ArrowException):
        return None
    return values if len(values) == span.rows else None


def _rebuilt(columns: dict[str, list[Any] | None], attempt: str, span: Span) -> Salvaged | None:  # Any: stored values
    lost = tuple(name for name, values in columns.items() if values is None)
    if not _NEEDED.isdisjoint(lost):
        return None
    if not set(_USAGE).isdisjoint(lost):
        lost = tuple(dict.fromkeys([*lost, *_USAGE]))
    kept = {name: values for name, values in columns.items() if values is not None and name not in lost}
    rows: list[Row] = [{name: values[at] for name, values in kept.items()} for at in range(span.rows)]
    if any(row["attempt"] != attempt or row["start"] != span.start for row in rows):
        return None
    return Salvaged(events(rows), lost)
