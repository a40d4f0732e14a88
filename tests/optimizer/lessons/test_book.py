"""Lessons are told, held against screens, merged, and let go."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.lessons import MAX_TEXT_CHARS, MOST, Book, Lesson, Outcome, Shelf, Status, read_book, write_book
from optimizer.lessons.book import MAX_EVIDENCE, MOST_FALLEN, judge
from traces.errors import UsageError

GENERAL = "Reports are wrong when numbers with thousands separators are summed as text."
words = st.sampled_from(["sum", "header", "encoding", "sort", "date", "column", "check", "output", "quote", "row"])
texts = st.lists(words, min_size=3, max_size=8).map(" ".join)
steps = st.lists(st.tuples(texts, st.sampled_from(list(Outcome))), max_size=70)


def told(*said: str) -> Book:
    book = Book()
    for text in said:
        book, _ = book.tell(text, ["r/c000/a/a00"], "r")
    return book


def test_a_lesson_begins_as_a_hypothesis_and_a_later_screen_makes_it_a_rule() -> None:
    book, name = Book().tell(GENERAL, ["r/c000/sums-01/a00"], "r")
    assert [lesson.status for lesson in book.lessons] == [Status.HYPOTHESIS]
    assert book.test([name], Outcome.UNCLEAR, "s") == book
    confirmed = book.test([name], Outcome.CONFIRMED, "s").lessons[0]
    assert (confirmed.status, confirmed.born, confirmed.last) == (Status.RULE, "r", "s")


def test_what_is_contradicted_as_often_as_confirmed_does_not_hold() -> None:
    book, name = Book().tell(GENERAL, [], "r")
    fallen = book.test([name], Outcome.CONTRADICTED, "r")
    assert fallen.lessons[0].status is Status.FALLEN
    again, same = fallen.tell(GENERAL, [], "s")
    assert (same, again.lessons[0].status) == (name, Status.FALLEN)
    assert again.test([name], Outcome.CONFIRMED, "s").test([name], Outcome.CONFIRMED, "t").of(Status.RULE)


def test_a_lesson_is_born_a_hypothesis_whatever_its_own_screen_says_for_it() -> None:
    [born] = Book().taught(GENERAL, [], [], Outcome.CONFIRMED, "r").lessons
    assert (born.status, born.confirmed) == (Status.HYPOTHESIS, 0)
    [fallen] = Book().taught(GENERAL, [], [], Outcome.CONTRADICTED, "r").lessons
    assert fallen.status is Status.FALLEN


def test_a_later_candidate_that_restates_or_uses_a_lesson_can_make_it_a_rule() -> None:
    book = Book().taught(GENERAL, [], [], Outcome.CONFIRMED, "r")
    restated = book.taught(GENERAL.upper(), [], [], Outcome.CONFIRMED, "r")
    assert [lesson.status for lesson in restated.lessons] == [Status.RULE]
    used = book.taught("Another lesson.", [], [book.lessons[0].id], Outcome.CONFIRMED, "r")
    assert [lesson.status for lesson in used.lessons] == [Status.RULE, Status.HYPOTHESIS]
    both = book.taught(GENERAL, [], [book.lessons[0].id], Outcome.CONFIRMED, "r")
    assert both.lessons[0].confirmed == 1


def test_the_same_lesson_with_other_articles_case_and_stops_is_one_with_both_its_evidence() -> None:
    book, first = Book().tell(GENERAL, ["r/a"], "r")
    book, second = book.tell(
        "The reports are wrong when numbers with `thousands` separators are summed as a text", ["s/b"], "s"
    )
    assert first == second
    assert [lesson.evidence for lesson in book.lessons] == [("r/a", "s/b")]


def test_a_sentence_turned_round_is_another_lesson() -> None:
    assert (
        len(told("Sort the rows before the header is written", "Sort the rows after the header is written").lessons)
        == 2
    )
    assert len(told("Trust the file's declared encoding", "Never trust the file's declared encoding").lessons) == 2
    assert len(told("It rounds amounts too early in the work.", "It rounds amounts too late in the work.").lessons) == 2
    assert (
        len(told("Day first where the file says month first", "Month first where the file says day first").lessons) == 2
    )
    assert len(told("Round where x > 3", "Round where x < 3").lessons) == 2


@given(st.lists(words, min_size=2, max_size=8), st.data())
def test_no_two_lessons_of_other_words_or_of_another_order_are_merged(said: list[str], data: st.DataObject) -> None:
    other = data.draw(st.one_of(st.permutations(said), st.lists(words, min_size=2, max_size=8)))
    found = told(" ".join(said), f"The {' '.join(other).capitalize()}.").lessons
    assert len(found) == (1 if other == said else 2)


def test_a_lesson_is_one_line_of_bounded_length_with_bounded_evidence() -> None:
    book, _ = Book().tell("a\nb  " + "word " * 200, [f"r/{number}" for number in range(50)], "r")
    lesson = book.lessons[0]
    assert "\n" not in lesson.text
    assert len(lesson.text) <= MAX_TEXT_CHARS
    assert lesson.evidence == tuple(f"r/{number}" for number in range(50 - MAX_EVIDENCE, 50))


@given(steps)
def test_a_book_never_outgrows_its_bounds_and_keeps_the_best_confirmed(said: list[tuple[str, Outcome]]) -> None:
    book = Book()
    for text, outcome in said:
        book, name = book.tell(text, [text], "r")
        book = book.test([name], outcome, "r")
    kept = book.bounded()
    assert len(kept.of(Status.RULE)) + len(kept.of(Status.HYPOTHESIS)) <= MOST
    assert len(kept.of(Status.FALLEN)) <= MOST_FALLEN
    assert kept.of(Status.RULE) == book.of(Status.RULE)[:MOST]
    assert kept.bounded() == kept


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ([0, 0, 0.5], [1, 1, 1], Outcome.CONFIRMED),
        ([0, 0, 0], [0, 0, 0], Outcome.CONTRADICTED),
        ([1, 0.5], [0, 0.5], Outcome.CONTRADICTED),
        ([0, 0, 0, 1], [1, 0, 0, 1], Outcome.UNCLEAR),
        ([0], [1], Outcome.UNCLEAR),
        ([], [], Outcome.UNCLEAR),
    ],
)
def test_a_screen_speaks_through_the_tasks_that_were_named(
    before: list[float], after: list[float], says: Outcome
) -> None:
    assert judge(before, after) is says


# On disk -------------------------------------------------------------------------------------------


@given(steps)
def test_a_book_comes_back_from_its_file_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, Outcome]]
) -> None:
    book = Book()
    for text, outcome in said[:12]:
        book, name = book.tell(f"{text}: ü \" ' #", ["r/c000/a: b/a00"], "run-1")
        book = book.test([name], outcome, "run-2")
    path = tmp_path_factory.mktemp("book") / "b.yaml"
    write_book(path, book)
    assert read_book(path) == book


def test_a_night_teaches_a_book_once(tmp_path: Path) -> None:
    shelf = Shelf.of(tmp_path, "office")
    learnt = shelf.add("night-1", lambda book: book.tell(GENERAL, ["r/a"], "r")[0])
    assert shelf.read() == learnt
    assert shelf.add("night-1", lambda book: book.tell("Something else entirely here", ["r/b"], "r")[0]) == learnt
    assert len(shelf.add("night-2", lambda book: book.tell("Something else entirely here", [], "s")[0]).lessons) == 2
    assert "status: hypothesis" in shelf.path.read_text()


@pytest.mark.parametrize(
    "content",
    [
        "lessons: []",
        "schema_version: 2",
        "schema_version: 1\nlessons: [{id: x, text: y}]",
        "schema_version: 1\nlessons: [{id: l-1, text: ''}]",
        "schema_version: 1\nmore: 1",
        "- a",
        "a: [",
        "\x00",
    ],
)
def test_a_file_that_is_no_book_is_named_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "b.yaml"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"b\.yaml"):
        Shelf(path).add("night", lambda book: book)
    assert path.read_text() == content


def test_an_absent_book_is_empty(tmp_path: Path) -> None:
    assert Shelf.of(tmp_path, "new").read() == Book()
    assert Lesson("l-1", "x", (), "r", "r").status is Status.HYPOTHESIS
