"""A folder with one text file for each attempt of a store: what `grep` and `less` can read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from traces._line import events
from traces._live import temporary
from traces.render import render
from traces.store import TraceStore

INDEX = ".index.json"
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def text_path(attempt: str) -> str:
    """Name an attempt's file below the folder: its id, where that makes a name of a file, and `.txt`."""
    return "/".join(map(_name, attempt.split("/"))) + ".txt"


def _name(part: str) -> str:
    """Keep a plain name; any other gets a mark of its own, so that no two become the same."""
    plain = _ODD.sub("-", part).strip(".")[:100]
    if plain and plain == part:
        return plain
    return f"{plain or 'unnamed'}-{hashlib.sha256(part.encode(errors='replace')).hexdigest()[:8]}"


def write_texts(store: TraceStore, folder: Path) -> int:
    """Write the text of every attempt that is sealed in `store`, and give the number written.

    Done again, it writes those that came since, or were begun again. A file is there whole or not at all.
    """
    known, newest = _read_index(folder), _newest(store)
    fresh = {attempt for attempt, start in newest.items() if known.get(attempt) != start}
    for attempt, text in _texts(store, fresh, newest):
        _write(folder / text_path(attempt), text)
    if fresh:
        _write(folder / INDEX, json.dumps(known | newest, sort_keys=True))
    return len(fresh)


def _newest(store: TraceStore) -> dict[str, int]:
    """Give the start of each sealed attempt that counts: the last one."""
    found: dict[str, int] = {}
    for segment in store.segments():
        for attempt, span in zip(segment.attempts, segment.spans, strict=True):
            found[attempt] = max(span.start, found.get(attempt, span.start))
    return found


def _texts(store: TraceStore, wanted: set[str], newest: dict[str, int]) -> Iterator[tuple[str, str]]:
    from traces._parquet import read_spans

    for segment in store.segments() if wanted else ():
        for rows in read_spans(store.root, segment, wanted):
            if rows[0]["start"] == newest[rows[0]["attempt"]]:
                yield rows[0]["attempt"], render(events(rows))


def _read_index(folder: Path) -> dict[str, int]:
    try:
        return dict(json.loads((folder / INDEX).read_bytes()))
    except (FileNotFoundError, ValueError):
        return {}  # what stands there is written again


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = temporary(path)
    part.write_text(text, encoding="utf-8", errors="backslashreplace")
    part.replace(path)
