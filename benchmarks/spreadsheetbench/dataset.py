"""Reads `dataset.json` or `dataset.jsonl`, and says of all its records at once what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import SuiteError

FILES = ("dataset.json", "dataset.jsonl")
_NAMED = 50


@dataclass(frozen=True, slots=True)
class Item:
    """Hold one record as it stands in the dataset's file, with its place there from 1."""

    path: Path
    place: int
    content: object

    @property
    def name(self) -> str:
        """The record's id as text; empty where it has none."""
        found = self.content.get("id") if isinstance(self.content, dict) else None
        return str(found) if isinstance(found, int | str) else ""

    def fault(self, problem: str) -> Fault:
        """Say what is wrong with this record."""
        known = f" (id {self.name!r})" if self.name else ""
        return Fault(self.place, self.name, f"{self.path}: record {self.place}{known}: {problem}")


@dataclass(frozen=True, slots=True)
class Fault:
    """Hold what is wrong with the record at a place; one that cannot be read may have no name."""

    place: int
    name: str
    message: str


def read_items(folder: Path) -> list[Item]:
    """Read a list, or one record a line.

    Raises:
        SuiteError: There is no such file, or it is none.
    """
    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        raise SuiteError(
            f"{folder} holds no {FILES[0]}",
            key="suite.path",
            hint="give the folder that holds dataset.json and spreadsheet/",
        )
    try:
        text = path.read_text("utf-8-sig")
        found = _lines(text) if path.suffix == ".jsonl" else json.loads(text)
    except (OSError, ValueError, RecursionError) as problem:
        raise SuiteError(f"{path}: cannot be read: {problem}") from None
    if not isinstance(found, list):
        raise SuiteError(f"{path}: must be a list of records")
    return [Item(path, place, content) for place, content in enumerate(found, 1)]


def _lines(text: str) -> list[object]:
    """Read a record from every line that a line feed ends; texts may hold other signs that break lines."""
    found: list[object] = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            if line.strip():
                found.append(json.loads(line))
        except ValueError as problem:
            raise ValueError(f"line {number} is not JSON: {problem}") from None
    return found


def refuse(faults: Sequence[Fault]) -> None:
    """Refuse a dataset for all faults found in it, if there are any; the first says how to go on without them.

    Raises:
        SuiteError: There is at least one fault.
    """
    if not faults:
        return
    ordered = sorted(faults, key=lambda fault: fault.place)
    first, *more = (SuiteError(fault.message, key="suite.path") for fault in ordered)
    first.hint = _way_out([fault.name for fault in ordered])
    first.more = tuple(more)
    raise first


def _way_out(names: Iterable[str]) -> str:
    known = list(dict.fromkeys(filter(None, names)))
    if not known:
        return "mend the dataset"
    if len(known) > _NAMED:
        return f"{len(known)} records cannot be used: does the folder hold the workbooks of this dataset?"
    listed = ", ".join(f"'{name}'" for name in known)
    return f"leave {'it' if len(known) == 1 else 'them'} out in the run file: `suite: {{skip: [{listed}]}}`"
