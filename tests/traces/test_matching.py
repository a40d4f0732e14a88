from __future__ import annotations

import pytest

from traces.errors import UsageError
from traces.matching import Pattern
from traces.styled import CLOSE, OPEN


def marked(pattern: str, *texts: str, ignore_case: bool = False) -> list[str | None]:
    found = Pattern(pattern, ignore_case).marked(texts)
    return [None if text is None else text.replace(OPEN, "<").replace(CLOSE, ">") for text in found]


def test_every_match_is_marked_and_what_does_not_match_is_none() -> None:
    assert marked("b+", "abbab", "xyz") == ["a<bb>a<b>", None]


def test_ends_of_lines_are_ends_for_the_expression() -> None:
    assert marked("^b$", "a\nb\nc", "ab") == ["a\n<b>\nc", None]


def test_case_counts_unless_asked_otherwise() -> None:
    assert marked("error", "Error") == [None]
    assert marked("error", "Error", ignore_case=True) == ["<Error>"]


def test_an_empty_match_is_a_match_without_a_mark() -> None:
    assert marked("x*", "ab") == ["ab"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(unclosed", "missing ) at character 1"),
        ("a)|(b", "unexpected ) at character 2"),
        ("a[z-a]", "invalid character class range at character 3"),
        ("ab(?=c)", "invalid perl operator at character 3"),
        ("x{3,1}", "invalid repetition size at character 3"),
    ],
)
def test_a_wrong_expression_is_told_what_and_where(pattern: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        Pattern(pattern)
    assert words in caught.value.message
    assert "looks for the text itself" in caught.value.hint


def test_the_hint_for_a_wrong_expression_finds_the_text() -> None:
    with pytest.raises(UsageError) as caught:
        Pattern("f(x")
    assert marked(caught.value.hint.split("'")[1], "call f(x)") == ["call <f(x>)"]


def test_an_empty_expression_is_refused() -> None:
    with pytest.raises(UsageError, match="matches everything"):
        Pattern("")


def test_text_cannot_pretend_to_be_marked() -> None:
    assert marked("b", f"a{OPEN}x{CLOSE}b") == ["a\ufffdx\ufffd<b>"]


def test_what_utf8_cannot_hold_does_not_end_the_search() -> None:
    assert marked("b", "a\ud800b") == ["a?<b>"]


def test_no_expression_takes_for_ever() -> None:
    assert marked("(a+)+$", "a" * 20_000 + "b") == [None]
