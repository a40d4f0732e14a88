"""The traces of one run, for the driver and for readers."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from traces._line import Row, dump, events, parse
from traces._live import live_files
from traces._manifest import Damage, Manifest, dropped
from traces._sharing import share
from traces.errors import NotFoundError
from traces.event import Event
from traces.segment import Segment, Span, TraceDamagedError

__all__ = ["Damage", "Segment", "Span", "TraceDamagedError", "TraceStore"]

MANIFEST = "manifest.jsonl"


class TraceStore:
    """Read a run's traces and keep its manifest.

    Any number of processes may read; only the driver calls `add` and `recover`.

    Args:
        root: The folder, such as `runs/<id>/traces`; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._manifest = Manifest(root / MANIFEST)
        self.set_aside: tuple[Damage, ...] = ()
        """What the last `recover` of this object set aside."""

    def add(self, segments: Iterable[Segment]) -> None:
        """Make sealed segments count; adding one twice changes nothing."""
        known = {segment.path for segment in self._manifest.segments()}
        fresh = {segment.path: segment for segment in segments if segment.path not in known}
        self._manifest.append(segment.to_record() for segment in fresh.values())

    def segments(self) -> list[Segment]:
        """List the segments that count, in the order they were added."""
        return self._manifest.segments()

    @property
    def latest_start(self) -> int:
        """Give the number of the latest start of any sealed attempt, 0 when there is none."""
        return max((span.start for segment in self.segments() for span in segment.spans), default=0)

    def damages(self) -> list[Damage]:
        """Name every trace file that was set aside, and why."""
        return self._manifest.damages()

    def recover(self) -> list[Segment]:
        """Put the store in order after a crash; return the segments this added.

        Live files of dead workers are sealed, unfinished attempts included; sealed files the
        manifest does not know are added; damaged files are moved to the folder `damaged` and named by
        `damages`. Workers that still live are left alone. Hashes every segment, so it reads the
        whole store once.
        """
        from traces._recover import recover

        found = recover(self.root, self._manifest.segments())
        self.set_aside = tuple(found.damages)
        self._manifest.append(dropped(damage) for damage in found.damages)
        self.add(found.segments)
        return found.segments

    def read_attempt(self, attempt_id: str) -> list[Event]:
        """Give an attempt's events, sealed or still live; the last start wins when it was begun twice.

        Raises:
            NotFoundError: No such attempt has left an event.
            TraceDamagedError: Its file is not as it was written.
        """
        rows = self._sealed_rows(attempt_id) + self.live_rows(attempt=attempt_id)
        if not rows:
            rows = self._unlisted_rows(attempt_id)
        if not rows:
            raise NotFoundError("attempt", attempt_id, close_matches=self._close_matches(attempt_id))
        return events(rows)

    def attempts(self, *, split: str | None = None, candidate: str | None = None) -> list[str]:
        """List the ids of the attempts that have left an event, sorted."""
        ids = {
            name
            for segment in self.segments()
            if split in (None, segment.split) and candidate in (None, segment.candidate)
            for name in segment.attempts
        }
        live = self.live_rows(splits=None if split is None else [split])
        ids |= {row["attempt"] for row in live if candidate in (None, row["candidate"])}
        return sorted(ids)

    def live_rows(self, *, splits: Sequence[str] | None = None, attempt: str | None = None) -> list[Row]:
        """Give the stored rows of live files: of some splits, of one attempt, or all."""
        needle = b"" if attempt is None else f'"attempt":{dump(attempt)}'.encode(errors="replace")
        rows: list[Row] = []
        for path in live_files(self.root, splits):
            content = _read(path)
            if needle in content:
                rows += [row for row in parse(content).rows if attempt in (None, row["attempt"])]
        return rows

    def copy_split(self, split: str, to: Path, *, but: Callable[[str], bool] = lambda attempt: False) -> None:
        """Copy one split's traces into a store of their own; called again, it brings the copy up to date.

        Nothing of any other split comes along, not even a name, and no segment that holds an attempt which `but`
        names. Sealed segments never change: the copy shares the files themselves where the disk allows, so nobody who
        could write to it may be given it.
        """
        copy = TraceStore(to)
        mine = [
            segment for segment in self.segments() if segment.split == split and not any(map(but, segment.attempts))
        ]
        for segment in mine:
            if not (to / segment.path).exists():
                share(self.root / segment.path, to / segment.path)
        copy.add(mine)
        stale = set(live_files(to))
        for path in live_files(self.root, [split]):
            content, target = _read(path), to / path.relative_to(self.root)
            if content:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                stale.discard(target)
        for path in stale:
            path.unlink()

    def _sealed_rows(self, attempt: str) -> list[Row]:
        located = self._manifest.find(attempt)
        if not located:
            return []
        from traces._parquet import read_span

        newest = max(place.span.start for place in located)
        return [
            row
            for place in located
            if place.span.start == newest
            for row in read_span(self.root, place.path, attempt, place.span)
        ]

    def _unlisted_rows(self, attempt: str) -> list[Row]:
        """Look into files that were sealed a moment ago and that the driver has not added yet."""
        known = {segment.path for segment in self.segments()}
        paths = {path.relative_to(self.root).as_posix() for path in self.root.glob("*/candidate=*/*.parquet")} - known
        if not paths:
            return []
        from traces._parquet import describe, read_span

        rows: list[Row] = []
        for path in sorted(paths):
            segment = describe(self.root, path)
            for name, span in zip(segment.attempts, segment.spans, strict=True):
                rows += read_span(self.root, path, attempt, span) if name == attempt else []
        return rows

    def _close_matches(self, attempt: str) -> list[str]:
        folder, _, last = attempt.rpartition("/")
        names = self.attempts()
        near = [name for name in names if folder and name.startswith(f"{folder}/")] or names[:2_000]
        return difflib.get_close_matches(attempt if not last else f"{folder}/{last}", near, n=3, cutoff=0.5)


def _read(path: Path) -> bytes:
    """Give a live file's bytes, none when its worker has just sealed it away."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
