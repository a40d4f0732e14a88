"""What must hold for the published workbooks: the grader, the answers, and the slips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from benchmarks.spreadsheetbench.cells import answer_ranges, expected_areas
from benchmarks.spreadsheetbench.dataset import read_items
from benchmarks.spreadsheetbench.program import main
from benchmarks.spreadsheetbench.record import Record, check_record, read_record
from benchmarks.spreadsheetbench.verifier.expected import difference, load_cases, places
from benchmarks.spreadsheetbench.verifier.workbook import Workbook
from benchmarks.spreadsheetbench.work import script_of, work_of

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")

EVERY = (
    pytest.param(9, id="every 9th"),
    pytest.param(1, id="all", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
)


def records_of(folder: Path, every: int = 1) -> Iterator[Record]:
    for item in read_items(folder)[::every]:
        yield check_record(folder, read_record(item.content))


def test_every_answer_is_right_against_itself_and_no_untouched_input_is(sample: Path) -> None:
    cases = 0
    for record in records_of(sample):
        for case in record.cases:
            areas = expected_areas(record, case)
            assert difference(areas, Workbook(case.answer.read_bytes())) == "", case.answer.name
            assert difference(areas, Workbook(case.source.read_bytes())) != "", case.source.name
            cases += 1
    assert cases == 270


@pytest.mark.parametrize("every", EVERY)
def test_stored_values_in_the_answer_ranges_read_as_openpyxl_reads_them(sample: Path, every: int) -> None:
    for record in records_of(sample, every):
        for case in record.cases:
            ranges = answer_ranges(record, Workbook(case.answer.read_bytes()))
            for path in (case.source, case.answer):
                theirs = openpyxl.load_workbook(path, data_only=True)
                ours = Workbook(path.read_bytes())
                assert ours.sheets == theirs.sheetnames
                for sheet, box in ranges:
                    found = ours.cells(sheet, [box])
                    for place in places(box):
                        wanted = theirs[sheet].cell(*place).value
                        assert (type(found.get(place)), found.get(place)) == (type(wanted), wanted), (path.name, place)


@pytest.mark.parametrize("every", EVERY)
def test_the_written_programs_are_right_and_with_any_slip_wrong(sample: Path, every: int, tmp_path: Path) -> None:
    target = tmp_path / "out.xlsx"
    for record in records_of(sample, every):
        for name in work_of(record).scripts:
            packed = script_of(record, name).decode().rpartition('\n""")')[0].rpartition('"""\n')[2]
            problems = []
            for case in record.cases:
                main(str(case.source), str(target), packed)
                problems.append(difference(expected_areas(record, case), Workbook(target.read_bytes())))
                openpyxl.load_workbook(target)
            right = name in ("solve.sh", "slips/wrong_path.sh")
            assert any(problems) != right, (record.id, name, problems)


def test_the_answers_in_a_verifier_read_back_as_they_were(sample: Path) -> None:
    from benchmarks.spreadsheetbench.cells import expected_file

    for record in records_of(sample, 9):
        read = load_cases(expected_file(record))
        assert read == [(case.source.name, expected_areas(record, case)) for case in record.cases]
