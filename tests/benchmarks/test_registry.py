from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.registry import RegistryError, SuiteRegistry
from benchmarks.splits import Splits

SUITE = "ab12" * 16


def split(seed: int) -> Splits:
    return Splits(seed=seed, train=(f"a{seed}",), heldout=(f"b{seed}",), test=(f"c{seed}",))


@pytest.fixture
def registry(tmp_path: Path) -> SuiteRegistry:
    return SuiteRegistry(tmp_path / "suites")


def test_an_unused_suite_has_no_record(registry: SuiteRegistry) -> None:
    assert registry.record(SUITE) is None


def test_the_first_run_writes_the_split_and_later_runs_inherit_it(registry: SuiteRegistry) -> None:
    first = registry.enrol(SUITE, "run-1", lambda: split(1))
    second = registry.enrol(SUITE, "run-2", lambda: split(2))
    assert (first.inherited, first.notice) == (False, "")
    assert second.inherited
    assert second.record.splits == split(1)
    assert "inherited from run-1" in second.notice


def test_a_new_split_starts_an_epoch_and_says_so(registry: SuiteRegistry) -> None:
    registry.enrol(SUITE, "run-1", lambda: split(1))
    registry.reserve_test(SUITE, "run-1", "c001")
    registry.record_look(SUITE, "run-1")
    renewed = registry.enrol(SUITE, "run-2", lambda: split(2), new_split=True)
    assert (renewed.record.epoch, renewed.record.tests_used, renewed.record.looks) == (2, 0, 1)
    assert renewed.record.splits == split(2)
    assert "may leak" in renewed.notice


def test_a_resumed_run_keeps_its_split_when_a_later_run_gave_it_up(registry: SuiteRegistry) -> None:
    registry.enrol(SUITE, "run-1", lambda: split(1))
    registry.enrol(SUITE, "run-2", lambda: split(2), new_split=True)
    assert registry.enrol(SUITE, "run-1", lambda: split(3), new_split=True).record.splits == split(1)
    registry.reserve_test(SUITE, "run-1", "c001")
    assert [registry.record(SUITE, run).tests_used for run in ("run-1", "run-2")] == [1, 0]  # type: ignore[union-attr]


def turned(splits: Splits) -> Splits:
    return replace(splits, heldout=splits.reserve[:1], reserve=splits.reserve[1:], retired=splits.heldout)


def test_a_rotated_run_counts_anew_once_and_remembers_what_it_began_with(registry: SuiteRegistry) -> None:
    dealt = replace(split(1), reserve=("d1", "d2"))
    registry.enrol(SUITE, "run-1", lambda: dealt)
    registry.reserve_test(SUITE, "run-1", "c001")
    for _ in range(2):
        moved = registry.rotate(SUITE, "run-1", 1, turned)
        assert (moved.epoch, moved.tests_used, moved.splits) == (2, 0, turned(dealt))
        assert moved.began == dealt
    assert registry.reserve_test(SUITE, "run-1", "c002").tests_before == 0
    later = registry.enrol(SUITE, "run-2", lambda: split(9)).record
    assert (later.epoch, later.tests_used, later.splits, later.began) == (2, 1, turned(dealt), turned(dealt))


def test_a_run_joins_the_epoch_that_another_run_made_of_the_same_reserve(registry: SuiteRegistry) -> None:
    dealt = replace(split(1), reserve=("d1", "d2"))
    for run in ("run-1", "run-2"):
        registry.enrol(SUITE, run, lambda: dealt)
    registry.rotate(SUITE, "run-1", 1, turned)
    registry.reserve_test(SUITE, "run-1", "c001")
    joined = registry.rotate(SUITE, "run-2", 1, turned)
    assert (joined.epoch, joined.tests_used) == (2, 1)


def test_a_run_makes_an_epoch_of_its_own_when_the_last_one_was_dealt_anew(registry: SuiteRegistry) -> None:
    dealt = replace(split(1), reserve=("d1",))
    registry.enrol(SUITE, "run-1", lambda: dealt)
    registry.enrol(SUITE, "run-2", lambda: split(2), new_split=True)
    assert registry.rotate(SUITE, "run-1", 1, turned).splits == turned(dealt)


