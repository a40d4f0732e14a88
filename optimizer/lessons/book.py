"""A book of lessons: each begins as a hypothesis, and becomes a rule only when a later screen confirms it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

MOST = 40
"""Lessons a book holds, those that did not hold beside them."""
MOST_FALLEN = 12
"""Lessons kept as a warning after they did not hold."""
MAX_TEXT_CHARS = 300
MAX_EVIDENCE = 8
SAME = 0.75
"""Two lessons that share so much of their words are one."""

_WORD = re.compile(r"[a-z0-9]+")
_IDLE = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "by", "for", "in", "is", "it", "of", "on", "or", "that", "the", "to"}
)
_TURNS = frozenset({"no", "not", "never", "without", "before", "after"})
"""Words that turn a sentence into another one: lessons that differ in them are two."""


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
        """Find the lesson that says the same, in the same words or nearly so."""
        wanted = _words(text)
        turned = wanted & _TURNS
        candidates = ((_words(lesson.text), lesson) for lesson in self.lessons)
        alike = [(_overlap(wanted, words), lesson) for words, lesson in candidates if words & _TURNS == turned]
        best = max(alike, key=lambda pair: pair[0], default=None)
        return best[1] if best is not None and best[0] >= SAME else None

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

    `before` and `after` are mean rewards, task by task. The mean change must be above its own standard error to
    confirm, and not above zero to contradict; a lone task says nothing.
    """
    changes = [new - old for old, new in zip(before, after, strict=True)]
    if len(changes) < 2:
        return Outcome.UNCLEAR
    mean = sum(changes) / len(changes)
    if mean <= 0:
        return Outcome.CONTRADICTED
    spread = sum((change - mean) ** 2 for change in changes) / (len(changes) - 1)
    return Outcome.CONFIRMED if mean > (spread / len(changes)) ** 0.5 else Outcome.UNCLEAR


def _id(text: str) -> str:
    return f"l-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _bounded(evidence: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(evidence))[-MAX_EVIDENCE:]


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower())) - _IDLE


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0
