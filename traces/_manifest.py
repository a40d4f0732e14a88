"""The manifest: one line of JSON per sealed segment, the only list of what a store holds.

It is appended to and never rewritten. A line `{"dropped": path, ...}` takes a damaged segment out
again. A torn or unreadable line is passed over: its segment describes itself and `recover` adds it anew.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from traces._line import dump
from traces._live import sync_folder
from traces.segment import Segment, Span


@dataclass(frozen=True, slots=True)
class Damage:
    """Name a trace file that was set aside, and which attempts it held, as far as is known."""

    path: str
    reason: str
    split: str
    attempts: tuple[str, ...] = ()

    def __str__(self) -> str:
        held = f"; it held {len(self.attempts)} attempts' traces, whose results stand" if self.attempts else ""
        return f"trace file {self.path}: {self.reason}{held}"


@dataclass(frozen=True, slots=True)
class Located:
    """Say where one start of an attempt is stored."""

    path: str
    span: Span


@dataclass(frozen=True, slots=True)
class _Line:
    """Say where a line stands in the manifest and which attempt ids it can hold, if it says so."""

    begin: int
    end: int
    first: str | None
    last: str | None

    def may_hold(self, attempt: str) -> bool:
        return self.first is None or self.last is None or self.first <= attempt <= self.last


_HEAD = re.compile(rb'\{"first":"([^"\\]*)","last":"([^"\\]*)"')


@dataclass(slots=True)
class _Contents:
    segments: dict[str, Segment] = field(default_factory=dict)
    damages: list[Damage] = field(default_factory=list)


class Manifest:
    """Read and extend `manifest.jsonl`; rereads it when it has grown."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = b""
        self._contents: _Contents | None = None
        self._lines: list[_Line] | None = None

    def append(self, records: Iterable[Mapping[str, Any]]) -> None:  # Any: JSON
        """Add records and wait until they are on disk."""
        lines = "".join(dump(record) + "\n" for record in records)
        if not lines:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torn = self._refresh() and not self._bytes.endswith(b"\n")
        with self.path.open("ab") as file:
            file.write((b"\n" if torn else b"") + lines.encode(errors="replace"))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.path.parent)

    def segments(self) -> list[Segment]:
        """List the segments that count, in the order they were added."""
        return list(self._parsed().segments.values())

    def damages(self) -> list[Damage]:
        """List what was set aside."""
        return list(self._parsed().damages)

    def find(self, attempt: str) -> list[Located]:
        """Say where all starts of an attempt are, parsing only the lines that name it."""
        needle, found, dropped = dump(attempt).encode(errors="replace"), [], set()
        for line in self._indexed():
            if not line.may_hold(attempt) or self._bytes.find(needle, line.begin, line.end) < 0:
                continue
            record = _record(self._bytes[line.begin : line.end])
            if record is not None and "dropped" in record:
                dropped.add(record["dropped"])
            elif record is not None:
                segment = Segment.from_record(record)
                pairs = zip(segment.attempts, segment.spans, strict=True)
                found += [Located(segment.path, span) for name, span in pairs if name == attempt]
        return [located for located in found if located.path not in dropped]

    def _indexed(self) -> list[_Line]:
        """Find the ends of all lines, which is far quicker than parsing or searching them."""
        self._refresh()
        if self._lines is None:
            self._lines, begin = [], 0
            while (end := self._bytes.find(b"\n", begin)) >= 0:
                head = _HEAD.match(self._bytes, begin, end)
                self._lines.append(_Line(begin, end, head and head[1].decode(), head and head[2].decode()))
                begin = end + 1
        return self._lines

    def _parsed(self) -> _Contents:
        self._refresh()
        if self._contents is None:
            self._contents = contents = _Contents()
            for line in self._bytes.split(b"\n")[:-1]:
                _apply(_record(line), contents)
        return self._contents

    def _refresh(self) -> int:
        """Reread the file when its size has changed; give the size."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            size = 0
        if size != len(self._bytes):
            self._bytes = self.path.read_bytes() if size else b""
            self._contents = self._lines = None
        return size


def _record(line: bytes) -> dict[str, Any] | None:  # Any: JSON
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _apply(record: dict[str, Any] | None, contents: _Contents) -> None:  # Any: JSON
    if record is None:
        return
    if "dropped" not in record:
        segment = Segment.from_record(record)
        contents.segments[segment.path] = segment
        return
    contents.segments.pop(record["dropped"], None)
    contents.damages.append(
        Damage(record["dropped"], record["reason"], record["split"], tuple(record.get("attempts", ())))
    )


def dropped(damage: Damage) -> dict[str, Any]:  # Any: JSON
    """Give the record that takes a damaged file out of the manifest."""
    return {
        "dropped": damage.path,
        "reason": damage.reason,
        "split": damage.split,
        "attempts": list(damage.attempts),
    }
