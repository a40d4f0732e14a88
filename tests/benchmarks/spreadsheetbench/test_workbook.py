# ruff: noqa: DTZ001 (workbooks know no time zone)
from __future__ import annotations

import datetime as dt
import io
import random
import resource
import time
import zipfile
from collections.abc import Callable

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.spreadsheetbench.verifier.archive import Archive, WorkbookError
from benchmarks.spreadsheetbench.verifier.expected import difference, places, read_areas
from benchmarks.spreadsheetbench.verifier.limits import bounded
from benchmarks.spreadsheetbench.verifier.merged import MergedAreas
from benchmarks.spreadsheetbench.verifier.workbook import Workbook

BOX = (1, 1, 14, 4)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")


def rewrite(content: bytes, changes: dict[str, Callable[[str], str]]) -> bytes:
    """Change parts of a workbook's archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, changes[name](text.decode()) if name in changes else text)
    return packed.getvalue()


def assert_reads_like_openpyxl(content: bytes) -> None:
    theirs = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    ours = Workbook(content)
    assert ours.sheets == theirs.sheetnames
    for sheet in ours.sheets:
        found = ours.cells(sheet, [BOX])
        for place in places(BOX):
            wanted = theirs[sheet].cell(*place).value
            assert found.get(place) == wanted, (sheet, place)
            assert type(found.get(place)) is type(wanted), (sheet, place)


def test_all_kinds_of_values_read_as_openpyxl_reads_them() -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    rows: list[list[object]] = [
        ["text", " padded ", "ünï <&>", "_x005F_x"],
        [1, 2.5, -1e-9, 10**15],
        [True, False, None, "=SUM(A2:B2)"],
        [dt.datetime(2024, 2, 29, 13, 14, 15), dt.date(1999, 12, 31), dt.time(23, 59, 59), dt.timedelta(hours=49)],
        ["#N/A", "12", "line\nbreak", "'quoted'"],
        [1, 59, 60, 0.5],
    ]
    for row in rows:
        page.append(row)
    for place in ("A6", "B6", "C6", "D6"):
        page[place].number_format = "yyyy-mm-dd hh:mm"
    page["A7"], page["B7"], page["C7"], page["D7"] = -3.25, 1e9, 0.99999999999, 43210.123456
    for place, code in zip(("A7", "B7", "C7", "D7"), ("d/m", "dd/mm/yyyy", "h:mm", "[h]:mm:ss"), strict=True):
        page[place].number_format = code
    page["A8"], page["B8"] = 7, 8
    page["A8"].number_format, page["B8"].number_format = '0 "days"', "[Red]0;[Blue]d"
    page["A9"], page["B9"], page["A10"] = "kept", "lost", "lost too"
    other = book.create_sheet("Übersicht & 'mehr'")
    other["B2"] = "other"
    content = io.BytesIO()
    book.save(content)
    assert_reads_like_openpyxl(content.getvalue())
    page.merge_cells("A9:B10")
    merged = io.BytesIO()
    book.save(merged)
    assert_reads_like_openpyxl(merged.getvalue())


def test_inline_texts_typed_dates_and_missing_references_read_as_openpyxl_reads_them(
    workbook: Callable[..., bytes],
) -> None:
    rows = (
        '<row><c t="inlineStr"><is><r><t>two </t></r><r><t>runs</t></r></is></c><c><v>3</v></c></row>'
        '<row r="4"><c r="B4" t="d"><v>2024-05-01T10:20:30.5</v></c><c t="d"><v>PT1H30M</v></c></row>'
        '<row r="5"><c r="A5" t="e"><v>#DIV/0!</v></c><c r="B5" t="str"><f>A1</f><v>made</v></c>'
        '<c r="C5"><f>1</f></c></row>'
        '<row r="6"><c r="A6" t="d"><v>10:20</v></c><c r="B6" t="d"><v>2024-05-01</v></c>'
        '<c r="C6" t="b"><v>1</v></c></row>'
        '<row r="7"><c r="A7" t="inlineStr"><is><t/></is></c><c r="B7"><v></v></c><c r="C7"><v>1E3</v></c></row>'
    )
    content = rewrite(
        workbook({"A1": "x"}),
        {"xl/worksheets/sheet1.xml": lambda xml: xml[: xml.index("<row")] + rows + xml[xml.index("</sheetData>") :]},
    )
    assert_reads_like_openpyxl(content)


def test_dates_of_the_1904_system_read_as_openpyxl_reads_them() -> None:
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    page = book.active
    assert page is not None
    page["A1"] = dt.datetime(2024, 5, 1, 12)
    content = io.BytesIO()
    book.save(content)
    assert_reads_like_openpyxl(content.getvalue())


def bomb(size: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * size)
    return packed.getvalue()


def zeroed(content: bytes, place: int) -> bytes:
    return content[:place] + bytes(30) + content[place + 30 :]


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "empty"),
    "text": (lambda _: b"value;sum\n1;2\n", "not a zip"),
    "truncated": (lambda good: good[: len(good) // 2], "not a zip"),
    "huge": (lambda good: good + b"\0" * 20_000_001, "larger than"),
    "unpacks to much": (lambda _: bomb(70_000_000), "unpack to more"),
    "not a workbook": (lambda _: bomb(10), "broken XML"),
    "damaged": (lambda good: zeroed(good, good.index(b"xl/worksheets/sheet1.xml") + 40), "damaged"),
    "other sheet": (lambda good: rewrite(good, {"xl/workbook.xml": lambda x: x.replace("Data", "Dato")}), "no sheet"),
    "lost sheet": (
        lambda good: rewrite(good, {"xl/_rels/workbook.xml.rels": lambda x: x.replace("sheet1.xml", "sheet9.xml")}),
        "missing",
    ),
    "broken XML": (lambda good: rewrite(good, {"xl/worksheets/sheet1.xml": lambda x: x[:-9]}), "broken XML"),
    "entities": (
        lambda good: rewrite(
            good, {"xl/worksheets/sheet1.xml": lambda x: '<!DOCTYPE a [<!ENTITY b "c">]>' + x[x.index("<worksheet") :]}
        ),
        "document type",
    ),
    "far row": (
        lambda good: rewrite(good, {"xl/worksheets/sheet1.xml": lambda x: x.replace('r="A1"', 'r="A99999999"')}),
        "not the name of a cell",
    ),
    "odd number": (
        lambda good: rewrite(good, {"xl/worksheets/sheet1.xml": lambda x: x.replace("<v>3.5</v>", "<v>3,5</v>")}),
        "holds '3,5'",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_malformed_workbook_is_wrong_for_a_named_cause(kind: str, workbook: Callable[..., bytes]) -> None:
    good = workbook({"A1": 3.5, "B1": "text"})
    areas = read_areas(Workbook(good), [("Data", (1, 1, 1, 2))])
    spoil, cause = BROKEN[kind]
    try:
        problem = difference(areas, Workbook(spoil(good)))
    except WorkbookError as error:
        problem = str(error)
    assert cause in problem


def in_sheet(rows: str, after: str = "") -> Callable[[bytes], bytes]:
    """Give a workbook these rows instead of its own."""

    def change(xml: str) -> str:
        start, end = xml.index("<sheetData>"), xml.index("</sheetData>")
        return f"{xml[:start]}<sheetData>{rows}</sheetData>{after}{xml[end + len('</sheetData>') :]}"

    return lambda good: rewrite(good, {"xl/worksheets/sheet1.xml": change})


def in_styles(inside: str) -> Callable[[bytes], bytes]:
    def change(xml: str) -> str:
        return f'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{inside}</styleSheet>'

    return lambda good: rewrite(good, {"xl/styles.xml": change})


def cell(inside: str, attributes: str = "") -> str:
    return f'<row r="1"><c r="A1" {attributes}>{inside}</c></row>'


def with_strings(inside: str, index: int) -> Callable[[bytes], bytes]:
    """Let the first cell name a shared string."""

    def change(good: bytes) -> bytes:
        packed = io.BytesIO(in_sheet(cell(f"<v>{index}</v>", 't="s"'))(good))
        with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
            space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
            archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{space}">{inside}</sst>')
        return packed.getvalue()

    return change


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "deep XML": (in_sheet("<a>" * 5_000_000), "more than 256 elements"),
    "deep shared strings": (with_strings("<a>" * 999, 0), "more than 256 elements"),
    "millions of formats": (in_styles(f"<cellXfs>{'<xf/>' * 3_000_000}</cellXfs>"), "more than 200000"),
    "an endless format": (
        in_styles(
            f"<numFmts><numFmt numFmtId='200' formatCode='{'[' * 90_000}'/></numFmts>"
            "<cellXfs><xf numFmtId='200'/></cellXfs>"
        ),
        "",
    ),
    "a column of many letters": (
        in_sheet(f"<row><c r='{'A' * 90_000}1'><v>3.5</v></c></row>"),
        "not the name of a cell",
    ),
    "a text of many runs": (in_sheet(cell(f"<is>{'<r><t>a</t></r>' * 150_000}</is>", 't="inlineStr"')), "not 3.5"),
    "a style that is a digit": (in_sheet(cell("<v>4</v>", 's="²"')), "holds 4.0"),
    "a style of many digits": (in_sheet(cell("<v>4</v>", f"s='{'9' * 6000}'")), "holds 4.0"),
    "an encoding of many bytes": (
        lambda good: rewrite(
            good, {"xl/workbook.xml": lambda xml: '<?xml version="1.0" encoding="shift_jis"?>' + xml[xml.index("<w") :]}
        ),
        "wrong encoding",
    ),
    "a number of many digits": (in_sheet(cell(f"<v>{'9' * 6000}</v>")), "holds '9999"),
    "not a number": (in_sheet(cell("<v>nan</v>")), "holds nan"),
    "an endless number": (in_sheet(cell("<v>1e999</v>")), "holds inf"),
    "a date out of range": (in_sheet(cell("<v>2024-13-45</v>", 't="d"')), "month must be"),
    "a shared text that is not there": (with_strings("<si><t>x</t></si>", 99), "out of range"),
    "a formula without a result": (in_sheet(cell("<f>1+2.5</f>")), "holds nothing"),
    "far cells": (in_sheet('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>' * 50_000), "holds nothing"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_workbook_is_cheap_and_wrong_for_a_named_cause(kind: str, workbook: Callable[..., bytes]) -> None:
    good = workbook({"A1": 3.5, "B1": "text"})
    areas = read_areas(Workbook(good), [("Data", (1, 1, 1, 2))])
    spoil, cause = HOSTILE[kind]
    spoilt = spoil(good)
    began = time.process_time()
    try:
        problem = difference(areas, Workbook(spoilt))
    except WorkbookError as error:
        problem = str(error)
    assert cause in problem
    assert time.process_time() - began < 3


def test_merged_areas_cost_their_number_and_not_their_number_times_the_cells(workbook: Callable[..., bytes]) -> None:
    rows = "".join(f'<row r="{row}"><c r="A{row}"><v>1</v></c></row>' for row in range(1, 5001))

    def seconds(areas: int) -> float:
        after = "<mergeCells>" + '<mergeCell ref="C1:D5000"/>' * areas + "</mergeCells>"
        book = Workbook(in_sheet(rows, after)(workbook({"A1": 1})))
        began = time.process_time()
        assert len(book.cells("Data", [(1, 1, 5000, 4)])) == 5000
        return time.process_time() - began

    few = seconds(10)
    assert seconds(2000) < 4 * few + 0.1


boxes = st.tuples(*[st.integers(1, 6)] * 4).map(
    lambda at: (min(at[0], at[2]), min(at[1], at[3]), max(at[0], at[2]), max(at[1], at[3]))
)


@given(boxes, st.lists(boxes, max_size=6))
def test_merged_areas_hide_all_cells_but_their_first_even_where_they_overlap(
    box: tuple[int, int, int, int], areas: list[tuple[int, int, int, int]]
) -> None:
    merged = MergedAreas(box)
    for area in areas:
        merged.add(area)
    hidden = {place for area in areas for place in places(area) if place != area[:2]}
    assert merged.hidden() == hidden & set(places(box))


def test_reading_ends_when_it_takes_too_much_processor_time_or_memory() -> None:
    def forever() -> str:
        while True:
            pass

    def much() -> str:
        return str(len(bytearray(2_000_000_000)))

    for read, cause in ((forever, "processor time"), (much, "MemoryError")):
        with pytest.raises(WorkbookError, match=cause):
            bounded(read, cpu_s=0.2)
    assert bounded(lambda: "right") == "right"
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


def test_every_cut_of_a_workbook_is_refused_without_a_crash(workbook: Callable[..., bytes]) -> None:
    good = workbook({"A1": 3.5, "B1": "text"})
    for end in range(0, len(good) - 1, 37):
        with pytest.raises(WorkbookError):
            Workbook(good[:end]).cells("Data", [(1, 1, 1, 2)])


PARTS = ("xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels")


@pytest.mark.parametrize("seed", range(150))
def test_a_workbook_with_a_few_odd_characters_reads_or_is_refused(seed: int, workbook: Callable[..., bytes]) -> None:
    draw = random.Random(seed)

    def spoil(text: str) -> str:
        for _ in range(draw.randint(1, 6)):
            place = draw.randrange(len(text))
            text = text[:place] + draw.choice('09-.aZ"<>/&: é') + text[place + draw.randint(0, 2) :]
        return text

    good = workbook({"A1": 3.5, "B1": "text", "A2": dt.datetime(2024, 5, 1), "B2": True})
    areas = read_areas(Workbook(good), [("Data", (1, 1, 2, 2))])
    assert difference(areas, Workbook(good)) == ""
    cause = "none, it was read"
    try:
        difference(areas, Workbook(rewrite(good, {draw.choice(PARTS): spoil})))
    except WorkbookError as error:
        cause = str(error)
    assert cause


def test_an_archive_gives_the_bytes_that_were_packed(workbook: Callable[..., bytes]) -> None:
    good = workbook({"A1": 1})
    with zipfile.ZipFile(io.BytesIO(good)) as packed:
        for name in packed.namelist():
            assert Archive(good).read(name) == packed.read(name)
