"""Files and facts of a task that are read or made when somebody looks, so that a big suite loads at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.spreadsheetbench.record import Record
from benchmarks.spreadsheetbench.work import RIGHT, script_of, work_of


class LazyFiles(Mapping[str, bytes]):
    """Map names to files on disk, or to functions that make their content; nothing is kept here."""

    def __init__(self, sources: Mapping[str, Path | Callable[[], bytes]]) -> None:
        self._sources = dict(sources)

    def __getitem__(self, name: str) -> bytes:
        source = self._sources[name]
        return source.read_bytes() if isinstance(source, Path) else source()

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


class Scripts(Mapping[str, bytes]):
    """Map the scripts of a record's reference solution; that there is one can be said without reading its workbooks."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def __contains__(self, name: object) -> bool:
        return name == RIGHT or (isinstance(name, str) and name in work_of(self._record).scripts)

    def __getitem__(self, name: str) -> bytes:
        return script_of(self._record, name)

    def __iter__(self) -> Iterator[str]:
        return iter(work_of(self._record).scripts)

    def __len__(self) -> int:
        return len(work_of(self._record).scripts)


class Facts(Mapping[str, object]):
    """Map what the simulated model may know of a record: `slips` and `answer_keys` are worked out late."""

    _LATE = ("slips", "answer_keys")

    def __init__(self, record: Record, known: Mapping[str, object]) -> None:
        self._record = record
        self._known = dict(known)

    def __getitem__(self, name: str) -> object:
        if name == "slips":
            return list(work_of(self._record).slips)
        if name == "answer_keys":
            return list(work_of(self._record).answer_keys)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self._known, *self._LATE))

    def __len__(self) -> int:
        return len(self._known) + len(self._LATE)
