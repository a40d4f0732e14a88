"""What one night teaches, the next one begins with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from optimizer.lessons import read_book
from traces.query import run_sql
from traces.store import TraceStore

if TYPE_CHECKING:
    from conftest import Nights

MINI = Path(__file__).with_name("mini.yaml")


def remembering(nights: Nights) -> Path:
    """Write the mini night anew, as one that keeps lessons."""
    config = yaml.safe_load(MINI.read_text())
    for key in ("harness", "prices"):
        config[key] = str((MINI.parent / config[key]).resolve())
    made = nights.runs.parent / "remembering.yaml"
    made.write_text(yaml.safe_dump({**config, "lessons": {"book": "office"}}))
    return made


def test_the_second_night_is_told_what_the_first_one_learnt(nights: Nights) -> None:
    file = str(remembering(nights))
    nights.ratchet("run", file, "--run-id", "one")
    learnt = nights.data("lessons", "office")["rows"]
    assert learnt
    assert read_book(nights.runs / "one" / "lessons.yaml").lessons == ()
    nights.ratchet("run", file, "--run-id", "two", "--new-split")
    began_with = read_book(nights.runs / "two" / "lessons.yaml").lessons
    assert {lesson.id for lesson in began_with} == {row["lesson"] for row in learnt}
    opening = openings(nights.runs / "two")
    assert "Lessons (" in opening
    assert learnt[0]["lesson"] in opening
    assert len(nights.data("lessons", "office")["rows"]) >= len(learnt)


def openings(folder: Path) -> str:
    """Read what proposers were told first in a run."""
    sql = "SELECT text FROM events WHERE candidate = 'proposer' AND text LIKE '%Champion:%'"
    store = TraceStore(folder / "traces")
    return "\n".join(str(row[0]) for row in run_sql(store, ["proposer"], sql, limit=50, timeout_s=30).rows)
