"""The text of each attempt of a store: what `grep` and `less` can read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from traces._line import events
from traces._sharing import own_temporary, share
from traces.render import render
from traces.store import TraceStore

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


def write_texts(store: TraceStore, folder: Path, *, kept: Path) -> int:
    """Let `folder` hold the text of every attempt that is sealed in `store`, and give the number that was rendered.

    Any number of folders share `kept`, where each start of an attempt is rendered once; they get links to it. A file
    is there whole or not at all, also when the same one is rendered by several at once.

    Args:
        store: Whose attempts; of one begun again the last start counts.
        folder: Gets a file for each; others in it stay.
        kept: Holds what was ever rendered, of this store and others of the run.
    """
    newest = _newest(store)
    places = {attempt: kept / _numbered(text_path(attempt), start) for attempt, start in newest.items()}
    fresh = {attempt for attempt, place in places.items() if not place.exists()}
    for attempt, text in _texts(store, fresh, newest):
        _write(places[attempt], text)
    folder.mkdir(parents=True, exist_ok=True)
    for attempt, place in places.items():
        share(place, folder / text_path(attempt))
    return len(fresh)


def _numbered(path: str, start: int) -> str:
    return f"{path.removesuffix('.txt')}.{start}.txt"


def _newest(store: TraceStore) -> dict[str, int]:
    """Give the start of each sealed attempt that counts: the last one."""
    found: dict[str, int] = {}
    for segment in store.segments():
        for attempt, span in zip(segment.attempts, segment.spans, strict=True):
            found[attempt] = max(span.start, found.get(attempt, span.start))
    return found


def _texts(store: TraceStore, wanted: set[str], newest: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    from traces._parquet import read_spans

    for segment in store.segments() if wanted else ():
        for rows in read_spans(store.root, segment, wanted):
            if rows[0]["start"] == newest[rows[0]["attempt"]]:
                yield rows[0]["attempt"], render(events(rows))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = own_temporary(path)
    part.write_text(text, encoding="utf-8", errors="backslashreplace")
    part.replace(path)
