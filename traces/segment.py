"""One sealed file of a trace store, and the record that names it in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from traces.event import SCHEMA_VERSION
from traces.storage import StorageError


class TraceDamagedError(StorageError):
    """Say which trace file cannot be read as it was written.

    Args:
        path: The file, relative to the store.
        reason: What is wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"trace file `{path}` is damaged: {reason}",
            hint="resume the run to set the file aside; every other trace stays readable",
        )
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type[TraceDamagedError], tuple[str, str]]:
        return type(self), (self.path, self.reason)


class Span(NamedTuple):
    """Say where one start of an attempt lies: rows `first` to `first + rows` of one row group.

    `start` orders the starts of an attempt that was begun more than once: the greatest wins.
    """

    start: int
    group: int
    first: int
    rows: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Describe one sealed Parquet file; `path` is relative to the store's root.

    `attempts` is sorted and never empty; `spans` runs in step with it: an attempt started twice
    stands twice.
    """

    path: str
    split: str
    candidate: str
    rows: int
    size_bytes: int
    sha256: str
    attempts: tuple[str, ...]
    spans: tuple[Span, ...]
    schema_version: int = SCHEMA_VERSION

    def to_record(self) -> dict[str, Any]:
        """Give the segment as plain JSON values (Any: JSON).

        `first` and `last` stand in front, so that a reader can pass a line over without parsing it.
        """
        return {
            "first": self.attempts[0],
            "last": self.attempts[-1],
            "path": self.path,
            "split": self.split,
            "candidate": self.candidate,
            "rows": self.rows,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "schema_version": self.schema_version,
            "attempts": list(self.attempts),
            "spans": [list(span) for span in self.spans],
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Segment:
        """Read what `to_record` gave.

        Raises:
            TraceDamagedError: The record lacks a field or was written by a newer version.
        """
        path = str(record.get("path", "?"))
        if int(record.get("schema_version", 0)) > SCHEMA_VERSION:
            raise TraceDamagedError(path, f"written with schema {record['schema_version']}, this is {SCHEMA_VERSION}")
        try:
            return cls(
                path=path,
                split=record["split"],
                candidate=record["candidate"],
                rows=record["rows"],
                size_bytes=record["size_bytes"],
                sha256=record["sha256"],
                attempts=tuple(record["attempts"]),
                spans=tuple(Span(*span) for span in record["spans"]),
                schema_version=record["schema_version"],
            )
        except (KeyError, TypeError) as error:
            raise TraceDamagedError(path, f"its manifest record is incomplete ({error})") from error
