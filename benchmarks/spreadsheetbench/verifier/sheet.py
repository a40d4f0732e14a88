"""Reads the cells of one worksheet, and the table of shared strings."""

from __future__ import annotations

from typing import TypeAlias

from .archive import WorkbookError
from .merged import MergedAreas, Place
from .xml_events import MAX_DEPTH, local, make_parser, parse, refuse_depth

RawCell: TypeAlias = tuple[str, str, int]
"""Type, text and style index of a cell as stored."""

Boxes: TypeAlias = "list[tuple[int, int, int, int]]"

MAX_ROW = 1_048_576
MAX_COLUMN = 16_384
_MAX_LETTERS = 3
_MAX_DIGITS = 9


def read_sheet(content: bytes, boxes: Boxes) -> dict[Place, RawCell]:
    """Read the cells inside `boxes`; of a merged area only the first cell holds a value."""
    reader = _SheetReader(boxes)
    parser = make_parser()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parse(parser, content)
    for merged in reader.merged:
        for place in merged.hidden():
            reader.cells.pop(place, None)
    return reader.cells


def place_of(reference: str) -> Place:
    """Read `BN12` as row 12, column 66."""
    letters = reference.rstrip("0123456789")
    column = 0
    if len(letters) <= _MAX_LETTERS and letters.isascii() and letters.isalpha():
        for letter in letters.upper():
            column = column * 26 + ord(letter) - 64
    row = int(reference[len(letters) :][:8] or 0)
    if not 1 <= row <= MAX_ROW or not 1 <= column <= MAX_COLUMN:
        raise WorkbookError(f"{reference[:40]!r} is not the name of a cell")
    return row, column


def name_of(row: int, column: int) -> str:
    """Write row 12, column 66 as `BN12`."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row}"


class _SheetReader:
    """Follow the events of a worksheet's XML."""

    def __init__(self, boxes: Boxes) -> None:
        self.cells: dict[Place, RawCell] = {}
        self.merged = [MergedAreas(box) for box in boxes]
        self._boxes = boxes
        self._first = min((box[0] for box in boxes), default=1)
        self._last = max((box[2] for box in boxes), default=0)
        self._row = self._column = 0
        self._row_tag = ""
        self._wanted = False
        self._cell: tuple[str, int] | None = None
        self._path: list[str] = []
        self._parts: list[str] | None = None
        self._value: list[str] | None = None
        self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            refuse_depth()
        if self._cell is not None:
            self._inside_cell(local(name))
        elif self._row_tag:
            if self._wanted:
                self._start_cell(attributes)
        elif (tag := local(name)) == "row":
            self._row_tag = name
            self._start_row(attributes)
        elif tag == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def _start_row(self, attributes: dict[str, str]) -> None:
        given = attributes.get("r")
        try:
            self._row = int(float(given)) if given else self._row + 1
        except (ValueError, OverflowError):
            raise WorkbookError(f"it has a row numbered {str(given)[:40]!r}") from None
        self._column = 0
        self._wanted = self._first <= self._row <= self._last

    def _start_cell(self, attributes: dict[str, str]) -> None:
        row, reference = self._row, attributes.get("r")
        if reference:
            row, self._column = place_of(reference)
        else:
            self._column += 1
        self._cell = (attributes.get("t", "n"), row)
        self._style = attributes.get("s", "0")
        self._path, self._value, self._parts = [], None, None

    def _inside_cell(self, tag: str) -> None:
        self._path.append(tag)
        if tag == "v" or (tag == "t" and self._path in (["is", "t"], ["is", "r", "t"])):
            self._parts = []

    def text(self, data: str) -> None:
        if self._parts is not None:
            self._parts.append(data)

    def end(self, name: str) -> None:
        self._depth -= 1
        if self._cell is None:
            if name == self._row_tag:
                self._row_tag = ""
        elif self._path:
            self._end_part(self._path.pop())
        else:
            self._end_cell(*self._cell)
            self._cell = None

    def _end_part(self, tag: str) -> None:
        inline = self._cell is not None and self._cell[0] == "inlineStr"
        if self._parts is not None and tag in ("v", "t"):
            if inline == (tag == "t") and (inline or self._value is None):
                self._value = self._value or []
                self._value += self._parts
            self._parts = None
        elif tag == "is" and inline and self._value is None:
            self._value = []

    def _end_cell(self, kind: str, row: int) -> None:
        column = self._column
        if any(box[0] <= row <= box[2] and box[1] <= column <= box[3] for box in self._boxes):
            if self._value is None:
                self.cells.pop((row, column), None)
            else:
                style = int(self._style) if self._style.isdecimal() and len(self._style) <= _MAX_DIGITS else 0
                self.cells[row, column] = (kind, "".join(self._value), style)

    def _merge(self, reference: str) -> None:
        first, _, last = reference.partition(":")
        area = (*place_of(first), *place_of(last or first))
        for merged in self.merged:
            merged.add(area)


def read_strings(content: bytes) -> list[str]:
    """Read the shared strings without their formats and phonetic hints."""
    strings: list[str] = []
    path: list[str] = []
    parts: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        path.append(local(name))
        if len(path) > MAX_DEPTH:
            refuse_depth()

    def text(data: str) -> None:
        if path[-1] == "t" and path[1:] in (["si", "t"], ["si", "r", "t"]):
            parts.append(data)

    def end(_: str) -> None:
        if path.pop() == "si" and len(path) == 1:
            strings.append("".join(parts).replace("x005F_", ""))
            parts.clear()

    parser = make_parser()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parse(parser, content)
    return strings
