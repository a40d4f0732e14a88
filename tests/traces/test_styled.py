from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from traces.styled import CLOSE, OPEN, Line, Span, Style, columns, cut, line, lines_of

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(text, st.integers(12, 120), st.integers(0, 8))
def test_no_wrapped_line_is_wider_than_asked(words: str, width: int, hang: int) -> None:
    assert all(each.width <= width for each in line(words, hang=hang).wrapped(width))


@given(st.text("ab cd漢\u0301", max_size=300), st.integers(12, 60))
def test_wrapping_loses_nothing_but_blanks(words: str, width: int) -> None:
    wrapped = "".join(each.text for each in line(words).wrapped(width))
    assert wrapped.replace(" ", "") == words.replace(" ", "")


@given(text)
def test_nothing_that_steers_a_terminal_is_left(words: str) -> None:
    shown = "\n".join(each.text for each in lines_of(words))
    assert not set(shown) & set("\x1b\x07\x08\x9b\r\t\u202e\u2066\u200f")


def test_what_goes_on_below_stands_below_its_beginning_and_keeps_its_bar() -> None:
    bar = Span("| ", Style.FAINT)
    assert [each.text for each in line("one two three").under(bar, again=(bar,)).wrapped(10)] == [
        "| one two ",
        "| three",
    ]
    assert [each.text for each in line("one two three").under(Span("  7 ")).wrapped(12)] == [
        "  7 one two ",
        "    three",
    ]


def test_a_long_word_is_broken_where_the_line_is_full() -> None:
    assert [each.text for each in line("x" * 25).wrapped(10)] == ["x" * 10, "x" * 10, "x" * 5]


def test_wide_letters_take_two_columns_and_combining_marks_none() -> None:
    assert (columns("漢字"), columns("e\u0301"), columns("ab")) == (4, 1, 2)
    assert [each.text for each in line("漢字漢字").wrapped(5)] == ["漢字", "漢字"]


def test_cut_text_says_so() -> None:
    assert (cut("abcdef", 4), cut("abc", 4), cut("漢字漢", 5)) == ("abc…", "abc", "漢字…")


def test_a_clipped_line_says_how_much_is_missing() -> None:
    assert line("a" * 1_500).clipped(100).text == "a" * 100 + "… 1,400 more characters"
    assert line("abcdef").from_char(4).text == "4 characters before …ef"


def test_matches_are_marked_also_over_the_end_of_a_line() -> None:
    first, second, third = lines_of(f"a{OPEN}b\nc{CLOSE}d\ne")
    assert first.spans == (Span("a"), Span("b", Style.MATCH))
    assert second.spans == (Span("c", Style.MATCH), Span("d"))
    assert third.spans == (Span("e"),)


def test_painting_leaves_plain_text_alone() -> None:
    painted = Line((Span("a"), Span("b", Style.BAD))).painted(lambda words, style: f"<{style}:{words}>")
    assert painted == "a<bad:b>"
