"""`ratchet tune`: a run whose every proposal is the tuner's, planned and refused as `run` does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
TUNE = ROOT / "configs" / "tune.yaml"
Run = Callable[..., Any]


def stages(ratchet: Run, runs: Path, *words: object) -> dict[str, dict[str, Any]]:
    answer = ratchet(*words, "--dry-run", "--json", "--runs-dir", runs)
    assert answer.code == 0, answer.err
    return {row["stage"]: row for row in answer.data["stages"]}


def test_every_proposal_is_the_tuners_with_as_many_settings_as_asked(ratchet: Run, tmp_path: Path) -> None:
    planned = stages(ratchet, tmp_path, "tune", TUNE, "--trials", 4, "--max-iterations", 2)
    assert planned["tune"]["attempts"] == 2 * (4 + 3) * 30
    assert planned["tune"]["how"] == "2 x 4 settings and a check of 3 x 1 x 30 train tasks"
    assert list(tmp_path.iterdir()) == []


def test_a_night_tunes_as_often_as_its_run_file_says_and_others_never(ratchet: Run, tmp_path: Path) -> None:
    assert "tune" not in stages(ratchet, tmp_path, "run", ROOT / "configs" / "quickstart.yaml")
    assert stages(ratchet, tmp_path, "run", TUNE, "--max-iterations", 7)["tune"]["how"].startswith("2 x 10 settings")


def test_a_harness_without_ranges_is_refused_with_what_to_write(ratchet: Run, tmp_path: Path) -> None:
    answer = ratchet("tune", ROOT / "configs" / "quickstart.yaml", "--runs-dir", tmp_path)
    assert answer.code == 2
    assert "there is nothing to tune: the harness 'bash-only' declares no `search` ranges" in answer.err
    assert "search: {limits.turns: {low: 10, high: 60}}" in answer.err
    assert list(tmp_path.iterdir()) == []
