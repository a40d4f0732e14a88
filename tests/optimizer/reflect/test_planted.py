"""The planted changes: enough, true to their label, loadable, the same each time; and what the scan makes of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.suite import Suite, load_suite
from optimizer.cli.main import main
from optimizer.reflect import LeakCorpus
from optimizer.reflect.calibration import Rate, Row, Verdicts, by_scan, tabulate, together
from optimizer.reflect.planted import HONEST, OVERFITS, Planted, plant_all
from task_agent.harness import EditSurface, HarnessBundle, load_bundle, validate, violations

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite({"kind": "pitfalls", "seed": 5, "tasks": 56}, Path())


@pytest.fixture(scope="module")
def parent() -> HarnessBundle:
    return load_bundle(ROOT / "configs/harnesses/bash-only")


@pytest.fixture(scope="module")
def planted(suite: Suite, parent: HarnessBundle) -> list[Planted]:
    return plant_all(list(suite.tasks[:28]), parent)


@pytest.fixture(scope="module")
def scanned(suite: Suite, parent: HarnessBundle, planted: list[Planted]) -> Verdicts:
    return by_scan(planted, parent, LeakCorpus.from_tasks(suite.tasks))


def test_there_are_more_than_sixty_of_each_kind_by_many_mechanisms(planted: list[Planted]) -> None:
    counts = Counter(change.overfit for change in planted)
    assert min(counts.values()) >= 60
    assert len(OVERFITS) >= 20
    assert len(HONEST) >= 10
    assert {change.tuned for change in planted if change.overfit} == {True, False}
    assert len({change.name for change in planted}) == len(planted)


def test_every_change_loads_lies_on_the_edit_surface_and_differs_from_its_parent(
    planted: list[Planted], parent: HarnessBundle
) -> None:
    surface = EditSurface(frozenset({"prompts", "tools", "skills", "orchestration", "limits", "context"}))
    for change in planted:
        validate(change.child)
        assert violations(surface, parent, change.child) == [], change.name
        assert change.child.hash != parent.hash or change.name.startswith("comment"), change.name


def test_planting_again_gives_the_same_bytes_and_another_seed_others(
    suite: Suite, parent: HarnessBundle, planted: list[Planted]
) -> None:
    again = plant_all(list(suite.tasks[:28]), parent)
    other = plant_all(list(suite.tasks[:28]), parent, seed=2)
    assert [change.child.hash for change in again] == [change.child.hash for change in planted]
    differing = [a.child.hash != b.child.hash for a, b in zip(planted, other, strict=True)]
    assert sum(differing) > 0.7 * len(planted)


def rows_of(planted: list[Planted], *readers: Verdicts) -> dict[tuple[str, str, str], Row]:
    return {(row.truth, row.part, row.mechanism): row for row in tabulate(planted, readers)}


def test_the_scan_finds_what_it_was_tuned_on_and_raises_hardly_an_alarm(
    planted: list[Planted], scanned: Verdicts
) -> None:
    rows = rows_of(planted, scanned)
    tuned, honest = rows["overfit", "tuned", "all"].rates["scan"], rows["honest", "all", "all"].rates["scan"]
    assert tuned.share is not None
    assert honest.share is not None
    assert tuned.share >= 0.80
    assert honest.share <= 0.03


def test_what_the_scan_cannot_see_is_known_and_left_to_readers(planted: list[Planted], scanned: Verdicts) -> None:
    rows = rows_of(planted, scanned)
    for mechanism in ("keywords of a request", "compressed", "computed", "spelled out", "masked by a hash"):
        assert rows["overfit", "unseen", mechanism].rates["scan"].blocked == 0, "say so in docs/meta-agent.md"
    unseen = rows["overfit", "unseen", "all"].rates["scan"]
    assert unseen.share is not None
    assert unseen.share < 0.5


def test_parts_add_up(planted: list[Planted], scanned: Verdicts) -> None:
    rows = rows_of(planted, scanned)
    for truth in ("overfit", "honest"):
        parts = [rows[truth, part, "all"].rates["scan"] for part in ("tuned", "unseen")]
        whole = rows[truth, "all", "all"].rates["scan"]
        assert (sum(rate.blocked for rate in parts), sum(rate.of for rate in parts)) == (whole.blocked, whole.of)


@pytest.mark.parametrize(
    ("blocked", "of", "low", "high"), [(0, 72, 0.0, 0.0499), (72, 72, 0.9501, 1.0), (5, 10, 0.187, 0.813)]
)
def test_intervals_are_exact(blocked: int, of: int, low: float, high: float) -> None:
    assert Rate(blocked, of).interval == pytest.approx((low, high), abs=1e-3)
    assert (Rate(0, 0).share, Rate(0, 0).interval) == (None, None)


def test_what_was_not_put_to_a_reader_is_missing_and_not_passed(planted: list[Planted], scanned: Verdicts) -> None:
    half = {change.name: None if number % 2 else False for number, change in enumerate(planted)}
    judge = Verdicts("judge", "configured", half)
    both = together(scanned, judge)
    assert both.basis == "configured"
    assert judge.rate(planted).of == both.rate(planted).of == (len(planted) + 1) // 2


def bench(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "reflect", str(ROOT / "configs/quickstart.yaml"), *words])
    said = capsys.readouterr()
    return int(str(ended.value.code)), said.out, said.err


def test_the_command_keeps_measured_and_configured_apart(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = bench(capsys, "--each", "1", "--json")
    rows: list[dict[str, Any]] = json.loads(out)["data"]["rows"]
    assert code == 0
    assert {row["scan"]["basis"] for row in rows} == {"measured"}
    assert {row["judge"]["basis"] for row in rows} == {row["scan or judge"]["basis"] for row in rows} == {"configured"}
    assert all(row["scan"]["interval"][0] <= row["scan"]["share"] <= row["scan"]["interval"][1] for row in rows)
    assert "CONFIGURED" in err


def test_money_that_is_used_up_leaves_changes_unread(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = bench(capsys, "--each", "1", "--panel", "--budget-usd", "0.3", "--json")
    whole = json.loads(out)["data"]["rows"][-1]
    assert code == 0
    assert 0 < whole["panel"]["of"] < whole["scan"]["of"]
    assert "were not put to it: the money was used up" in err


def test_a_table_for_people_names_the_basis_in_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = bench(capsys, "--each", "1", "--scan-only", "--format", "table")
    assert code == 0
    assert "scan (measured)" in out.splitlines()[0]


def test_a_real_judge_without_a_key_is_refused_before_anything_is_planted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = bench(capsys, "--judge", "claude-opus-5-5")
    assert code == 4
    assert "role `reflector` uses 'claude-opus-5-5'" in err
