"""A book of lessons: each begins as a hypothesis, and becomes a rule only when a later screen confirms it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

MOST = 40
"""Lessons a book holds, those that did not hold beside them."""
MOST_FALLEN = 12
"""Lessons kept as a warning after they did not hold."""
MAX_TEXT_CHARS = 300
MAX_EVIDENCE = 8
SURE = 1.5
"""Standard errors that a mean change must lie above zero to confirm a lesson."""

_ARTICLES = frozenset({"a", "an", "the"})
_MARKS = ".,;:!?\"'`()"
"""What stands around words without being part of them."""


class Status(StrEnum):
    """Name how far a lesson has come."""

    HYPOTHESIS = "hypothesis"
    RULE = "rule"
    FALLEN = "fallen"


class Outcome(StrEnum):
    """Name what a screen says of the lessons its candidate stood on."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Lesson:
    """Hold one lesson: a general statement in one line, where it was seen, and how it fared.

    `confirmed` counts screens of candidates that came after the one it was born with; `contradicted` that one's too.
    `evidence` names train attempts as `<run>/<attempt>`; `born` and `last` are the runs that told it first and
    tested or told it last.
    """

    id: str
    text: str
    evidence: tuple[str, ...]
    born: str
    last: str
    confirmed: int = 0
    contradicted: int = 0

    @property
    def status(self) -> Status:
        """Say how far it has come: what was contradicted as often as confirmed does not hold."""
        if self.contradicted and self.contradicted >= self.confirmed:
            return Status.FALLEN
        return Status.RULE if self.confirmed else Status.HYPOTHESIS


@dataclass(frozen=True, slots=True)
class Book:
    """Hold lessons, the oldest first; every method gives a new book."""

    lessons: tuple[Lesson, ...] = ()

    def taught(self, text: str, evidence: Iterable[str], used: Iterable[str], outcome: Outcome, run: str) -> Book:
        """Let a decided candidate teach: its own lesson, if it has one, and what its screen says of those it stands on.

        The screen of the candidate that a lesson was born with speaks against it, and never for it.
        """
        if not text:
            return self.test(used, outcome, run)
        born = self.find(text) is None
        book, own = self.tell(text, evidence, run)
        others = {name for name in used if name != own}
        spoken = Outcome.UNCLEAR if born and outcome is Outcome.CONFIRMED else outcome
        return book.test(others, outcome, run).test([own], spoken, run)

    def tell(self, text: str, evidence: Iterable[str], run: str) -> tuple[Book, str]:
        """Add a lesson, or add its evidence to one that says the same; give the lesson's id beside the book."""
        line = " ".join(text.split())[:MAX_TEXT_CHARS]
        known = self.find(line)
        if known is None:
            new = Lesson(_id(line), line, _bounded(evidence), born=run, last=run)
            return Book((*self.lessons, new)), new.id
        merged = replace(known, evidence=_bounded((*known.evidence, *evidence)), last=run)
        return self._with(merged), known.id

    def test(self, ids: Iterable[str], outcome: Outcome, run: str) -> Book:
        """Count what a screen said of lessons; an unclear one says nothing."""
        book = self
        for lesson in [lesson for lesson in self.lessons if lesson.id in set(ids)]:
            up = int(outcome is Outcome.CONFIRMED)
            down = int(outcome is Outcome.CONTRADICTED)
            counted = replace(
                lesson, confirmed=lesson.confirmed + up, contradicted=lesson.contradicted + down, last=run
            )
            book = book._with(counted if up or down else lesson)
        return book

    def find(self, text: str) -> Lesson | None:
        """Find the lesson that says the same: the same words in the same order, but for articles, case and stops.

        Any other word, or another order, may say the opposite.
        """
        wanted = _words(text)
        return next((lesson for lesson in self.lessons if _words(lesson.text) == wanted), None)

    def of(self, status: Status) -> list[Lesson]:
        """List the lessons of one status, the best confirmed first, then the newest."""
        found = [lesson for lesson in reversed(self.lessons) if lesson.status is status]
        return sorted(found, key=lambda lesson: lesson.contradicted - lesson.confirmed)

    def bounded(self) -> Book:
        """Let go of what a book has no room for: the oldest hypotheses first, then the least confirmed rules."""
        held = [*self.of(Status.RULE), *self.of(Status.HYPOTHESIS)][:MOST]
        kept = {lesson.id for lesson in (*held, *self.of(Status.FALLEN)[:MOST_FALLEN])}
        return Book(tuple(lesson for lesson in self.lessons if lesson.id in kept))

    def _with(self, lesson: Lesson) -> Book:
        return Book(tuple(lesson if old.id == lesson.id else old for old in self.lessons))


def judge(before: Sequence[float], after: Sequence[float]) -> Outcome:
    """Say what the train tasks that a candidate named say of the lessons behind it.

    `before` and `after` are mean rewards, task by task, of attempts that no choice was made by: tasks that were chosen
    because attempts failed do better in the next ones, whatever was changed. The mean change must be above `SURE`
    standard errors to confirm, and not above zero to contradict; a lone task says nothing.
    """
    changes = [new - old for old, new in zip(before, after, strict=True)]
    if len(changes) < 2:
        return Outcome.UNCLEAR
    mean = sum(changes) / len(changes)
    if mean <= 0:
        return Outcome.CONTRADICTED
    spread = sum((change - mean) ** 2 for change in changes) / (len(changes) - 1)
    return Outcome.CONFIRMED if mean > SURE * (spread / len(changes)) ** 0.5 else Outcome.UNCLEAR


def _id(text: str) -> str:
    return f"l-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _bounded(evidence: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(evidence))[-MAX_EVIDENCE:]


def _words(text: str) -> tuple[str, ...]:
    words = (word.strip(_MARKS) for word in text.casefold().split())
    return tuple(word for word in words if word and word not in _ARTICLES)
