from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_agent.harness import HarnessBundle, HarnessError, diff, reverse

PROMPT = "prompts/system.md"
LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=6).map("\n".join)


def harness(text: str, **files: str) -> HarnessBundle:
    named = {f"prompts/{name}.md": content for name, content in files.items()}
    return HarnessBundle({path: content.encode() for path, content in {PROMPT: text, **named}.items()})


@given(LINES, LINES)
def test_the_last_change_reversed_gives_what_was_before(old: str, new: str) -> None:
    before, after = harness(old), harness(new)
    assert reverse(after, diff(before, after)) == before


@given(LINES, LINES)
def test_changes_to_other_files_stay(old: str, new: str) -> None:
    before, after = harness(old), harness(new)
    later = harness(new, judge="look twice")
    assert reverse(later, diff(before, after)) == harness(old, judge="look twice")


def test_the_earlier_of_two_added_paragraphs_can_go() -> None:
    seed, first = harness("You work."), harness("You work.\n\nCheck sums.")
    second = harness("You work.\n\nCheck sums.\n\nKeep names.")
    assert reverse(second, diff(seed, first)) == harness("You work.\n\nKeep names.")
    assert reverse(second, diff(first, second)) == first


def test_an_added_file_goes_and_a_removed_one_comes_back() -> None:
    plain, more = harness("x"), harness("x", judge="look")
    later = harness("y", judge="look")
    assert reverse(later, diff(plain, more)) == harness("y")
    assert reverse(harness("y"), diff(more, plain)) == harness("y", judge="look")


@pytest.mark.parametrize(
    ("later", "why"),
    [
        (harness("You work.\n\nCheck all sums twice."), "the line itself was changed again"),
        (harness("Nothing of it."), "all around it is gone"),
    ],
)
def test_what_later_changes_build_on_cannot_be_taken_out_alone(later: HarnessBundle, why: str) -> None:
    seed, first = harness("You work."), harness("You work.\n\nCheck sums.")
    with pytest.raises(HarnessError, match="build on"):
        reverse(later, diff(seed, first))


def test_a_file_that_was_added_and_changed_since_stays() -> None:
    with pytest.raises(HarnessError, match="build on"):
        reverse(harness("x", judge="look twice"), diff(harness("x"), harness("x", judge="look")))


def test_two_insertions_at_one_place_have_no_order_unless_one_is_given() -> None:
    with_it, without, later = harness("a\nb\nc"), harness("a\nc"), harness("a\nd\nc")
    with pytest.raises(HarnessError, match="build on"):
        reverse(later, diff(with_it, without))
    assert reverse(later, diff(with_it, without), after=True) == harness("a\nd\nb\nc")


def test_bytes_that_are_no_text_are_only_reversed_whole() -> None:
    one, two, three = (HarnessBundle({PROMPT: content}) for content in (b"\xff1", b"\xff2", b"\xff3"))
    assert reverse(two, diff(one, two)) == one
    with pytest.raises(HarnessError, match="build on"):
        reverse(three, diff(one, two))
