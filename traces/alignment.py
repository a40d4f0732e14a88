"""Lay two attempts of one task beside each other: what they did alike, and where they first part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Final

from traces.event import Event, EventKind
from traces.telling import tell

_MOST_CELLS: Final = 160_000
"""Longer stretches are aligned window by window; as a whole they would take seconds."""
_WINDOW: Final = 40
_LEAST_LIKE: Final = 0.3
_VOLATILE: Final = re.compile(
    r"\b\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\b"  # times of day
    r"|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b"  # hashes, ids, random names
    r"|\b\d+(?:\.\d+)? ?m?s\b"  # durations
    r"|/tmp/\S+"
)
_WORD: Final = re.compile(r"\w+|[^\w\s]")


class Weight(IntEnum):
    """Rank what a difference says: another action says most, another frame (prompt, ending) least."""

    FRAME = 0
    WORDS = 1
    ACTION = 2


_WEIGHTS: Final = {
    EventKind.TOOL_CALL: Weight.ACTION,
    EventKind.TOOL_RESULT: Weight.ACTION,
    EventKind.ERROR: Weight.ACTION,
    EventKind.MODEL: Weight.WORDS,
    EventKind.THINKING: Weight.WORDS,
    EventKind.NOTE: Weight.WORDS,
}


@dataclass(frozen=True)  # no slots: the words are counted when somebody asks for them
class Step:
    """Hold what of an event is compared: who did what with which tool, without times and random names."""

    kind: EventKind
    name: str
    text: str

    @property
    def weight(self) -> Weight:
        """Rank a difference in this step."""
        return _WEIGHTS.get(self.kind, Weight.FRAME)

    @cached_property
    def words(self) -> frozenset[str]:
        """Give the words of the text."""
        return frozenset(_WORD.findall(self.text))

    def likeness(self, other: Step) -> float:
        """Say how alike two steps are: 1 for the same, 0 for what should never stand side by side."""
        if self == other:
            return 1.0
        if self.kind is not other.kind:
            return 0.0
        shared, either = len(self.words & other.words), len(self.words | other.words)
        same_tool = 0.5 if self.name == other.name else 0.0
        return same_tool + 0.4 * (shared / either if either else 1.0)


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one row of an alignment: positions in the two sequences, None where one has nothing like it."""

    left: int | None
    right: int | None
    same: bool


def step_of(event: Event) -> Step:
    """Take from an event what is compared."""
    agent = "" if event.agent == "main" else f"{event.agent}/"
    named = event.name or "" if _WEIGHTS.get(event.kind) is Weight.ACTION else ""
    told = tell(event)
    return Step(event.kind, f"{agent}{named}", normalised("\n".join((told.body, *told.facts))))


def normalised(text: str) -> str:
    """Leave out of a text what differs from one attempt to the next by nature."""
    return " ".join(_VOLATILE.sub("#", text).split())


def align(left: Sequence[Step], right: Sequence[Step]) -> list[Row]:
    """Put like steps side by side; every step of both stands in exactly one row, in its order."""
    shortest = min(len(left), len(right))
    head = next((at for at in range(shortest) if left[at] != right[at]), shortest)
    most = shortest - head
    tail = next((at for at in range(most) if left[-1 - at] != right[-1 - at]), most)
    ends = (len(left) - tail, len(right) - tail)
    rows = [Row(at, at, same=True) for at in range(head)]
    rows += _middle(left, right, range(head, ends[0]), range(head, ends[1]))
    return [*rows, *(Row(ends[0] + at, ends[1] + at, same=True) for at in range(tail))]


def divergence(left: Sequence[Step], right: Sequence[Step], rows: Sequence[Row]) -> int | None:
    """Give the row where two attempts first part, None when they never do.

    The first other action counts; only when all actions are the same, other words; only when
    those are the same as well, another prompt or ending.
    """
    apart = [(at, _weight(left, right, row)) for at, row in enumerate(rows) if not row.same]
    heaviest = max((weight for _, weight in apart), default=None)
    return next((at for at, weight in apart if weight is heaviest), None)


def _weight(left: Sequence[Step], right: Sequence[Step], row: Row) -> Weight:
    sides = [side[at].weight for side, at in ((left, row.left), (right, row.right)) if at is not None]
    return max(sides)


def _middle(left: Sequence[Step], right: Sequence[Step], rows: range, columns: range) -> list[Row]:
    if len(rows) * len(columns) <= _MOST_CELLS:
        return _best(left, right, rows, columns)
    return _in_windows(left, right, rows, columns)


def _best(left: Sequence[Step], right: Sequence[Step], rows: range, columns: range) -> list[Row]:
    """Find the alignment with the greatest likeness in all (Needleman and Wunsch, gaps cost nothing)."""
    wide = len(columns) + 1
    total = [0.0] * (wide * (len(rows) + 1))
    like = [[left[i].likeness(right[j]) for j in columns] for i in rows]
    for i in range(len(rows) - 1, -1, -1):
        for j in range(len(columns) - 1, -1, -1):
            at, worth = i * wide + j, like[i][j]
            both = total[at + wide + 1] + worth if worth >= _LEAST_LIKE else 0.0
            total[at] = max(both, total[at + wide], total[at + 1])
    return _walked(left, right, rows, columns, like, total)


def _walked(
    left: Sequence[Step],
    right: Sequence[Step],
    rows: range,
    columns: range,
    like: list[list[float]],
    total: list[float],
) -> list[Row]:
    found: list[Row] = []
    wide, i, j = len(columns) + 1, 0, 0
    while i < len(rows) and j < len(columns):
        at, worth = i * wide + j, like[i][j]
        if worth >= _LEAST_LIKE and total[at] == total[at + wide + 1] + worth:
            found.append(Row(rows[i], columns[j], same=left[rows[i]] == right[columns[j]]))
            i, j = i + 1, j + 1
        elif total[at] == total[at + wide]:
            found.append(Row(rows[i], None, same=False))
            i += 1
        else:
            found.append(Row(None, columns[j], same=False))
            j += 1
    return [*found, *_alone(rows[i:], columns[j:])]


def _alone(rows: range, columns: range) -> list[Row]:
    return [*(Row(at, None, same=False) for at in rows), *(Row(None, at, same=False) for at in columns)]


def _in_windows(left: Sequence[Step], right: Sequence[Step], rows: range, columns: range) -> list[Row]:
    """Walk along both: after a difference go on at the nearest equal steps, and align what lies before them."""
    found: list[Row] = []
    i = j = 0
    while i < len(rows) and j < len(columns):
        if left[rows[i]] == right[columns[j]]:
            found.append(Row(rows[i], columns[j], same=True))
            i, j = i + 1, j + 1
            continue
        ours, theirs = rows[i : i + _WINDOW], columns[j : j + _WINDOW]
        to_i, to_j = _nearest([left[at] for at in ours], [right[at] for at in theirs])
        found += _best(left, right, ours[:to_i], theirs[:to_j])
        i, j = i + to_i, j + to_j
    return [*found, *_alone(rows[i:], columns[j:])]


def _nearest(ours: Sequence[Step], theirs: Sequence[Step]) -> tuple[int, int]:
    """Say where the nearest equal steps stand; the ends when there are none."""
    first: dict[Step, int] = {}
    for at, step in enumerate(theirs):
        first.setdefault(step, at)
    equal = [(at, first[step]) for at, step in enumerate(ours) if step in first]
    return min(equal, key=sum, default=(len(ours), len(theirs)))
