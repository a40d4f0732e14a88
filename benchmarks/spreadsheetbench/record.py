"""Checks the records of a dataset and finds the workbooks of their cases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmarks.errors import SuiteError
from benchmarks.spreadsheetbench.ranges import Range, parse_ranges

MAX_CASES = 3
_NAMINGS = (("input", "answer"), ("init", "golden"))
_BARE = ("initial.xlsx", "golden.xlsx")
"""What the only case of some records of Verified 400 is called."""
_MISNAMED = {"42930": "43930"}
"""A record of Verified 400 whose answer is named for another id; another wrong name is a fault of the copy."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Text = Annotated[str, Field(min_length=1)]


class RawRecord(BaseModel):
    """Hold one record as published; other keys are let pass, since releases differ in them."""

    model_config = ConfigDict(extra="ignore")

    id: int | str
    """The record's name; a number in some releases."""
    instruction: Text
    """What a user asked for."""
    instruction_type: str = "Cell-Level Manipulation"
    """The kind of work."""
    answer_position: Text
    """Where the answer is compared."""
    spreadsheet_path: str = ""
    """The folder of its workbooks, below the dataset or its `spreadsheet` folder."""
    answer_sheet: str | None = None
    """The sheet that changes."""
    data_position: str | None = None
    """Where the data stands."""

    @property
    def level(self) -> str:
        """The kind of work in one word: `cell_level` or `sheet_level`."""
        return "sheet_level" if self.instruction_type.lower().startswith("sheet") else "cell_level"


@dataclass(frozen=True, slots=True)
class Case:
    """Name the two workbooks of one test case."""

    source: Path
    answer: Path


@dataclass(frozen=True, slots=True)
class Record:
    """Hold one checked record with its cases."""

    id: str
    instruction: str
    level: str
    ranges: tuple[Range, ...]
    data_position: str
    cases: tuple[Case, ...]


def read_record(content: object) -> RawRecord:
    """Read one record of a dataset.

    Raises:
        SuiteError: A key is missing or wrong.
    """
    try:
        return RawRecord.model_validate(content)
    except ValidationError as problem:
        first = problem.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SuiteError(f"`{key}`: {first['msg']}" if key else first["msg"]) from None


def check_record(folder: Path, raw: RawRecord) -> Record:
    """Check a record and find its workbooks.

    Raises:
        SuiteError: Its position cannot be read, or a workbook is missing.
    """
    name = str(raw.id)
    if not _ID.fullmatch(name):
        raise SuiteError("the id cannot name a task")
    try:
        ranges = parse_ranges(raw.answer_position)
    except ValueError as problem:
        raise SuiteError(f"`answer_position`: {problem}") from None
    cases = _cases(folder, name, raw.spreadsheet_path)
    if not cases:
        raise SuiteError("no pair of workbooks for case 1 was found")
    return Record(name, raw.instruction.strip(), raw.level, ranges, (raw.data_position or "").strip(), cases)


def _cases(folder: Path, name: str, given: str) -> tuple[Case, ...]:
    """Look where the record says, then where the releases put the folders of ids."""
    tried = [folder / "spreadsheet" / name, folder / name]
    if given and ".." not in Path(given).parts:
        below = Path(given.lstrip("/"))
        tried = [folder / below, folder / "spreadsheet" / below, *tried]
    for place in tried:
        for pairs in _named(place, name):
            found = tuple(case for case in pairs if case.source.is_file() and case.answer.is_file())
            if found:
                return found
    return ()


def _named(place: Path, name: str) -> Iterator[list[Case]]:
    """Give the cases as each release names them."""
    for source, answer in _NAMINGS:
        for other in dict.fromkeys((name, _MISNAMED.get(name, name))):
            yield [
                Case(place / f"{number}_{name}_{source}.xlsx", place / f"{number}_{other}_{answer}.xlsx")
                for number in range(1, MAX_CASES + 1)
            ]
    yield [Case(*(place / bare for bare in _BARE))]
