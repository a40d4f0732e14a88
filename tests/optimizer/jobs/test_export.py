"""Attempts written as a Harbor job: its layout, ATIF v1.7, and the same attempts when read again."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from optimizer.jobs.trial import read_job
from optimizer.ledger import AttemptRow, Ledger
from traces._atif_model import AtifTrajectory
from traces.event import AttemptKey
from traces.store import TraceStore

Ratchet = Callable[..., Any]  # Any: Said of conftest.py


def rows_of(runs: Path, **where: str) -> list[AttemptRow]:
    with closing(Ledger(runs / "done" / "ledger.sqlite", read_only=True)) as ledger:
        return ledger.attempts("done", **where)


@pytest.fixture
def written(runs: Path, ratchet: Ratchet, tmp_path: Path) -> Path:
    """Write the finished run's train attempts as a job."""
    folder = tmp_path / "out" / "job"
    assert ratchet("attempts", "export", "done", "-o", folder).code == 0
    return folder


def test_what_is_written_and_read_again_gives_the_same_attempts(written: Path, runs: Path) -> None:
    rows = {row.spec.id: row for row in rows_of(runs, split="train")}
    store = TraceStore(runs / "done" / "traces")
    trials = read_job(written).trials
    assert len(trials) == len(rows) > 20
    for trial in trials:
        row = rows.pop(trial.result.ours["attempt"])
        graded = trial.graded()
        assert (trial.task, graded.reward, graded.cause, graded.detail) == (
            row.spec.task, row.reward, row.cause, row.detail,
        )  # fmt: skip
        assert (trial.tokens, trial.cost_usd, trial.duration_s) == (row.tokens, row.cost_usd, row.duration_s)
        assert trial.agent.version == row.spec.harness
        key = AttemptKey("done", row.spec.candidate, row.spec.task, "train", row.spec.id)
        events = trial.events(key)
        assert events == store.read_attempt(row.spec.id)
        assert trial.turns(events) == row.turns
    assert not rows


def test_the_layout_is_harbors(written: Path, runs: Path) -> None:
    assert {path.name for path in written.iterdir() if path.is_file()} == {"config.json", "result.json"}
    folders = [path for path in written.iterdir() if path.is_dir()]
    for folder in folders:
        result = json.loads((folder / "result.json").read_text())
        task, _, suffix = folder.name.rpartition("__")
        assert (result["trial_name"], len(suffix), len(task) <= 32) == (folder.name, 7, True)
        assert result["task_name"].startswith(task)
        needed = {"id", "task_name", "trial_name", "trial_uri", "task_id", "source", "task_checksum", "config"}
        needed |= {"agent_info", "agent_result", "verifier_result", "exception_info", "started_at", "finished_at"}
        needed |= {"environment_setup", "agent_setup", "agent_execution", "verifier", "step_results"}
        assert set(result) == needed
        reward = result["verifier_result"]["rewards"]["reward"]
        assert float((folder / "verifier" / "reward.txt").read_text()) == reward
        assert result["agent_result"]["n_input_tokens"] >= result["agent_result"]["n_cache_tokens"]
    summary = json.loads((written / "result.json").read_text())
    assert summary["n_total_trials"] == summary["stats"]["n_trials"] == len(folders)
    each = summary["stats"]["evals"]["ratchet-c000__simulated__done"]
    named = [name for names in each["reward_stats"]["reward"].values() for name in names]
    assert len(named) == each["n_trials"] == len(rows_of(runs, split="train", candidate="c000"))
    rewards = [row.reward for row in rows_of(runs, split="train", candidate="c000")]
    assert each["metrics"][0]["mean"] == pytest.approx(sum(map(float, rewards)) / len(rewards))  # type: ignore[arg-type] - all are scored


def test_every_trajectory_is_valid_atif_v1_7(written: Path) -> None:
    paths = list(written.glob("*/agent/trajectory.json"))
    assert len(paths) > 20
    for path in paths:
        document = json.loads(path.read_text())
        assert document["schema_version"] == "ATIF-v1.7"
        AtifTrajectory.model_validate(document)


def test_a_missing_attempt_has_no_reward_and_its_exception(runs: Path, ratchet: Ratchet, tmp_path: Path) -> None:
    from dataclasses import replace

    from optimizer.facts import read_facts
    from optimizer.jobs.writing import write_job
    from optimizer.run_folder import RunFolder

    row = rows_of(runs, split="train")[0]
    lost = replace(row, state="missing", reward=None, cause="sandbox_lost", detail="the jail died")
    write_job(read_facts(RunFolder(runs / "done")), [lost], tmp_path / "job")
    (trial,) = read_job(tmp_path / "job").trials
    assert (trial.graded().reward, trial.graded().cause, trial.graded().detail) == (
        None,
        "sandbox_lost",
        "the jail died",
    )
    assert trial.result.verifier_result is None
    assert not (trial.folder / "verifier" / "reward.txt").exists()
    assert (trial.folder / "exception.txt").read_text() == "the jail died\n"


def test_held_out_attempts_are_written_only_when_asked_for_and_that_is_noted(
    runs: Path, ratchet: Ratchet, tmp_path: Path
) -> None:
    log = runs / "done" / "readings.jsonl"
    before = log.read_text() if log.exists() else ""
    ratchet("attempts", "export", "done", "-o", tmp_path / "a")
    assert (log.read_text() if log.exists() else "") == before
    said = ratchet("attempts", "export", "done", "-o", tmp_path / "b", "--split", "heldout", "--candidate", "c000")
    assert "held-out traces" in said.err
    assert json.loads(log.read_text().splitlines()[-1])["command"] == "attempts export"
    assert {trial.result.ours["split"] for trial in read_job(tmp_path / "b").trials} == {"heldout"}


def test_what_one_run_wrote_another_of_other_splits_imports_without_its_own_sealed_tasks(
    runs: Path, ratchet: Ratchet, tmp_path: Path
) -> None:
    ratchet("attempts", "export", "done", "-o", tmp_path / "held", "--split", "heldout")
    data = ratchet("attempts", "import", tmp_path / "held", "done", "--json").data
    assert data["imported"] == 0
    assert data["left_out"] == {"sealed": len(read_job(tmp_path / "held").trials)}


def test_a_folder_that_is_not_empty_is_left_alone(runs: Path, ratchet: Ratchet, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    said = ratchet("attempts", "export", "done", "-o", tmp_path)
    assert said.code == 2
    assert "is not empty" in said.err
    assert (tmp_path / "mine.txt").read_text() == "mine"
