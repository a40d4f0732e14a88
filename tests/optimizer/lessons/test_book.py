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


def test_the_same_lesson_in_nearly_the_same_words_is_one_with_both_its_evidence() -> None:
    book, first = Book().tell(GENERAL, ["r/a"], "r")
    book, second = book.tell(
        "Reports are wrong when numbers with a thousands separator are summed as text", ["s/b"], "s"
    )
    assert first == second
    assert [lesson.evidence for lesson in book.lessons] == [("r/a", "s/b")]


def test_a_sentence_turned_round_is_another_lesson() -> None:
    assert (
        len(told("Sort the rows before the header is written", "Sort the rows after the header is written").lessons)
        == 2
    )
    assert len(told("Trust the file's declared encoding", "Never trust the file's declared encoding").lessons) == 2


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
