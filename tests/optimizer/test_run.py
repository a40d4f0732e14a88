"""A driver's start: what it notes of a run that another left, and of one that is new."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from optimizer.control import Interrupted
from optimizer.ledger import Ledger
from optimizer.lessons import Shelf
from optimizer.run import prepare, resume
from optimizer.run_file import load_run_file
from optimizer.run_folder import RunFolder
from optimizer.telling.progress import Progress

MINI = Path(__file__).parents[1] / "e2e" / "mini.yaml"


def stops_at_once(event: Progress) -> None:
    if event.kind == "started":
        raise KeyboardInterrupt


def notes(folder: RunFolder) -> list[str]:
    with closing(Ledger(folder.ledger)) as ledger:
        return [note["kind"] for note in ledger.notices()]


@pytest.fixture
def heir(tmp_path: Path) -> RunFolder:
    """Give a run that no driver has touched: it inherits its split, and begins with a book of lessons."""
    Shelf.of(tmp_path, "office").add("before", lambda book: book.tell("Look at the input first.", [], "before")[0])
    prepare(load_run_file(MINI), tmp_path, "first")
    return prepare(load_run_file(MINI, {"lessons": {"book": "office"}}), tmp_path, "heir")


def drive(folder: RunFolder, listen: Callable[[Progress], None]) -> list[str]:
    with pytest.raises(Interrupted):
        resume(folder, listen)
    return notes(folder)


def test_a_run_was_taken_up_only_when_a_driver_had_worked_on_it(heir: RunFolder) -> None:
    assert notes(heir) == ["suite", "lessons"]
    assert "resumed" not in drive(heir, stops_at_once)
    assert drive(heir, stops_at_once).count("resumed") == 1
