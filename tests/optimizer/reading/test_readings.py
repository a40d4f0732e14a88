from __future__ import annotations

import json
from pathlib import Path

from optimizer.reading.readings import note_reading, readings
from optimizer.run_folder import RunFolder


def test_reading_train_traces_is_not_noted(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert note_reading(folder, "trace show", ["train", "proposer"], ["c000/t/a00"]) is None
    assert readings(folder) == 0
    assert list(tmp_path.iterdir()) == []


def test_reading_sealed_traces_is_noted_and_cautioned(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    first = note_reading(folder, "trace show", ["heldout"], ["c000/t/a00"])
    second = note_reading(folder, "trace grep", ["test", "train", "heldout"], ["x"])
    assert first is not None
    assert "held-out traces (noted in readings.jsonl)" in first
    assert second is not None
    assert "held-out and test traces" in second
    assert readings(folder) == 2
    lines = [json.loads(line) for line in (tmp_path / "readings.jsonl").read_text().splitlines()]
    assert [(line["command"], line["splits"]) for line in lines] == [
        ("trace show", ["heldout"]),
        ("trace grep", ["heldout", "test"]),
    ]


def test_a_run_that_cannot_be_written_can_still_be_read_and_says_it_is_not_noted(tmp_path: Path) -> None:
    (tmp_path / "readings.jsonl").mkdir()
    caution = note_reading(RunFolder(tmp_path), "trace show", ["test"], ["c000/t/a00"])
    assert caution is not None
    assert "not noted" in caution
