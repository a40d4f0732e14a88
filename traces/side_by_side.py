"""Two attempts of one task on one page: what was alike folded, then both ways, beside or below each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final

from traces.alignment import Row, align, divergence, step_of
from traces.event import Event, EventKind
from traces.reader import block_lines, folded
from traces.render import paired
from traces.styled import CLOSE, OPEN, Line, Span, Style, line, lines_of
from traces.telling import tell

NARROWEST: Final = 100
"""Below this many columns two attempts are shown below each other."""
_SHORT: Final = 6
_GUTTER: Final = 4
_WORD: Final = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_WORDS: Final = 250_000
"""Longer texts (words of one times words of the other) are shown without marks; finding them would take seconds."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold two attempts' events, how they are aligned, and the row where they part (None: never)."""

    left: tuple[Event, ...]
    right: tuple[Event, ...]
    rows: tuple[Row, ...]
    parts_at: int | None

    def sides(self, row: Row) -> tuple[Event | None, Event | None]:
        """Give the events of a row."""
        return (
            None if row.left is None else self.left[row.left],
            None if row.right is None else self.right[row.right],
        )

    @property
    def first_apart(self) -> tuple[Event | None, Event | None]:
        """Give the events that stand where the attempts part."""
        return (None, None) if self.parts_at is None else self.sides(self.rows[self.parts_at])

    @property
    def words(self) -> str:
        """Say how the attempts differ where they part."""
        ours, theirs = self.first_apart
        if ours is None or theirs is None:
            there, side = (ours or theirs), ("left" if ours else "right")
            what = _noun(there) if there else "nothing"
            return f"here they part: only the {side} one goes on with {what}"
        if ours.kind is not theirs.kind:
            return f"here they part: {_noun(ours)} on the left, {_noun(theirs)} on the right"
        return f"here they part: {_how(ours, theirs)}"


def compare(left: Sequence[Event], right: Sequence[Event]) -> Comparison:
    """Align two attempts."""
    ours, theirs = tuple(paired(left)), tuple(paired(right))
    mine, others = [step_of(event) for event in ours], [step_of(event) for event in theirs]
    rows = align(mine, others)
    return Comparison(ours, theirs, tuple(rows), divergence(mine, others, rows))


