"""Put a trace store in order after a crash."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from traces._line import Row, parse
from traces._live import LIVE, is_temporary, live_files, try_lock
from traces._manifest import Damage
from traces._parquet import describe, write_segments
from traces.segment import Segment, TraceDamagedError

DAMAGED = "damaged"
"""The folder of files that were set aside, each below its old name."""


@dataclass(slots=True)
class Found:
    """Gather what a recovery adds and what it sets aside."""

    segments: list[Segment] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)


def recover(root: Path, listed: Iterable[Segment]) -> Found:
    """Check every listed segment, adopt unlisted ones, seal the live files of dead workers."""
    found = Found()
    listed = list(listed)
    whole = [segment for segment in listed if _check(root, segment, found)]
    found.segments += _adopt(root, {segment.path for segment in listed}, found)
    sealed = {
        (attempt, span.start)
        for segment in (*whole, *found.segments)
        for attempt, span in zip(segment.attempts, segment.spans, strict=True)
    }
    all_dead = True
    for path in list(live_files(root)):
        all_dead &= _seal_dead(root, path, sealed, found)
    if all_dead:
        _sweep(root)
    return found


def _check(root: Path, segment: Segment, found: Found) -> bool:
    """Say whether a listed segment is as it was written; set it aside when it is not."""
    path = root / segment.path
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        found.damages.append(Damage(segment.path, "it is gone", segment.split, segment.attempts))
        return False
    if hashlib.sha256(content).hexdigest() == segment.sha256:
        return True
    reason = f"its content has changed ({len(content):,} bytes, {segment.size_bytes:,} written)"
    _set_aside(root, path)
    found.damages.append(Damage(segment.path, reason, segment.split, segment.attempts))
    return False


def _adopt(root: Path, listed: set[str], found: Found) -> list[Segment]:
    """Take in sealed files that the driver had not added before it died."""
    adopted = []
    for path in sorted(root.glob("*/candidate=*/*.parquet")):
        name = path.relative_to(root).as_posix()
        if name in listed or is_temporary(path):
            continue
        try:
            adopted.append(_whole(root, name))
        except TraceDamagedError as error:
            _set_aside(root, path)
            found.damages.append(Damage(name, error.reason, name.split("/")[0]))
    return adopted


def _whole(root: Path, name: str) -> Segment:
    """Describe an unlisted segment after reading all of it against its page checksums."""
    segment = describe(root, name)
    try:
        rows = pq.read_table(root / name, page_checksum_verification=True, partitioning=None).num_rows
    except (OSError, pa.ArrowException) as error:
        raise TraceDamagedError(name, str(error).splitlines()[0]) from error
    if rows != segment.rows:
        raise TraceDamagedError(name, f"it holds {rows} rows instead of {segment.rows}")
    return segment


def _seal_dead(root: Path, path: Path, sealed: set[tuple[str, int]], found: Found) -> bool:
    """Seal one live file unless its worker lives; say whether it was dead."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not try_lock(fd):
            return False
        lines = parse(path.read_bytes())
        split = path.parent.name
        if lines.bad:
            _place_for(root, path).write_bytes(b"\n".join(lines.bad) + b"\n")
            name = path.relative_to(root).as_posix()
            found.damages.append(Damage(name, f"{len(lines.bad)} of its lines cannot be read", split))
        rows = [row for row in lines.rows if (row["attempt"], row["start"]) not in sealed]
        found.segments += _seal_rows(root, rows, f"{path.stem}-recovered")
        path.unlink()
    finally:
        os.close(fd)
    return True


def _seal_rows(root: Path, rows: Iterable[Row], name: str) -> list[Segment]:
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["split"], row["candidate"]].append(row)
    return [
        segment
        for (split, candidate), members in sorted(groups.items())
        for segment in write_segments(root, split, candidate, members, name)
    ]


def _set_aside(root: Path, path: Path) -> None:
    path.replace(_place_for(root, path))


def _place_for(root: Path, path: Path) -> Path:
    """Name the place for a damaged file, below a folder that nothing reads."""
    place = root / DAMAGED / path.relative_to(root)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _sweep(root: Path) -> None:
    """Remove what a crash left half written; only when no worker lives that could be writing it."""
    for folder in (*root.glob("*/candidate=*"), *(root / LIVE).glob("*")):
        for path in folder.glob(".tmp-*"):
            path.unlink()
