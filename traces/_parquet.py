"""Sealed segments as Parquet: the only module that knows the columns' types."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from traces._line import Row, dump
from traces._live import file_name, sync_folder, temporary, write_all
from traces.event import SCHEMA_VERSION
from traces.segment import Segment, Span, TraceDamagedError

COLUMNS = pa.schema(
    [
        ("run", pa.string()),
        ("candidate", pa.string()),
        ("task", pa.string()),
        ("split", pa.string()),
        ("attempt", pa.string()),
        ("start", pa.int64()),
        ("seq", pa.int64()),
        ("ts", pa.float64()),
        ("kind", pa.string()),
        ("agent", pa.string()),
        ("turn", pa.int64()),
        ("name", pa.string()),
        ("text", pa.string()),
        ("data", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("cache_read_tokens", pa.int64()),
        ("cache_write_tokens", pa.int64()),
        ("cost_usd", pa.float64()),
        ("duration_ms", pa.float64()),
    ]
)
"""The stored columns; `start` orders the starts of one attempt and is not part of an event."""

GROUP_ROWS = 3_000
GROUP_CHARS = 6_000_000
SEGMENT_ROWS = 60_000
_REPEATING = ["run", "candidate", "task", "split", "attempt", "kind", "agent", "name"]
_FOOTER_KEY = b"ratchet"


def write_segments(root: Path, split: str, candidate: str, rows: Iterable[Row], name: str) -> list[Segment]:
    """Write the rows of whole attempts as one segment, or several when there are very many."""
    runs = _runs(sorted(rows, key=lambda row: (row["attempt"], row["start"], row["seq"])))
    folder = f"{file_name(split)}/candidate={file_name(candidate)}"
    segments = []
    for part, chunk in enumerate(_chunks(runs, rows=SEGMENT_ROWS)):
        path = f"{folder}/{name}{f'-p{part}' if part else ''}.parquet"
        segments.append(_write(root, path, split, candidate, chunk))
    return segments


def _runs(rows: Sequence[Row]) -> list[list[Row]]:
    """Cut sorted rows into the starts of attempts."""
    runs: list[list[Row]] = []
    for row in rows:
        if runs and runs[-1][0]["start"] == row["start"] and runs[-1][0]["attempt"] == row["attempt"]:
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _chunks(runs: Iterable[list[Row]], *, rows: int, chars: int | None = None) -> Iterator[list[list[Row]]]:
    """Gather starts until `rows` rows, or `chars` characters of text, are reached; none is cut in two."""
    chunk: list[list[Row]] = []
    held_rows = held_chars = 0
    for run in runs:
        size = sum(len(row.get("text") or "") for row in run) if chars else 0
        if chunk and (held_rows + len(run) > rows or (chars and held_chars + size > chars)):
            yield chunk
            chunk, held_rows, held_chars = [], 0, 0
        chunk.append(run)
        held_rows += len(run)
        held_chars += size
    if chunk:
        yield chunk


def _write(root: Path, path: str, split: str, candidate: str, runs: list[list[Row]]) -> Segment:
    """Write one segment under a temporary name, sync it, and give it its name."""
    groups = list(_chunks(runs, rows=GROUP_ROWS, chars=GROUP_CHARS))
    attempts, spans = _index(groups)
    head = {
        "split": split,
        "candidate": candidate,
        "rows": sum(map(len, runs)),
        "schema_version": SCHEMA_VERSION,
        "attempts": attempts,
        "spans": spans,
    }
    content = _encode(groups, head)
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    part = temporary(target)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        write_all(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)
    part.replace(target)
    sync_folder(target.parent)
    return Segment.from_record({**head, **_measured(path, content)})


def _index(groups: list[list[list[Row]]]) -> tuple[list[str], list[Span]]:
    attempts: list[str] = []
    spans: list[Span] = []
    for number, group in enumerate(groups):
        first = 0
        for run in group:
            attempts.append(run[0]["attempt"])
            spans.append(Span(run[0]["start"], number, first, len(run)))
            first += len(run)
    return attempts, spans


def _encode(groups: list[list[list[Row]]], head: dict[str, Any]) -> bytes:  # Any: JSON
    sink = pa.BufferOutputStream()
    schema = COLUMNS.with_metadata({_FOOTER_KEY: dump(head).encode()})
    with pq.ParquetWriter(
        sink, schema, compression="zstd", use_dictionary=_REPEATING, write_page_checksum=True
    ) as writer:
        for group in groups:
            rows = [row for run in group for row in run]
            writer.write_table(table(rows).cast(schema), row_group_size=len(rows))
    return bytes(sink.getvalue())


def table(rows: Sequence[Row]) -> pa.Table:
    """Give rows as an Arrow table; `data` becomes a JSON string."""
    columns = {name: [row.get(name) for row in rows] for name in COLUMNS.names}
    columns["data"] = [None if value is None else dump(value) for value in columns["data"]]
    return pa.table(columns, schema=COLUMNS)


def _measured(path: str, content: bytes) -> dict[str, Any]:  # Any: JSON
    return {"path": path, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def read_span(root: Path, path: str, attempt: str, span: Span) -> list[Row]:
    """Read the rows of one start of an attempt, checking page checksums.

    Raises:
        TraceDamagedError: The file is gone or not as it was written.
    """
    try:
        with pq.ParquetFile(root / path, page_checksum_verification=True) as file:
            rows: list[Row] = file.read_row_group(span.group).slice(span.first, span.rows).to_pylist()
    except FileNotFoundError as error:
        raise TraceDamagedError(path, "it is gone") from error
    except (OSError, pa.ArrowException) as error:
        raise TraceDamagedError(path, str(error).splitlines()[0]) from error
    if len(rows) != span.rows or any(row["attempt"] != attempt or row["start"] != span.start for row in rows):
        raise TraceDamagedError(path, f"it does not hold `{attempt}` where its index says")
    return rows


def read_spans(root: Path, segment: Segment, wanted: Collection[str]) -> Iterator[list[Row]]:
    """Read the starts of the attempts wanted, each row group once.

    Raises:
        TraceDamagedError: The file is gone or not as it was written.
    """
    found = [span for name, span in zip(segment.attempts, segment.spans, strict=True) if name in wanted]
    try:
        with pq.ParquetFile(root / segment.path, page_checksum_verification=True) as file:
            for number, spans in groupby(sorted(found, key=_place), key=lambda span: span.group):
                group = file.read_row_group(number)
                for span in spans:
                    yield group.slice(span.first, span.rows).to_pylist()
    except FileNotFoundError as error:
        raise TraceDamagedError(segment.path, "it is gone") from error
    except (OSError, pa.ArrowException) as error:
        raise TraceDamagedError(segment.path, str(error).splitlines()[0]) from error


def _place(span: Span) -> tuple[int, int]:
    return span.group, span.first


def describe(root: Path, path: str) -> Segment:
    """Read a segment's own description, for a file the manifest does not know.

    Raises:
        TraceDamagedError: The file cannot be read as a segment.
    """
    try:
        content = (root / path).read_bytes()
        metadata = pq.read_metadata(pa.BufferReader(content)).metadata or {}
        head = json.loads(metadata[_FOOTER_KEY])
    except FileNotFoundError as error:
        raise TraceDamagedError(path, "it is gone") from error
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise TraceDamagedError(path, str(error).splitlines()[0]) from error
    return Segment.from_record({**head, **_measured(path, content)})
