"""Which cells merged areas hide, found in one pass over the areas and one over the cells."""

from __future__ import annotations

from itertools import accumulate
from typing import TypeAlias

Place: TypeAlias = tuple[int, int]
Box: TypeAlias = tuple[int, int, int, int]


class MergedAreas:
    """Note merged areas inside one box; of each area only its first cell holds a value.

    A grid as large as the box holds by how much the number of areas over a cell differs from that of
    its neighbours, so an area costs the same whatever its size, and areas may overlap.
    """

    def __init__(self, box: Box) -> None:
        self._first_row, self._first_column, self._last_row, self._last_column = box
        self._width = self._last_column - self._first_column + 2
        self._steps: list[int] | None = None

    def add(self, area: Box) -> None:
        """Note an area, wherever it lies."""
        first_row, first_column, last_row, last_column = area
        if (first_row, first_column) == (last_row, last_column):
            return
        self._count(first_row, first_column, last_row, last_column, 1)
        self._count(first_row, first_column, first_row, first_column, -1)

    def hidden(self) -> set[Place]:
        """List the cells of the box that lie under an area and do not begin it."""
        if self._steps is None:
            return set()
        found: set[Place] = set()
        above = [0] * self._width
        for row in range(self._first_row, self._last_row + 1):
            start = (row - self._first_row) * self._width
            across = accumulate(self._steps[start : start + self._width])
            above = [one + other for one, other in zip(above, across, strict=True)]
            found.update((row, self._first_column + place) for place, count in enumerate(above) if count > 0)
        return found

    def _count(self, first_row: int, first_column: int, last_row: int, last_column: int, by: int) -> None:
        top, left = max(first_row, self._first_row), max(first_column, self._first_column)
        bottom, right = min(last_row, self._last_row), min(last_column, self._last_column)
        if top > bottom or left > right:
            return
        if self._steps is None:
            self._steps = [0] * (self._width * (self._last_row - self._first_row + 2))
        for row, sign in ((top, by), (bottom + 1, -by)):
            start = (row - self._first_row) * self._width - self._first_column
            self._steps[start + left] += sign
            self._steps[start + right + 1] -= sign
