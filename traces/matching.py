"""Regular expressions over text that agents wrote: RE2, which no expression can make run for ever."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from traces.errors import UsageError
from traces.styled import CLOSE, OPEN


@dataclass(frozen=True, slots=True)
class Pattern:
    """Hold an expression that is known to be right; `^` and `$` stand for the ends of lines.

    Raises:
        UsageError: It is none; says what is wrong and where.
    """

    text: str
    ignore_case: bool = False

    def __post_init__(self) -> None:
        if not self.text:
            raise UsageError("an empty expression matches everything", hint="leave it out, or give a word to look for")
        try:
            pc.match_substring_regex(pa.array([""], pa.string()), self.text)
        except pa.ArrowInvalid as error:
            raise _explained(self.text, str(error)) from error

    @property
    def _re2(self) -> str:
        return f"(?{'i' if self.ignore_case else ''}m:{self.text})"

    def hits(self, texts: pa.Array) -> pa.Array:
        """Say for each text whether it matches; a missing text does not."""
        return pc.fill_null(pc.match_substring_regex(texts, self._re2), False)

    def marked(self, texts: Sequence[str]) -> list[str | None]:
        """Give each text with its matches between `OPEN` and `CLOSE`, None where nothing matches."""
        clean = pa.array([_clean(text) for text in texts], pa.string())
        found = pc.replace_substring_regex(clean, self._re2, f"{OPEN}\\0{CLOSE}").to_pylist()
        return [text.replace(f"{OPEN}{CLOSE}", "") if hit else None for text, hit in self._pairs(clean, found)]

    def _pairs(self, clean: pa.Array, found: list[str]) -> list[tuple[str, bool]]:
        return list(zip(found, self.hits(clean).to_pylist(), strict=True))


def _clean(text: str) -> str:
    """Leave out what Arrow cannot hold, and what would look like our own marks."""
    if text.isascii():
        return text
    return text.replace(OPEN, "\ufffd").replace(CLOSE, "\ufffd").encode(errors="replace").decode()


def _explained(pattern: str, said: str) -> UsageError:
    """Say what is wrong with an expression, and at which character."""
    reason = said.partition("expression: ")[2] or said
    try:
        re.compile(pattern)
        at = None
    except (re.error, RecursionError, OverflowError) as error:
        at = getattr(error, "pos", None)
    if at is None:
        culprit = reason.rpartition(": ")[2]
        at = pattern.find(culprit) if culprit in pattern else None
    place = "" if at is None else f" at character {at + 1}"
    what = reason.rpartition(": ")[0] or reason
    literal = shlex.quote(re.escape(pattern))
    return UsageError(
        f"`{pattern}` is no regular expression: {what}{place}", hint=f"{literal} looks for the text itself"
    )
