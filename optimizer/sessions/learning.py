"""What proposers learnt: told with their proposals, held against the screens, carried from night to night.

A night's lessons follow from its ledger and from the book it began with; nothing else remembers them.
"""

from __future__ import annotations

from collections.abc import Iterator

from optimizer.config import RunConfig
from optimizer.ledger import CandidateRow
from optimizer.lessons import Book, Lesson, Outcome, Shelf, Status, judge, read_book, write_book
from optimizer.run_folder import RunFolder
from optimizer.stages.afresh import afresh, leaks, screened
from optimizer.stages.bench import Bench
from optimizer.telling.progress import Progress
from optimizer.verdict import Verdict

SHOWN = 25
"""Lessons a session is told of; the whole book is on disk."""
TITLES = {
    Status.RULE: "rules, which later screens confirmed",
    Status.HYPOTHESIS: "hypotheses, not confirmed yet",
    Status.FALLEN: "did not hold; do not try them again without new evidence",
}


def begin_with(folder: RunFolder, config: RunConfig) -> str:
    """Put a copy of the book into a new run's folder; say what it holds, or nothing.

    Raises:
        UsageError: The book's file holds something else.
    """
    name = config.lessons.book
    if name is None:
        return ""
    book = Shelf.of(folder.path.parent, name).read()
    write_book(folder.lessons, book)
    rules = len(book.of(Status.RULE))
    return f"the night begins with {len(book.lessons)} lessons of the book {name!r}, {rules} of them rules"


def book_of(bench: Bench) -> Book:
    """Give the lessons as they stand in a run: those it began with, and what was decided since."""
    return learn(bench, read_book(RunFolder(bench.folder).lessons))


def learn(bench: Bench, book: Book) -> Book:
    """Let a book learn from a run's decided candidates, in the order of slots; an invalid one teaches nothing."""
    verdicts, proposed = bench.ledger.verdicts(), {slot["candidate"] for slot in bench.ledger.slots()}
    decided = {name for name, row in verdicts.items() if row.verdict is not Verdict.INVALID}
    for row in bench.ledger.candidates():
        if row.id in decided & proposed:
            book = _learnt(bench, book, row)
    return book.bounded()


def lessons_told(bench: Bench) -> Iterator[str]:
    """Word for a session what there is to remember, the rules first; nothing where a run keeps no lessons."""
    if bench.config.lessons.book is None:
        return
    shown = lessons_shown(bench)
    yield "Lessons (say with your submission which ones it stands on, and what is worth remembering):"
    if not shown:
        yield "- none yet"
    for status, title in TITLES.items():
        some = [lesson for lesson in shown if lesson.status is status]
        yield from [f"- {title}:"] if some else []
        yield from (f"  - {lesson.id} {lesson.text} ({standing(lesson)})" for lesson in some)


def lessons_shown(bench: Bench) -> list[Lesson]:
    """List the lessons that a session is told of, and may say that it stands on."""
    if bench.config.lessons.book is None:
        return []
    book = book_of(bench)
    held = (lesson for status in TITLES for lesson in book.of(status))
    return [lesson for lesson in held if not leaks(bench, lesson.text)][:SHOWN]


def standing(lesson: Lesson) -> str:
    """Say in a few words how a lesson fared."""
    seen = f"seen in {len(lesson.evidence)} attempt{'' if len(lesson.evidence) == 1 else 's'}"
    return f"{seen}; confirmed {lesson.confirmed}, contradicted {lesson.contradicted}"


def carry(bench: Bench) -> None:
    """Add what the night taught to its book, once."""
    if (name := bench.config.lessons.book) is None:
        return
    shelf = Shelf.of(bench.folder.parent, name)
    before = len(shelf.read().lessons)
    book = shelf.add(bench.uid, lambda found: learn(bench, found))
    text = f"the book of lessons {name!r} holds {len(book.lessons)} ({before} before this night)"
    bench.listen(Progress("notice", text, {"book": name, "lessons": len(book.lessons)}))


def _learnt(bench: Bench, book: Book, row: CandidateRow) -> Book:
    text = "" if leaks(bench, row.lesson) else row.lesson
    evidence = [f"{bench.run}/{attempt}" for attempt in row.evidence]
    return book.taught(text, evidence, row.lessons_used, _outcome(bench, row), bench.run)


def _outcome(bench: Bench, row: CandidateRow) -> Outcome:
    """Ask the screen about the train tasks the candidate's author named as fixed, against fresh champion attempts."""
    before, after = afresh(bench, row.id), screened(bench, row.id)
    named = [task for task in row.fixes if task in before and task in after]
    return judge([_mean(before[task]) for task in named], [_mean(after[task]) for task in named])


def _mean(rewards: list[float]) -> float:
    return sum(rewards) / len(rewards)
