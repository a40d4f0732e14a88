"""Lines of styled text, measured in the columns of a terminal: what readers of traces lay out."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from traces.render import escape

OPEN, CLOSE = "\ufdd0", "\ufdd1"
"""Stand around a match; Unicode keeps these two out of any real text."""
TAB = 4
ELLIPSIS = "…"


class Style(StrEnum):
    """Name what a piece of text is; how that looks is the terminal's affair."""

    PLAIN = "plain"
    STRONG = "strong"
    FAINT = "faint"
    MATCH = "match"
    GOOD = "good"
    BAD = "bad"


Paint = Callable[[str, Style], str]


@dataclass(frozen=True, slots=True)
class Span:
    """Hold a piece of a line that looks the same throughout."""

    text: str
    style: Style = Style.PLAIN


@dataclass(frozen=True, slots=True)
class Line:
    """Hold one line; when it is wrapped, `hang` stands before what goes on below."""

    spans: tuple[Span, ...] = ()
    hang: tuple[Span, ...] = ()

    @property
    def text(self) -> str:
        """Give the text alone."""
        return "".join(span.text for span in self.spans)

    @property
    def width(self) -> int:
        """Give the columns it takes."""
        return columns(self.text)

    def painted(self, paint: Paint | None = None) -> str:
        """Give the text with its styles as `paint` writes them."""
        if paint is None:
            return self.text.rstrip()
        full = (span for span in self.spans if span.text)
        return "".join(span.text if span.style is Style.PLAIN else paint(span.text, span.style) for span in full)

    def under(self, *before: Span, again: tuple[Span, ...] | None = None) -> Line:
        """Put spans before the line, and blanks of their width, or `again`, before what goes on below."""
        blanks = (Span(" " * columns("".join(span.text for span in before))),)
        return Line((*before, *self.spans), (*(blanks if again is None else again), *self.hang))

    def padded(self, width: int) -> Line:
        """Fill the line up to a width."""
        missing = width - self.width
        return Line((*self.spans, Span(" " * missing)), self.hang) if missing > 0 else self

    def clipped(self, chars: int) -> Line:
        """Cut the line after so many characters, saying how many more there are."""
        more = len(self.text) - chars
        if more <= 0:
            return self
        note = Span(f"{ELLIPSIS} {more:,} more characters", Style.FAINT)
        return Line((*_between(self.spans, 0, chars), note), self.hang)

    def from_char(self, begin: int) -> Line:
        """Leave out the first characters, saying how many there were."""
        if begin <= 0:
            return self
        note = Span(f"{begin:,} characters before {ELLIPSIS}", Style.FAINT)
        return Line((note, *_between(self.spans, begin, len(self.text))), self.hang)

    def wrapped(self, width: int) -> list[Line]:
        """Break the line into lines of at most `width` columns, at blanks where there are any."""
        text = self.text
        if columns(text) <= width:
            return [self]
        hang = self.hang if Line(self.hang).width <= width // 2 else (Span("  "),)
        lines, at, room = [], 0, width
        while at < len(text):
            end = _break(text, at, room)
            lines.append(Line((*(hang if at else ()), *_between(self.spans, at, end))))
            at, room = _after_blanks(text, end), width - Line(hang).width
        return lines


def line(text: str, style: Style = Style.PLAIN, *, hang: int = 0) -> Line:
    """Make a line out of text an agent may have written: escaped, tabs widened, matches marked."""
    spans: list[Span] = []
    inside = False
    for piece in _pieces(text):
        if piece in (OPEN, CLOSE):
            inside = piece == OPEN
        elif piece:
            spans.append(Span(escape(piece).replace("\n", " ").expandtabs(TAB), Style.MATCH if inside else style))
    return Line(tuple(spans), (Span(" " * hang),) if hang else ())


def lines_of(text: str, style: Style = Style.PLAIN) -> list[Line]:
    """Make lines out of text of several lines; a match that goes over a line's end stays marked."""
    made, inside = [], False
    for part in text.split("\n"):
        indent = len(part) - len(part.lstrip(" "))
        made.append(line(f"{OPEN}{part}" if inside else part, style, hang=indent))
        inside = part.rfind(OPEN) > part.rfind(CLOSE) if OPEN in part or CLOSE in part else inside
    return made


def columns(text: str) -> int:
    """Count the columns that text takes on a terminal: wide letters take two, combining marks none."""
    return len(text) if text.isascii() else sum(map(_width, text))


def cut(text: str, width: int) -> str:
    """Cut text to a width, ending in an ellipsis when something is gone."""
    if columns(text) <= width:
        return text
    return f"{text[: _fitting(text, 0, width - 1)]}{ELLIPSIS}"


def _pieces(text: str) -> Iterable[str]:
    rest = text
    while rest:
        marks = [at for at in (rest.find(OPEN), rest.find(CLOSE)) if at >= 0]
        if not marks:
            yield rest
            return
        at = min(marks)
        yield from (rest[:at], rest[at])
        rest = rest[at + 1 :]


def _width(letter: str) -> int:
    if unicodedata.east_asian_width(letter) in "WF":
        return 2
    return 0 if unicodedata.category(letter) in ("Mn", "Me", "Cf") else 1


def _fitting(text: str, at: int, room: int) -> int:
    """Say up to where text fits, one character at least."""
    if text.isascii():
        return min(at + max(room, 1), len(text))
    end, used = at, 0
    while end < len(text) and (used + (size := _width(text[end])) <= room or end == at):
        used += size
        end += 1
    return end


def _break(text: str, at: int, room: int) -> int:
    """Say where a line that begins at `at` ends: after the last blank that leaves it half full, or where it is full."""
    end = _fitting(text, at, room)
    if end >= len(text) or text[end] == " ":
        return end
    blank = text.rfind(" ", at + max(room // 2, 1), end)
    return blank + 1 if blank >= 0 else end


def _after_blanks(text: str, at: int) -> int:
    """Pass over blanks at a break, so that no line begins with one."""
    while at < len(text) and text[at] == " ":
        at += 1
    return at


def _between(spans: tuple[Span, ...], begin: int, end: int) -> tuple[Span, ...]:
    starts = accumulate((len(span.text) for span in spans), initial=0)
    pieces = (
        Span(span.text[max(begin - first, 0) : max(end - first, 0)], span.style)
        for span, first in zip(spans, starts, strict=False)
    )
    return tuple(piece for piece in pieces if piece.text)
