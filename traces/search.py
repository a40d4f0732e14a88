"""Look for an expression in the traces of a run: segment by segment, never all of it in memory."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from traces._line import dump
from traces._parquet import table
from traces.event import EventKind
from traces.matching import Pattern
from traces.render import input_lines
from traces.segment import Segment, TraceDamagedError
from traces.store import TraceStore
from traces.styled import CLOSE, ELLIPSIS, OPEN, Line, Span, Style, line

_COLUMNS: Final = ["attempt", "split", "start", "seq", "turn", "kind", "agent", "task", "name", "text", "data"]
_THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class Filters:
    """Say where to look; what is None or empty does not narrow.

    Attributes:
        splits: Whose traces; all splits when empty.
        candidate: One candidate's attempts.
        task: Attempts at one task.
        kinds: Kinds of events.
        attempts: Only these attempts.
    """

    splits: frozenset[str] = frozenset()
    candidate: str | None = None
    task: str | None = None
    kinds: frozenset[EventKind] = frozenset()
    attempts: frozenset[str] | None = None

    def takes(self, segment: Segment) -> bool:
        """Say whether a segment can hold what is looked for."""
        wanted = segment.split in self.splits if self.splits else True
        near = self.attempts is None or not self.attempts.isdisjoint(segment.attempts)
        return wanted and near and self.candidate in (None, segment.candidate)

    def mask(self, rows: pa.Table) -> pa.Table:
        """Leave the rows that pass."""
        if self.task is not None:
            rows = rows.filter(pc.equal(rows["task"], self.task))
        if self.kinds:
            rows = rows.filter(pc.is_in(rows["kind"], pa.array([kind.value for kind in self.kinds])))
        if self.attempts is not None:
            rows = rows.filter(pc.is_in(rows["attempt"], pa.array(sorted(self.attempts), pa.string())))
        return rows


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """Name an event that matches; `body` is its text with matches marked."""

    attempt: str
    seq: int
    split: str = field(compare=False)
    turn: int = field(compare=False)
    kind: str = field(compare=False)
    agent: str = field(compare=False)
    name: str | None = field(compare=False)
    body: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Found:
    """Hold the first hits by attempt and event, how many there are in all, and what could not be read."""

    hits: tuple[Hit, ...]
    total: int
    attempts: int
    damaged: tuple[TraceDamagedError, ...]


@dataclass(slots=True)
class _Part:
    hits: list[Hit] = field(default_factory=list)
    total: int = 0
    attempts: set[str] = field(default_factory=set)
    damage: TraceDamagedError | None = None


def search(store: TraceStore, pattern: Pattern, filters: Filters, *, limit: int = 20) -> Found:
    """Find the events whose text, or a call's input, matches; a damaged segment is named and passed over.

    Of an attempt that was begun twice only the last start counts. `limit` 0 gives every hit.
    """
    segments = [segment for segment in store.segments() if filters.takes(segment)]
    live = store.live_rows(splits=sorted(filters.splits) or None)
    sealed = {span.start for segment in segments for span in segment.spans}
    fresh = [row for row in live if row["start"] not in sealed and filters.candidate in (None, row["candidate"])]
    stale = _stale(segments, fresh)

    def look(segment: Segment) -> _Part:
        part = _Part()
        try:
            for rows in _rows(store, segment, filters):
                _search(rows, part, pattern, filters, stale, limit)
        except TraceDamagedError as error:
            part.damage = error
        return part

    with ThreadPoolExecutor(_THREADS) as pool:
        parts = list(pool.map(look, segments))
    if fresh:
        parts.append(_Part())
        _search(table(fresh).select(_COLUMNS), parts[-1], pattern, filters, stale, limit=0)
    return _gathered(parts, pattern, limit)


def _gathered(parts: Sequence[_Part], pattern: Pattern, limit: int) -> Found:
    every = (hit for part in parts for hit in part.hits)
    hits = sorted(every) if limit == 0 else heapq.nsmallest(limit, every)
    bodies = pattern.marked([hit.body for hit in hits])
    marked = (_with_body(hit, body or hit.body) for hit, body in zip(hits, bodies, strict=True))
    damaged = tuple(part.damage for part in parts if part.damage is not None)
    attempts: set[str] = set().union(*(part.attempts for part in parts))
    return Found(tuple(marked), sum(part.total for part in parts), len(attempts), damaged)


def _with_body(hit: Hit, body: str) -> Hit:
    return Hit(hit.attempt, hit.seq, hit.split, hit.turn, hit.kind, hit.agent, hit.name, body)


def _rows(store: TraceStore, segment: Segment, filters: Filters) -> Iterator[pa.Table]:
    """Give a segment's rows, one group at a time, checking page checksums.

    Raises:
        TraceDamagedError: The file is gone or not as it was written.
    """
    path = store.root / segment.path
    try:
        if path.stat().st_size != segment.size_bytes:
            raise TraceDamagedError(segment.path, "it has another size than was written")
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=_COLUMNS, use_threads=False)
    except FileNotFoundError as error:
        raise TraceDamagedError(segment.path, "it is gone") from error
    except (OSError, pa.ArrowException) as error:
        raise TraceDamagedError(segment.path, str(error).splitlines()[0]) from error


def _search(
    rows: pa.Table, part: _Part, pattern: Pattern, filters: Filters, stale: set[tuple[str, int]], limit: int
) -> None:
    rows = filters.mask(rows)
    rows = rows.set_column(rows.schema.get_field_index("text"), "text", _bodies(rows))
    rows = rows.filter(pattern.hits(rows["text"]))
    if stale and len(rows):
        pairs = zip(rows["attempt"].to_pylist(), rows["start"].to_pylist(), strict=True)
        rows = rows.filter(pa.array([pair not in stale for pair in pairs], pa.bool_()))
    part.total += len(rows)
    part.attempts.update(pc.unique(rows["attempt"]).to_pylist())
    room = len(rows) if limit == 0 else max(limit - len(part.hits), 0)
    part.hits += [_hit(row) for row in rows.slice(0, room).to_pylist()]


def _hit(row: dict[str, Any]) -> Hit:  # Any: stored values
    agent, turn = row["agent"] or "main", row["turn"] or 0
    return Hit(
        row["attempt"], row["seq"], row["split"], turn, row["kind"], agent, row["name"], (row["text"] or "").strip("\n")
    )


def _bodies(rows: pa.Table) -> pa.Array:
    """Give each row's text; a tool's call is its input, as a person reads it."""
    texts = rows["text"].combine_chunks()
    calls = pc.equal(rows["kind"], EventKind.TOOL_CALL.value).combine_chunks()
    inputs = rows["data"].filter(calls).to_pylist()
    if not inputs:
        return texts
    spoken = texts.filter(calls).to_pylist()
    told = ["\n".join(filter(None, (said, _input(data)))) for said, data in zip(spoken, inputs, strict=True)]
    return pc.replace_with_mask(texts, calls, pa.array(told, pa.string()))


@lru_cache(maxsize=2_000)
def _input(data: str | None) -> str:
    given = json.loads(data).get("input") if data else None
    return "\n".join(input_lines(given if given is None or isinstance(given, dict) else dump(given)))


def _stale(segments: Iterable[Segment], live: Iterable[dict[str, Any]]) -> set[tuple[str, int]]:  # Any: stored rows
    """List the starts of attempts that a later start replaces."""
    starts = [(name, span.start) for each in segments for name, span in zip(each.attempts, each.spans, strict=True)]
    starts += [(row["attempt"], row["start"]) for row in live]
    newest: dict[str, int] = {}
    for name, start in starts:
        newest[name] = max(start, newest.get(name, start))
    return {(name, start) for name, start in starts if start < newest[name]}


def snippet(body: str, width: int) -> Line:
    """Cut a marked body to one line of a width around its first match."""
    at = max(body.find(OPEN), 0)
    begin = body.rfind("\n", 0, at) + 1
    end = body.find("\n", max(body.find(CLOSE, at), at))
    text = body[begin : end if end >= 0 else len(body)]
    lead = len(text) - len(text.lstrip())
    text, before = text[lead:], at - begin - lead
    shown = max(width, 20)
    if before > shown // 2:
        text = ELLIPSIS + text[before - shown // 3 :]
    made = line(text)
    if made.width <= shown:
        return made
    spans, used = [], 0
    for span in made.spans:
        piece = _fit(span, shown - 1 - used)
        used += Line((piece,)).width
        spans.append(piece)
    return Line((*spans, Span(ELLIPSIS, Style.FAINT)))


def _fit(span: Span, room: int) -> Span:
    text = span.text[: max(room, 0)]
    while Line((Span(text),)).width > max(room, 0):
        text = text[:-1]
    return Span(text, span.style)


def plain(body: str) -> str:
    """Take the marks out of a body."""
    return body.replace(OPEN, "").replace(CLOSE, "")
