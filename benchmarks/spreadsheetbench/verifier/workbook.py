"""Reads the stored values of cells from a workbook, as openpyxl does with `data_only=True`.

Only what a caller asks for is read: the named sheets, the cells inside the boxes, and the shared
strings and styles if such a cell needs them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from .archive import Archive, WorkbookError
from .sheet import RawCell, read_sheet, read_strings
from .xml_events import attributes_of

if TYPE_CHECKING:
    import datetime

Value: TypeAlias = "float | str | datetime.datetime | datetime.date | datetime.time | datetime.timedelta | None"
"""A cell's value as openpyxl gives it; `int` and `bool` count as `float` here."""

Box: TypeAlias = tuple[int, int, int, int]
"""First row, first column, last row, last column; counted from 1, all inclusive."""

_FLOAT = re.compile(r"[.E-e]")
_DATE_STYLE = re.compile(r"(?<![_\\])[dmhysDMHYS]")
_NOT_A_FORMAT = re.compile(r'".*?"|\[(?!hh?\]|mm?\]|ss?\])[^\]]*\]')
_SPAN_STYLE = re.compile(r"\[(?:hh?|mm?|ss?)\]", re.I)
_BUILTIN_DATES = frozenset((*range(14, 23), 45, 46, 47))
_BUILTIN_SPANS = frozenset((46,))
_LONGEST_FORMAT = 1024
"""Programs stop at 255 signs; looking through a longer one takes its length squared."""


class Workbook:
    """Open a workbook held in memory.

    Raises:
        WorkbookError: It is no workbook, or it is damaged.
    """

    def __init__(self, data: bytes) -> None:
        self._archive = Archive(data)
        self.root = self._find_root()
        self._relations = _relations(self._archive, self.root)
        events = attributes_of(self._archive.read(self.root), ("sheet", "workbookPr"))
        self._sheets: dict[str, str] = {}
        self._mac = False
        for tag, found in events:
            if tag == "workbookPr":
                self._mac = found.get("date1904", "0") in ("1", "true", "on")
            elif found.get("id") in self._relations:
                self._sheets[found.get("name", "")] = self._relations[found["id"]][1]
        self._strings: list[str] | None = None
        self._styles: dict[int, bool] | None = None

    @property
    def sheets(self) -> list[str]:
        """The names of the sheets, in order."""
        return list(self._sheets)

    def part(self, sheet: str) -> str:
        """Name the part of the archive that holds a sheet.

        Raises:
            WorkbookError: There is no such sheet.
        """
        if sheet not in self._sheets:
            raise WorkbookError(f"it has no sheet {sheet!r}; its sheets are {', '.join(self._sheets)[:200]}")
        return self._sheets[sheet]

    def cells(self, sheet: str, boxes: Iterable[Box]) -> dict[tuple[int, int], Value]:
        """Read the cells of `sheet` inside `boxes`; empty ones are left out.

        Raises:
            WorkbookError: There is no such sheet, or it cannot be read.
        """
        raw = read_sheet(self._archive.read(self.part(sheet)), list(boxes))
        found = {place: self._value(cell) for place, cell in raw.items()}
        return {place: value for place, value in found.items() if value is not None}

    def unpack(self, sheet: str) -> None:
        """Unpack what the cells of a sheet are read from, which checks it for damage, without reading them.

        Raises:
            WorkbookError: There is no such sheet, or a part is damaged or too large.
        """
        self._archive.read(self.part(sheet))
        for kind, target in self._relations.values():
            if kind.endswith(("/sharedStrings", "/styles")) and target in self._archive:
                self._archive.read(target)

    def _find_root(self) -> str:
        for kind, target in _relations(self._archive, "").values():
            if kind.endswith("/officeDocument"):
                return target
        return "xl/workbook.xml"

    def _value(self, cell: RawCell) -> Value:
        kind, text, style = cell
        if kind == "inlineStr":
            return text
        if not text:
            return None
        try:
            if kind == "n":
                number = float(text) if _FLOAT.search(text) else int(text)
                return self._number(number, style)
            if kind == "s":
                return self._shared(int(text))
            if kind == "b":
                return bool(int(text))
            if kind == "d":
                from .dates import from_iso

                return from_iso(text)
        except (ValueError, IndexError, OverflowError) as problem:
            raise WorkbookError(f"a cell holds {text[:40]!r} as type {kind!r}: {problem}") from None
        return text

    def _number(self, number: float, style: int) -> Value:
        spans = self._date_styles().get(style)
        if spans is None:
            return number
        from .dates import from_serial

        return from_serial(number, mac=self._mac, span=spans)

    def _shared(self, index: int) -> str:
        if self._strings is None:
            names = [target for kind, target in self._relations.values() if kind.endswith("/sharedStrings")]
            self._strings = read_strings(self._archive.read(names[0] if names else "xl/sharedStrings.xml"))
        return self._strings[index]

    def _date_styles(self) -> dict[int, bool]:
        """Map the styles that show a date or time to whether they show a span of time."""
        if self._styles is None:
            names = [target for kind, target in self._relations.values() if kind.endswith("/styles")]
            name = names[0] if names else "xl/styles.xml"
            self._styles = _date_styles(self._archive.read(name)) if name in self._archive else {}
        return self._styles


def _relations(archive: Archive, part: str) -> dict[str, tuple[str, str]]:
    """Map relation ids of a part to (type, name of the target part)."""
    folder, _, name = part.rpartition("/")
    place = posixpath.join(folder, "_rels", f"{name}.rels")
    if place not in archive:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for _, item in attributes_of(archive.read(place), ("Relationship",)):
        target = item.get("Target", "")
        path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        found[item.get("Id", "")] = (item.get("Type", ""), path)
    return found


def _date_styles(content: bytes) -> dict[int, bool]:
    custom: dict[int, str] = {}
    formats: list[int] = []
    for tag, found in attributes_of(content, ("numFmt", "xf"), inside=("numFmts", "cellXfs")):
        given = found.get("numFmtId", "0")
        number = int(given) if given.isdecimal() and len(given) < 10 else 0
        if tag == "numFmt":
            custom[number] = found.get("formatCode", "")
        else:
            formats.append(number)
    kinds = {number: _format_kind(number, custom) for number in set(formats)}
    return {place: kind for place, number in enumerate(formats) if (kind := kinds[number]) is not None}


def _format_kind(number: int, custom: dict[int, str]) -> bool | None:
    """Tell a date format (False) from a span's (True) and from any other (None)."""
    if number not in custom:
        return number in _BUILTIN_SPANS if number in _BUILTIN_DATES else None
    code = custom[number][:_LONGEST_FORMAT].split(";")[0]
    if not _DATE_STYLE.search(_NOT_A_FORMAT.sub("", code)):
        return None
    return _SPAN_STYLE.search(code) is not None
