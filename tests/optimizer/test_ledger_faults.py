"""What can ail a ledger's file, each said in words with the way to mend it; never a traceback, never a lost record."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from optimizer.cli.exit_codes import ExitCode, exit_code
from optimizer.ledger import Ledger, LedgerUnusableError

LOCK = {"suite": "s"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "ledger.sqlite"
    with closing(Ledger(file)) as ledger:
        ledger.begin("r", LOCK)
        for number in range(300):
            ledger.note("suite", f"note {number} " + "x" * 200)
    return file


def not_a_database(path: Path) -> None:
    path.write_bytes(b"this was a ledger once\n" * 100)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def torn_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 12 : 4096 * 20] = bytes(4096 * 8)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [not_a_database, truncated, empty, torn_page])
def test_a_damaged_ledger_is_refused_before_anything_is_paid(path: Path, damage: Callable[[Path], None]) -> None:
    damage(path)
    with pytest.raises(LedgerUnusableError, match=r"cannot use .*ledger\.sqlite") as caught:  # noqa: PT012
        with closing(Ledger(path)) as ledger:
            ledger.begin("r", LOCK)
            ledger.open_session()
        assert not damage  # a whole ledger would get here
    assert "put back a copy" in caught.value.hint
    assert exit_code(caught.value) is ExitCode.STORAGE


@pytest.mark.parametrize("damage", [not_a_database, truncated, empty])
def test_a_reader_of_a_damaged_ledger_hears_the_same(path: Path, damage: Callable[[Path], None]) -> None:
    damage(path)
    with pytest.raises(LedgerUnusableError), closing(Ledger(path, read_only=True)) as ledger:
        ledger.notices()


def test_a_ledger_held_by_another_process_is_named_and_whole_afterwards(path: Path) -> None:
    with closing(Ledger(path, busy_s=0.2)) as ledger:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerUnusableError, match="another process holds it"):
                ledger.note("suite", "late")
            other.execute("ROLLBACK")
        ledger.note("suite", "now")
        assert [note["text"] for note in ledger.notices()][-1] == "now"


@pytest.mark.parametrize("replaced", [False, True])
def test_a_ledger_taken_away_from_under_its_driver_stops_it_at_the_next_write(path: Path, replaced: bool) -> None:
    with closing(Ledger(path)) as ledger:
        content = path.read_bytes()
        path.unlink()
        if replaced:
            path.with_name("copy").write_bytes(content)
            path.with_name("copy").rename(path)
        with pytest.raises(LedgerUnusableError, match="removed or replaced during the run"):
            ledger.note("suite", "into the void")


def test_a_ledger_that_is_not_there_is_gone_and_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnusableError, match="it is gone"):
        Ledger(tmp_path / "ledger.sqlite", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_rolls_a_write_back_and_the_next_one_goes_on(path: Path) -> None:
    with closing(Ledger(path)) as ledger:
        pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]  # the only way to a full disk without a disk
        ledger._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(LedgerUnusableError, match="the disk is full"):
            ledger.note("suite", "y" * 200_000)
        ledger._db.execute("PRAGMA max_page_count = 1000000")
        ledger.note("suite", "fits")
        assert [note["text"] for note in ledger.notices()][-1] == "fits"
