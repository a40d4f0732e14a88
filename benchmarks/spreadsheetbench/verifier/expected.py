"""What a case's answer holds inside the answer ranges, as a text file that reads fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .archive import WorkbookError
from .sheet import name_of
from .values import Form, dump, equal, form_of, load, shown
from .workbook import Box, Value, Workbook


class Area(NamedTuple):
    """Hold one answer range: its sheet, its box, and the forms of its cells, row by row."""

    sheet: str
    box: Box
    forms: list[Form]


def read_areas(book: Workbook, ranges: Sequence[tuple[str, Box]]) -> list[Area]:
    """Read the answer's forms inside `ranges`.

    Raises:
        WorkbookError: A sheet is missing or cannot be read.
    """
    areas: list[Area] = []
    for sheet, box in ranges:
        cells = book.cells(sheet, [box])
        areas.append(Area(sheet, box, [form_of(cells.get(place)) for place in places(box)]))
    return areas


def places(box: Box) -> list[tuple[int, int]]:
    """List the cells of a box, row by row."""
    return [(row, column) for row in range(box[0], box[2] + 1) for column in range(box[1], box[3] + 1)]


def difference(areas: Sequence[Area], found: Workbook) -> str:
    """Say where a workbook first differs from the answer, or nothing; each sheet is read once."""
    boxes: dict[str, list[Box]] = {}
    for area in areas:
        boxes.setdefault(area.sheet, []).append(area.box)
    read: dict[str, dict[tuple[int, int], Value]] = {}
    for area in areas:
        try:
            if area.sheet not in read:
                read[area.sheet] = found.cells(area.sheet, boxes[area.sheet])
        except WorkbookError as problem:
            return str(problem)
        if wrong := _first_wrong(area, read[area.sheet]):
            return wrong
    return ""


def _first_wrong(area: Area, cells: Mapping[tuple[int, int], Value]) -> str:
    wrong = []
    for place, wanted in zip(places(area.box), area.forms, strict=True):
        form = form_of(cells.get(place))
        if not equal(form, wanted):
            wrong.append((place, form, wanted))
    if not wrong:
        return ""
    place, form, wanted = wrong[0]
    first = f"{area.sheet}!{name_of(*place)} holds {shown(form)}, not {shown(wanted)}"
    return f"{len(wrong)} of {len(area.forms)} cells are wrong: {first}"


def dump_cases(cases: Sequence[tuple[str, Sequence[Area]]]) -> bytes:
    """Write the cases, each with the name of its input, as lines."""
    lines: list[str] = []
    for name, areas in cases:
        lines.append(f"case {name}")
        for area in areas:
            lines.append(f"area {' '.join(map(str, area.box))} {dump(area.sheet)}")
            lines += [dump(form) for form in area.forms]
    return "\n".join(lines).encode("ascii")


def load_cases(content: bytes) -> list[tuple[str, list[Area]]]:
    """Read what `dump_cases` wrote."""
    cases: list[tuple[str, list[Area]]] = []
    for line in content.decode("ascii").split("\n"):
        if line.startswith("case "):
            cases.append((line[5:], []))
        elif line.startswith("area "):
            *numbers, sheet = line[5:].split(" ", 4)
            first_row, first_column, last_row, last_column = map(int, numbers)
            name = load(sheet)
            cases[-1][1].append(Area(str(name), (first_row, first_column, last_row, last_column), []))
        else:
            cases[-1][1][-1].forms.append(load(line))
    return cases
