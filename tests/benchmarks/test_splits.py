from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.splits import SplitError, Splits, make_splits
from benchmarks.task import Task
from task_agent.sandbox.base import SandboxSpec


def task(name: str, *, category: str = "default", cluster: str | None = None, **metadata: Any) -> Task:
    return Task(
        id=name,
        instruction="do it",
        environment=SandboxSpec(),
        tests={},
        category=category,
        cluster=cluster,
        metadata=metadata,
    )


def suite(families: int = 12, each: int = 17) -> list[Task]:
    return [
        task(f"f{family:02d}-{number:02d}", category=f"f{family:02d}")
        for family in range(families)
        for number in range(each)
    ]


def placed(splits: Splits) -> list[str]:
    return [*splits.train, *splits.heldout, *splits.test, *splits.reserve, *splits.retired]


def test_default_shares_are_28_50_22() -> None:
    splits = make_splits(suite(10, 20), seed=1)
    assert (len(splits.train), len(splits.heldout), len(splits.test), len(splits.reserve)) == (56, 100, 44, 0)


def test_every_category_is_spread_like_the_whole() -> None:
    splits = make_splits(suite(), seed=3)
    for name, share in (("train", 0.28), ("heldout", 0.5), ("test", 0.22)):
        per_category = Counter(task_id[:3] for task_id in splits.of(name))
        assert len(per_category) == 12
        assert all(abs(count - 17 * share) <= 2 for count in per_category.values()), (name, per_category)


def test_the_seed_chooses_the_split_and_the_order_of_tasks_does_not() -> None:
    tasks = suite()
    first = make_splits(tasks, seed=1)
    assert make_splits(tasks[::-1], seed=1) == first
    assert make_splits(tasks, seed=2).hash != first.hash


def test_near_copies_stay_in_one_split() -> None:
    tasks = [
        task(f"t{number:03d}", category=f"c{number % 5}", cluster=f"k{number // 15}{number % 5}")
        for number in range(120)
    ]
    splits = make_splits(tasks, seed=5)
    home = {task_id: name for name in ("train", "heldout", "test") for task_id in splits.of(name)}
    for cluster in {task.cluster for task in tasks}:
        assert len({home[task.id] for task in tasks if task.cluster == cluster}) == 1
    assert abs(len(splits.heldout) - 60) < 3


def test_a_refusal_to_split_tells_of_tasks_that_only_test_may_hold() -> None:
    odd = [task(f"odd-{n}", out_of_family=True) for n in range(2)]
    tasks = [*(task(f"in-{n}") for n in range(41)), *odd]
    with pytest.raises(SplitError, match="43 tasks asked for, 41 there are; 2 more, out of family, go to `test`"):
        make_splits(tasks, seed=1, sizes={"train": 11, "heldout": 20, "test": 12})


def test_out_of_family_tasks_are_in_test_only_and_on_top() -> None:
    tasks = [
        *suite(),
        task("odd-1", category="odd", out_of_family=True),
        *(task(f"new-{n}", category="new") for n in range(3)),
    ]
    splits = make_splits(tasks, seed=1, out_of_family=["new"])
    assert splits.out_of_family == ("new-0", "new-1", "new-2", "odd-1")
    assert set(splits.out_of_family) <= set(splits.test)
    assert len(splits.certified) == len(splits.test) - 4 == 45


def test_small_suites_get_fixed_sizes() -> None:
    splits = make_splits(suite(5, 10), seed=1)
    assert (len(splits.train), len(splits.heldout), len(splits.test)) == (12, 23, 15)
    largest = make_splits([task(f"t{n}") for n in range(59)], seed=1)
    assert (len(largest.train), len(largest.heldout), len(largest.test)) == (14, 30, 15)


def test_explicit_sizes_are_exact_and_the_rest_is_shared() -> None:
    splits = make_splits(suite(), seed=1, sizes={"heldout": 60})
    assert (len(splits.heldout), len(splits.reserve)) == (60, 0)
    assert (len(splits.train), len(splits.test)) == (81, 63)


def test_what_no_split_asks_for_is_held_in_reserve() -> None:
    splits = make_splits(suite(), seed=1, sizes={"train": 40, "heldout": 60, "test": 40})
    assert (len(splits.train), len(splits.heldout), len(splits.test), len(splits.reserve)) == (40, 60, 40, 64)
    assert len(make_splits(suite(), seed=1, fractions={"train": 0.2, "heldout": 0.4, "test": 0.2}).reserve) == 41


def test_a_new_epoch_holds_out_the_reserve_and_retires_what_was_held_out() -> None:
    tasks = suite()
    first = make_splits(tasks, seed=1, sizes={"train": 40, "heldout": 50, "test": 30})
    second = first.rotated(tasks)
    assert (second.train, second.test, second.retired) == (first.train, first.test, first.heldout)
    assert set(second.heldout) < set(first.reserve)
    assert [len(second.heldout), len(second.reserve)] == [50, 34]
    assert max(Counter(name[:3] for name in second.heldout).values()) <= 6, "spread over families"
    third = second.rotated(tasks)
    assert set(third.retired) == {*first.heldout, *second.heldout}
    assert (set(third.heldout), third.reserve) == (set(second.reserve), ())
    for splits in (second, third):
        assert sorted(placed(splits)) == sorted(task.id for task in tasks)
        assert Splits.from_record(splits.to_record()) == splits
    assert len({splits.hash for splits in (first, second, third)}) == 3
    with pytest.raises(SplitError, match="no task is left in reserve"):
        third.rotated(tasks)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sizes": {"train": 100, "heldout": 100, "test": 100}},
        {"sizes": {"gate": 10}},
        {"sizes": {"heldout": 0}},
        {"fractions": {"train": 0.9, "heldout": 0.9, "test": 0.1}},
        {"fractions": {"train": 0.5, "heldout": 0.5}},
    ],
)
def test_impossible_splits_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SplitError):
        make_splits(suite(), seed=1, **wrong)


def test_too_few_tasks_and_repeated_ids_are_refused() -> None:
    with pytest.raises(SplitError, match="24 tasks leave nothing for heldout"):
        make_splits(suite(3, 8), seed=1)
    with pytest.raises(SplitError, match="same id"):
        make_splits([task("a"), task("a")], seed=1)


def test_record_round_trips_and_a_broken_one_is_refused() -> None:
    splits = make_splits(suite(), seed=9)
    assert Splits.from_record(splits.to_record()) == splits
    with pytest.raises(SplitError, match="lacks 'train'"):
        Splits.from_record({"seed": 1})


@settings(max_examples=60, deadline=None)
@given(
    shape=st.lists(st.integers(1, 12), min_size=3, max_size=12),
    seed=st.integers(0, 1000),
    clustered=st.booleans(),
)
def test_every_task_is_in_exactly_one_place(shape: list[int], seed: int, clustered: bool) -> None:
    tasks = [
        task(f"c{c}-{n}", category=f"c{c}", cluster=f"k{c}-{n // 3}" if clustered else None)
        for c, size in enumerate([*shape, 12, 12, 12, 12, 12])
        for n in range(size)
    ]
    assert sorted(placed(make_splits(tasks, seed=seed))) == sorted(task.id for task in tasks)
