"""One attempt as a page for people: by turn, long outputs folded, matches marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from traces.errors import NotFoundError
from traces.event import Event, EventKind
from traces.render import kinds_of, paired, tokens
from traces.styled import ELLIPSIS, Line, Span, Style, line, lines_of
from traces.telling import Telling, tell, tell_all
from traces.turns import Turn, each_in, turn_range, turns, used

if TYPE_CHECKING:
    from traces.matching import Pattern

LINE_CHARS: Final = 600
"""Folded, a line shows this much of itself."""
_LAST_LINES: Final = 2
_FEWEST_HIDDEN: Final = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """Say what of an attempt is read.

    Attributes:
        full: Whole bodies instead of folded ones.
        only: Kinds of events, as `traces.render` names them; all when empty.
        turns: A turn or a range of turns, such as `3`, `2-5`, `4-`, `-2`.
        event: One event, with everything it holds.
        tail: The last so many events.
        grep: Only events that match, each with the lines around its matches.
        context: How many lines around a match.
    """

    full: bool = False
    only: tuple[str, ...] = ()
    turns: str | None = None
    event: int | None = None
    tail: int | None = None
    grep: Pattern | None = None
    context: int = 2


@dataclass(frozen=True, slots=True)
class _Shown:
    """Hold an event that is shown, what it tells, and its body's text with matches marked."""

    event: Event
    telling: Telling
    body: str


def chosen(events: Sequence[Event], reading: Reading) -> list[Event]:
    """Pick the events that a reading asks for, each tool's result after its call.

    Raises:
        UsageError: A kind is unknown, or no turn lies in the range.
        NotFoundError: The attempt has no such event.
    """
    kinds = kinds_of(reading.only)
    if reading.event is not None and all(event.seq != reading.event for event in events):
        last = max((event.seq for event in events), default=0)
        raise NotFoundError("event", str(reading.event), hint=f"this attempt has events 0 to {last}")
    wanted = [event for event in paired(events) if reading.event in (None, event.seq)]
    if reading.turns is not None:
        within = turn_range(reading.turns, max((event.turn for event in events), default=0))
        wanted = [event for part in each_in(within, turns(wanted)) for event in part.events]
    wanted = [event for event in wanted if event.kind in kinds]
    return wanted[-reading.tail :] if reading.tail else wanted


def matching(events: Sequence[Event], pattern: Pattern) -> list[Event]:
    """Keep the events whose body matches."""
    return [shown.event for shown in _marked(events, pattern)]


def page(events: Sequence[Event], reading: Reading) -> Iterator[Line]:
    """Write what a reading asks for of an attempt's events, line by line, of any length.

    Raises:
        UsageError: A kind is unknown, or no turn lies in the range.
        NotFoundError: The attempt has no such event.
    """
    picked = chosen(events, reading)
    if reading.event is not None:
        shown = [_Shown(event, told := tell_all(event), told.body) for event in picked]
    elif reading.grep is not None:
        shown = _marked(picked, reading.grep)
    else:
        shown = [_Shown(event, told := tell(event), told.body) for event in picked]
    if not shown:
        yield line(_nothing(reading, len(picked)))
    yield from _by_turn(shown, events, reading)


def _nothing(reading: Reading, searched: int) -> str:
    if reading.grep is None:
        return "no events of that kind"
    return f"nothing matches {reading.grep.text!r} in {searched:,} events"


def _marked(events: Sequence[Event], pattern: Pattern) -> list[_Shown]:
    tellings = [tell(event) for event in events]
    found = pattern.marked([telling.body for telling in tellings])
    return [
        _Shown(event, telling, body)
        for event, telling, body in zip(events, tellings, found, strict=True)
        if body is not None
    ]


def _by_turn(shown: Sequence[_Shown], events: Sequence[Event], reading: Reading) -> Iterator[Line]:
    told = {one.event.seq: one for one in shown}
    gutter = max(len(str(max((event.seq for event in events), default=0))), 2)
    several = len({event.agent for event in events}) > 1
    parts = turns(list(paired(events)))
    for number, part in enumerate(parts):
        mine = [told[event.seq] for event in part.events if event.seq in told]
        if mine:
            place = "start" if number == 0 else "end" if number == len(parts) - 1 else "between turns"
            yield Line()
            yield heading(part, several=several, place=place)
        for one in mine:
            yield from _block(one, gutter, reading)


