from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from traces.alignment import Step, Weight, align, divergence, normalised
from traces.event import EventKind

steps = st.lists(
    st.builds(
        Step,
        st.sampled_from([EventKind.TOOL_CALL, EventKind.TOOL_RESULT, EventKind.MODEL, EventKind.USER]),
        st.sampled_from(["bash", "edit"]),
        st.lists(st.sampled_from(["ls", "cat", "a.csv", "b.csv", "-l"]), max_size=3).map(" ".join),
    ),
    max_size=12,
)


def call(text: str, tool: str = "bash") -> Step:
    return Step(EventKind.TOOL_CALL, tool, text)


def said(text: str) -> Step:
    return Step(EventKind.MODEL, "", text)


@given(steps, steps)
def test_every_step_of_both_stands_in_one_row_in_its_order(left: list[Step], right: list[Step]) -> None:
    rows = align(left, right)
    assert [row.left for row in rows if row.left is not None] == list(range(len(left)))
    assert [row.right for row in rows if row.right is not None] == list(range(len(right)))
    assert all(row.left is not None or row.right is not None for row in rows)


@given(steps, steps)
def test_a_row_is_the_same_exactly_when_its_steps_are(left: list[Step], right: list[Step]) -> None:
    for row in align(left, right):
        both = row.left is not None and row.right is not None
        assert row.same == (both and left[row.left or 0] == right[row.right or 0])


@given(steps)
def test_an_attempt_never_parts_from_itself(one: list[Step]) -> None:
    rows = align(one, list(one))
    assert all(row.same for row in rows)
    assert divergence(one, one, rows) is None


@given(steps, steps)
def test_different_attempts_part_and_before_it_no_action_differs(left: list[Step], right: list[Step]) -> None:
    rows = align(left, right)
    at = divergence(left, right, rows)
    assert (at is None) == (left == right)
    for row in rows[:at]:
        differs = [side[i] for side, i in ((left, row.left), (right, row.right)) if i is not None and not row.same]
        assert all(step.weight < Weight.ACTION for step in differs) or at is None


@given(steps, steps)
def test_only_like_things_stand_side_by_side(left: list[Step], right: list[Step]) -> None:
    for row in align(left, right):
        if row.left is not None and row.right is not None:
            assert left[row.left].kind is right[row.right].kind


def test_an_extra_step_leaves_the_rest_side_by_side() -> None:
    left = [said("a"), call("ls"), call("python fix.py"), said("done")]
    right = [said("a"), call("ls"), call("head data.csv"), call("python fix.py"), said("done")]
    rows = align(left, right)
    assert [(row.left, row.right) for row in rows] == [(0, 0), (1, 1), (None, 2), (2, 3), (3, 4)]
    assert divergence(left, right, rows) == 2


def test_a_changed_call_stands_beside_its_like_and_not_beside_another_tool() -> None:
    left = [call("sort -n data.csv > out.csv")]
    right = [call("data.csv", tool="edit"), call("sort -r data.csv > out.csv")]
    assert [(row.left, row.right) for row in align(left, right)] == [(None, 0), (0, 1)]


def test_other_words_part_attempts_only_when_all_actions_are_the_same() -> None:
    left, right = [said("one"), call("ls"), call("a")], [said("two"), call("ls"), call("b")]
    assert divergence(left, right, align(left, right)) == 2
    assert divergence(left[:2], right[:2], align(left[:2], right[:2])) == 0


def test_times_ids_and_temporary_paths_do_not_count_as_different() -> None:
    one = "-rw-r--r-- 1 agent 23:20 a.csv in /tmp/x1/work took 0.31s id 69c2d6b91148"
    other = "-rw-r--r--  1 agent 07:05 a.csv in /tmp/zz/work took 12 s id 113e9e0ca026"
    assert normalised(one) == normalised(other)
    assert normalised("total 41") != normalised("total 42")


def test_very_long_attempts_full_of_equal_steps_are_aligned_in_seconds() -> None:
    left = [step for number in range(5_000) for step in (said("hm"), call(f"a {number % 7}"), call("ok"))]
    right = [step for number in range(5_000) for step in (said("hm"), call(f"a {number % 5}"), call("ok"))]
    began = time.process_time()
    rows = align(left, right)
    assert time.process_time() - began < 10
    assert [row.right for row in rows if row.right is not None] == list(range(15_000))


def test_very_long_attempts_are_aligned_in_seconds() -> None:
    left = [call(f"step {number}") for number in range(4_000)]
    right = [call(f"step {number}{'x' if number % 3 else ''}") for number in range(4_000)]
    began = time.process_time()
    rows = align(left, right)
    assert time.process_time() - began < 10
    assert [row.left for row in rows if row.left is not None] == list(range(4_000))
    assert sum(row.same for row in rows) == 1_334
