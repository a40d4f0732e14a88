"""What the cases of a record hold in their answer ranges, before and after the work."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import SuiteError
from benchmarks.spreadsheetbench.ranges import QUOTES
from benchmarks.spreadsheetbench.record import Case, Record
from benchmarks.spreadsheetbench.verifier.archive import WorkbookError
from benchmarks.spreadsheetbench.verifier.expected import Area, dump_cases, places, read_areas
from benchmarks.spreadsheetbench.verifier.values import Form, equal, form_of
from benchmarks.spreadsheetbench.verifier.workbook import Box, Value, Workbook

Cell = tuple[str, int, int]
"""Sheet, row, column."""

Cells = Mapping[Cell, Value]


@dataclass(frozen=True, slots=True)
class CaseCells:
    """Hold the stored values inside a case's answer ranges; empty cells are left out.

    `wanted` has all cells of the ranges with their comparable forms in the answer. `changes` is what
    the work sets: the cells that a grader can tell from the input, None where one is emptied.
    """

    before: Cells
    wanted: Mapping[Cell, Form]
    changes: Cells

    def passes(self, changes: Cells) -> bool:
        """Say whether the input with `changes` would be graded as right."""
        return all(equal(form_of(changes.get(c, self.before.get(c))), form) for c, form in self.wanted.items())


def open_workbook(case: Case, which: str) -> Workbook:
    """Open a case's `source` or `answer`.

    Raises:
        SuiteError: It cannot be read.
    """
    path = case.source if which == "source" else case.answer
    try:
        return Workbook(path.read_bytes())
    except (OSError, WorkbookError) as problem:
        raise SuiteError(f"{path}: cannot be read as a workbook: {problem}") from None


def answer_ranges(record: Record, answer: Workbook) -> list[tuple[str, Box]]:
    """Name the sheet of every range as the answer has it: its first one where none is given."""
    return [(_sheet_of(one.sheet, answer.sheets), one.box) for one in record.ranges]


def _sheet_of(given: str | None, sheets: Sequence[str]) -> str:
    """Find the sheet a range means; quotes and blanks around a name follow no rule, and one inside may be doubled."""
    if given is None:
        return sheets[0] if sheets else ""
    alike = [name for name in sheets if _plain(name) == _plain(given)]
    return alike[0] if given not in sheets and len(alike) == 1 else given


def _plain(name: str) -> str:
    return name.replace("''", "'").strip(f" {QUOTES}")


def check_workbooks(record: Record) -> None:
    """Open the workbooks of every case and unpack the sheets that are compared; cells are not read yet.

    Raises:
        SuiteError: One is damaged, or the answer has no sheet of that name.
    """
    for case in record.cases:
        answer, source = open_workbook(case, "answer"), open_workbook(case, "source")
        for sheet in dict.fromkeys(sheet for sheet, _ in answer_ranges(record, answer)):
            _unpack(case.answer, answer, sheet)
            if sheet in source.sheets:
                _unpack(case.source, source, sheet)


def _unpack(path: Path, book: Workbook, sheet: str) -> None:
    try:
        book.unpack(sheet)
    except WorkbookError as problem:
        raise SuiteError(f"{path}: {problem}") from None


def expected_areas(record: Record, case: Case) -> list[Area]:
    """Read what a case's answer holds, as the verifier compares it.

    Raises:
        SuiteError: The answer cannot be read, or has no such sheet.
    """
    book = open_workbook(case, "answer")
    try:
        return read_areas(book, answer_ranges(record, book))
    except WorkbookError as problem:
        raise SuiteError(f"{case.answer}: {problem}") from None


@functools.lru_cache(maxsize=1024)
def expected_file(record: Record) -> bytes:
    """Write the answers of all cases as the verifier reads them."""
    return dump_cases([(case.source.name, expected_areas(record, case)) for case in record.cases])


def case_cells(record: Record, case: Case) -> CaseCells:
    """Read a case's input and answer inside the answer ranges.

    Raises:
        SuiteError: One of them cannot be read.
    """
    source, answer = open_workbook(case, "source"), open_workbook(case, "answer")
    before: dict[Cell, Value] = {}
    after: dict[Cell, Value] = {}
    wanted: dict[Cell, Form] = {}
    for sheet, box in answer_ranges(record, answer):
        found = _cells(case.answer, answer, sheet, box)
        wanted |= {(sheet, *place): form_of(found.get((sheet, *place))) for place in places(box)}
        after |= found
        if sheet in source.sheets:
            before |= _cells(case.source, source, sheet, box)
    changed = (cell for cell, form in wanted.items() if not equal(form_of(before.get(cell)), form))
    return CaseCells(before, wanted, {cell: after.get(cell) for cell in changed})


def _cells(path: Path, book: Workbook, sheet: str, box: Box) -> dict[Cell, Value]:
    try:
        return {(sheet, *place): value for place, value in book.cells(sheet, [box]).items()}
    except WorkbookError as problem:
        raise SuiteError(f"{path}: {problem}") from None


@functools.lru_cache(maxsize=64)
def all_cells(record: Record) -> tuple[CaseCells, ...]:
    """Read the cells of every case."""
    return tuple(case_cells(record, case) for case in record.cases)
