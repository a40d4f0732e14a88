"""Write traces as they happen, and seal what has ended into Parquet."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Unpack

from traces._line import MAX_EVENT_BYTES, Row, dump, parse, prefix, shrink
from traces._live import LIVE, LiveFile, file_name
from traces.event import AttemptKey, EventKind
from traces.recorder import EventFields
from traces.redact import Redactor
from traces.segment import Segment
from traces.storage import stored


class AttemptTrace:
    """Record the events of one start of one attempt; made by `TraceWriter.attempt`."""

    def __init__(self, stream: _Stream, key: AttemptKey, start: int) -> None:
        self.key = key
        self._stream = stream
        self._start = start
        self._prefix = prefix(key, start)
        self._seq = 0
        self._ended = False

    def emit(
        self, kind: EventKind, *, data: Mapping[str, Any] | None = None, **fields: Unpack[EventFields]
    ) -> None:  # Any: free JSON
        """Put one event on disk before returning.

        `attempt_end` is the last event: it hands the attempt over to the next `seal`.

        Raises:
            RuntimeError: The attempt has ended before.
            StorageError: The disk refuses; nothing of the event was written.
        """
        if self._ended:
            raise RuntimeError(f"attempt {self.key.attempt!r} has ended; no event may follow `attempt_end`")
        row: Row = {"seq": self._seq, "ts": self._stream.clock(), "kind": kind.value}
        row |= {"agent": fields.get("agent", "main"), "turn": fields.get("turn", 0)}
        row |= {"name": fields.get("name"), "text": fields.get("text"), "data": data or None}
        if (usage := fields.get("usage")) is not None:
            row |= {"input_tokens": usage.input, "output_tokens": usage.output}
            row |= {"cache_read_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write}
        row |= {"cost_usd": fields.get("cost_usd"), "duration_ms": fields.get("duration_ms")}
        self._stream.write(self._prefix, {key: value for key, value in row.items() if value is not None})
        self._seq += 1
        if kind is EventKind.ATTEMPT_END:
            self._ended = True
            self._stream.ended.add(self._start)


class _Stream:
    """One split's live file, and which starts in it have ended since the last seal."""

    def __init__(self, path: Path, clock: Callable[[], float], redact: Redactor) -> None:
        self.live = LiveFile(path)
        self.clock = clock
        self.ended: set[int] = set()
        self._redact = redact

    def write(self, shared: str, fields: Row) -> None:
        line = dump(fields)
        if self._redact.suspects(line):
            fields = self._redact.value(fields)
            line = dump(fields)
        if len(line) * 4 > MAX_EVENT_BYTES and len(line.encode(errors="replace")) > MAX_EVENT_BYTES:
            line = shrink(fields)
        with stored(self.live.path):
            self.live.append(f"{shared}{line[1:]}\n".encode(errors="replace"))


class TraceWriter:
    """Write the traces of one worker process; single-threaded, any number of attempts at once.

    Args:
        root: The store's folder, such as `runs/<id>/traces`.
        worker: The worker's name; equal names of earlier processes do not clash.
        clock: Gives Unix seconds for `ts`.
        redact: Removes secrets; by default it knows only the well-known shapes of keys.
        stamp: Gives a number that grows over processes and restarts; it orders the starts of an
            attempt, so it is the machine's time even where `clock` is virtual.
        after: The greatest number the store holds: a clock that was set back must not make a
            later start look like the earlier one.
    """

    def __init__(
        self,
        root: Path,
        worker: str,
        *,
        clock: Callable[[], float] = time.time,
        redact: Redactor | None = None,
        stamp: Callable[[], int] = time.time_ns,
        after: int = 0,
    ) -> None:
        self._root = root
        self._clock = clock
        self._redact = redact or Redactor()
        self._stamp = stamp
        self._last_start = max(stamp(), after + 1)
        self._name = f"{file_name(worker)}-{self._last_start:x}"
        self._streams: dict[str, _Stream] = {}
        self._sealed = 0

    def attempt(self, key: AttemptKey) -> AttemptTrace:
        """Begin to record an attempt; when it was begun before, here or elsewhere, the later start wins."""
        self._last_start = max(self._last_start + 1, self._stamp())
        with stored(self._root):
            return AttemptTrace(self._stream(key.split), key, self._last_start)

    @property
    def unsealed_bytes(self) -> int:
        """Say how much stands in live files, ended or not, so that a worker can tell when to seal."""
        return sum(stream.live.size_bytes for stream in self._streams.values())

    def seal(self) -> list[Segment]:
        """Turn the attempts that have ended into Parquet segments; those in flight stay live.

        The segments are on disk, synced, when this returns; they count once the driver has added
        them to the store. Blocks for about 20 microseconds per event.

        Raises:
            StorageError: The disk refuses; nothing is lost, the next call tries again.
        """
        with stored(self._root):
            return [segment for split in sorted(self._streams) for segment in self._seal(split, self._streams[split])]

    def close(self) -> None:
        """Release the files; what is not sealed stays live until `TraceStore.recover`."""
        for stream in self._streams.values():
            stream.live.close()
        self._streams.clear()

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _stream(self, split: str) -> _Stream:
        stream = self._streams.get(split)
        if stream is None:
            path = self._root / LIVE / file_name(split) / f"{self._name}.jsonl"
            stream = self._streams[split] = _Stream(path, self._clock, self._redact)
        return stream

    def _seal(self, split: str, stream: _Stream) -> list[Segment]:
        if not stream.ended:
            return []
        from traces._parquet import write_segments

        lines = parse(stream.live.read())
        by_candidate: dict[str, list[Row]] = defaultdict(list)
        in_flight = list(lines.bad)
        for row, raw in zip(lines.rows, lines.raw, strict=True):
            if row["start"] in stream.ended:
                by_candidate[row["candidate"]].append(row)
            else:
                in_flight.append(raw)
        self._sealed += 1
        name = f"{self._name}-{self._sealed:04d}"
        segments = [
            segment
            for candidate, rows in sorted(by_candidate.items())
            for segment in write_segments(self._root, split, candidate, rows, name)
        ]
        stream.live.keep_only(in_flight)
        stream.ended.clear()
        return segments