def heading(part: Turn, *, several: bool, place: str = "between turns") -> Line:
    """Write a turn's heading: what it used and how long it took."""
    name = f"turn {part.number}" if part.number else place
    total = used(part.events)
    facts = [tokens(total.usage), total.cost, duration(part.seconds)] if total.requests else []
    title = f"── {part.agent}, {name}" if several else f"── {name}"
    return Line(
        (*line(title, Style.STRONG).spans, Span("".join(f" · {fact}" for fact in facts), Style.FAINT)), (Span("   "),)
    )


def duration(seconds: float) -> str:
    """Write a time as people say it."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


def _block(one: _Shown, gutter: int, reading: Reading) -> Iterator[Line]:
    whole = reading.full or reading.event is not None
    lines = lines_of(one.body, one.telling.style) if one.body else []
    body = list(
        _around(lines, reading)
        if reading.grep
        else folded(lines, keep=one.telling.keep, shows=f"--full or --event {one.event.seq}", whole=whole)
    )
    number = Span(f"{one.event.seq:>{gutter}}  ", Style.FAINT)
    blank = Span(" " * (gutter + 2))
    for at, below in enumerate(block_lines(one.event, one.telling, body)):
        yield below.under(blank if at else number)


def folded(lines: Sequence[Line], *, keep: int, shows: str, whole: bool = False) -> Iterator[Line]:
    """Give the first lines of a body and the last ones, saying what is not shown and what shows it."""
    if whole or len(lines) < keep + _LAST_LINES + _FEWEST_HIDDEN:
        yield from (each if whole else each.clipped(LINE_CHARS) for each in lines)
        return
    hidden = lines[keep : len(lines) - _LAST_LINES]
    size = sum(len(each.text.encode(errors="replace")) + 1 for each in hidden)
    note = f"{ELLIPSIS} {len(hidden):,} more lines, {size:,} bytes; {shows} shows all"
    yield from (each.clipped(LINE_CHARS) for each in lines[:keep])
    yield line(note, Style.FAINT, hang=2)
    yield from (each.clipped(LINE_CHARS) for each in lines[-_LAST_LINES:])


def block_lines(event: Event, telling: Telling, body: Sequence[Line]) -> Iterator[Line]:
    """Lay out one event: what it is, then its body, a bar before what the world answered."""
    facts = " · ".join(telling.facts)
    style = Style.BAD if telling.bad else Style.STRONG if event.kind is EventKind.TOOL_CALL else Style.FAINT
    bar = (Span("│ ", Style.FAINT),) if telling.bar else ()
    rest = list(body)
    if event.kind is EventKind.TOOL_CALL and not facts and rest and (len(rest) == 1 or telling.body[:1] == "$"):
        yield rest[0].under(*line(f"{telling.lead} ", style).spans)
        rest, bar = rest[1:], (Span(" " * (len(telling.lead) + 1)),)
    elif telling.lead or facts:
        told = " · ".join(part for part in (telling.lead, facts) if part)
        yield line(told, style, hang=2)
    elif not rest:
        yield line("(nothing)", Style.FAINT)
    indent = bar or ((Span("  "),) if event.kind is EventKind.TOOL_CALL else ())
    yield from (each.under(*indent, again=indent) for each in rest)


def _around(lines: Sequence[Line], reading: Reading) -> Iterator[Line]:
    """Give the lines that match and those around them; a sign stands before each match."""
    hits = {at for at, each in enumerate(lines) if any(span.style is Style.MATCH for span in each.spans)}
    near = {at + step for at in hits for step in range(-reading.context, reading.context + 1)}
    shown = sorted(at for at in near if 0 <= at < len(lines))
    for before, at in zip([-1, *shown], shown, strict=False):
        if at > before + 1:
            yield line(ELLIPSIS, Style.FAINT).under(Span("  "))
        sign = Span("> ", Style.MATCH) if at in hits else Span("  ")
        yield (lines[at] if reading.full else _near(lines[at])).under(sign)
    if shown and shown[-1] < len(lines) - 1:
        yield line(ELLIPSIS, Style.FAINT).under(Span("  "))


def _near(long: Line) -> Line:
    """Cut a long line to what stands around its first match."""
    text, before = long.text, 0
    if len(text) <= LINE_CHARS:
        return long
    for span in long.spans:
        if span.style is Style.MATCH:
            break
        before += len(span.text)
    begin = max(before - LINE_CHARS // 3, 0)
    return long.from_char(begin).clipped(LINE_CHARS)


def laid_out(lines: Iterable[Line], width: int | None) -> Iterator[Line]:
    """Wrap lines to a width; None leaves them as they are."""
    for each in lines:
        yield from (each.wrapped(width) if width is not None else (each,))