def beside(found: Comparison, width: int, *, full: bool = False) -> Iterator[Line]:
    """Show both attempts, side by side when `width` allows it; nothing is wider than `width`."""
    layout = _Beside((width - 3) // 2, full) if width >= NARROWEST else _Below(width, full)
    first = len(found.rows) if found.parts_at is None else found.parts_at
    if full:
        first_shown = 0
    else:
        first_shown = first if found.parts_at is None else _turn_of(found, first)
        yield from _alike(found, first_shown, width)
    for at, row in enumerate(found.rows[first_shown:], first_shown):
        if at == first:
            yield from layout.rule(found.words)
        yield from layout.row(*found.sides(row), same=row.same)


def _turn_of(found: Comparison, first: int) -> int:
    """Go back from a row to where its turn begins, so that the words before an action are shown with it."""
    at = first
    while at > 0 and at - 1 < len(found.rows) and _number(found, at - 1) == _number(found, first):
        at -= 1
    return at


def _number(found: Comparison, at: int) -> tuple[str, int]:
    ours, theirs = found.sides(found.rows[min(at, len(found.rows) - 1)]) if found.rows else (None, None)
    event = ours or theirs
    return (event.agent, event.turn) if event else ("", 0)


def _alike(found: Comparison, upto: int, width: int) -> Iterator[Line]:
    """Fold the common beginning: one line for each call, and what differs in words alone is only counted."""
    rows = found.rows[:upto]
    if not rows:
        return
    differing = sum(not row.same for row in rows)
    but = f" ({differing} of them in other words)" if differing else ""
    whole = found.parts_at is None
    lead = "the same from beginning to end" if whole and not differing else "the same actions until here"
    yield from line(f"── {lead}: {len(rows):,} events{but}; --full shows them", Style.STRONG, hang=3).wrapped(width)
    calls = [found.left[row.left] for row in rows if row.left is not None]
    for event in (event for event in calls if event.kind is EventKind.TOOL_CALL):
        told = next(block_lines(event, tell(event), lines_of(tell(event).body)))
        first = told.clipped(max(width - 40, 30)).under(Span(f"{event.seq:>3}  ", Style.FAINT))
        yield from first.wrapped(width)


def _noun(event: Event) -> str:
    nouns = {EventKind.TOOL_CALL: f"a call of {event.name or 'a tool'}", EventKind.MODEL: "words"}
    return nouns.get(event.kind, event.kind.value.replace("_", " "))


def _how(ours: Event, theirs: Event) -> str:
    if ours.kind is EventKind.TOOL_CALL:
        return "other tools" if ours.name != theirs.name else f"{ours.name} is called in another way"
    if ours.kind is EventKind.TOOL_RESULT:
        return "the same call is answered in another way"
    named = {EventKind.MODEL: "the same actions in other words", EventKind.VERIFIER: "the verifier judges differently"}
    return named.get(ours.kind, f"another {ours.kind.value.replace('_', ' ')}")


def _cell(event: Event, other: Event | None, *, same: bool, full: bool) -> list[Line]:
    """Lay out one event; lines that the other side does not have stand out."""
    telling = tell(event)
    text = telling.body if other is None or same else marked_apart(telling.body, tell(other).body)
    body = lines_of(text, Style.FAINT if same else telling.style) if text else []
    keep = min(telling.keep, _SHORT if not same else 2)
    shown = list(folded(body, keep=keep, shows="--full", whole=full))
    sign = Span(" " if same else "≠", Style.FAINT if same else Style.MATCH)
    lines = list(block_lines(event, telling, shown))
    blank = Span(" " * (_GUTTER + 1))
    first = (Span(f"{event.seq:>{_GUTTER - 1}}", Style.FAINT), sign, Span(" "))
    return [each.under(*first) if at == 0 else each.under(blank) for at, each in enumerate(lines)]


def marked_apart(mine: str, other: str) -> str:
    """Mark the words of a text that another one does not have at their place."""
    ours, theirs = (_WORD.findall(text.replace(OPEN, "").replace(CLOSE, "")) for text in (mine, other))
    if len(ours) * len(theirs) > _MOST_WORDS:
        return "".join(ours)
    pieces = []
    for tag, begin, end, _, _ in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        piece = "".join(ours[begin:end])
        pieces.append(piece if tag == "equal" or not piece.strip() else f"{OPEN}{piece}{CLOSE}")
    return "".join(pieces)


@dataclass(frozen=True, slots=True)
class _Beside:
    """Put the two sides into two columns."""

    width: int
    full: bool

    def rule(self, words: str) -> Iterator[Line]:
        yield from line(f"── {words}", Style.BAD, hang=3).wrapped(2 * self.width + 3)

    def row(self, ours: Event | None, theirs: Event | None, *, same: bool) -> Iterator[Line]:
        sides = [
            [part for each in _cell(one, other, same=same, full=self.full) for part in each.wrapped(self.width)]
            if one is not None
            else []
            for one, other in ((ours, theirs), (theirs, ours))
        ]
        bar = Span(" ┃ ", Style.FAINT)
        for left, right in zip_longest(*sides, fillvalue=Line()):
            yield Line((*left.padded(self.width).spans, bar, *right.spans))


@dataclass(frozen=True, slots=True)
class _Below:
    """Put the right side below the left one; what is the same stands once."""

    width: int
    full: bool

    def rule(self, words: str) -> Iterator[Line]:
        yield from line(f"── {words}", Style.BAD, hang=3).wrapped(self.width)

    def row(self, ours: Event | None, theirs: Event | None, *, same: bool) -> Iterator[Line]:
        sides = [("both", ours, theirs)] if same else [("left", ours, theirs), ("right", theirs, ours)]
        for name, one, other in sides:
            cell = _cell(one, other, same=same, full=self.full) if one is not None else []
            for at, each in enumerate(cell):
                yield from each.under(Span(f"{'' if at else name:<5} ", Style.FAINT)).wrapped(self.width)