def test_a_resumed_certify_is_one_look(registry: SuiteRegistry) -> None:
    for run in ("run-1", "run-2"):
        registry.enrol(SUITE, run, lambda: split(1))
    assert [registry.record_look(SUITE, run) for run in ("run-1", "run-1", "run-2", "run-1")] == [1, 1, 2, 1]


def test_tests_and_keeps_are_counted_once_over_all_runs(registry: SuiteRegistry) -> None:
    for run in ("run-1", "run-2"):
        registry.enrol(SUITE, run, lambda: split(1))
    registry.reserve_test(SUITE, "run-1", "c001")
    registry.record_keep(SUITE, "run-1", "c001")
    registry.record_keep(SUITE, "run-1", "c001")
    later = registry.reserve_test(SUITE, "run-2", "c001")
    assert (later.tests_before, later.keeps_before) == (1, 1)
    assert registry.reserve_test(SUITE, "run-1", "c001").tests_before == 0
    record = registry.record(SUITE)
    assert record is not None
    assert (record.tests_used, record.keeps) == (2, 1)


def test_a_reopened_registry_knows_everything(registry: SuiteRegistry, tmp_path: Path) -> None:
    registry.enrol(SUITE, "run-1", lambda: split(1))
    registry.reserve_test(SUITE, "run-1", "c001")
    registry.record_look(SUITE, "run-1")
    assert SuiteRegistry(tmp_path / "suites").record(SUITE) == registry.record(SUITE)


def test_a_crash_at_any_byte_loses_at_most_the_line_being_written(registry: SuiteRegistry, tmp_path: Path) -> None:
    registry.enrol(SUITE, "run-1", lambda: split(1))
    path = tmp_path / "suites" / f"{SUITE}.jsonl"
    before = path.stat().st_size
    registry.record_look(SUITE, "run-1")
    whole = path.read_bytes()
    for cut in range(before, len(whole)):
        path.write_bytes(whole[:cut])
        assert registry.record(SUITE).looks == 0  # type: ignore[union-attr]
        assert registry.record_look(SUITE, "run-1") == 1
        assert path.read_bytes() == whole


def test_a_damaged_line_is_named_not_skipped(registry: SuiteRegistry, tmp_path: Path) -> None:
    registry.enrol(SUITE, "run-1", lambda: split(1))
    path = tmp_path / "suites" / f"{SUITE}.jsonl"
    path.write_bytes(b"{oops}\n" + path.read_bytes())
    with pytest.raises(RegistryError, match="line 1"):
        registry.record_look(SUITE, "run-1")


def test_a_run_that_never_enrolled_can_do_nothing(registry: SuiteRegistry) -> None:
    registry.enrol(SUITE, "run-1", lambda: split(1))
    with pytest.raises(RegistryError, match="not enrolled"):
        registry.reserve_test(SUITE, "run-9", "c001")
    with pytest.raises(RegistryError, match="not enrolled"):
        registry.record_look(SUITE, "run-9")
    with pytest.raises(RegistryError, match="never reserved"):
        registry.record_keep(SUITE, "run-1", "c001")


def test_a_suite_hash_cannot_be_a_path(registry: SuiteRegistry) -> None:
    with pytest.raises(RegistryError, match="not a suite hash"):
        registry.record("../elsewhere")


def _enrol_and_look(folder: Path, number: int) -> None:
    registry = SuiteRegistry(folder)
    run = f"run-{number}"
    registry.enrol(SUITE, run, lambda: split(number))
    registry.reserve_test(SUITE, run, "c001")
    registry.record_look(SUITE, run)


def test_runs_at_the_same_time_agree_on_one_split_and_lose_no_count(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: _enrol_and_look(tmp_path, number), range(24)))
    record = SuiteRegistry(tmp_path).record(SUITE)
    assert record is not None
    assert (record.epoch, record.tests_used, record.looks) == (1, 24, 24)
