"""A Harbor job as one side of a comparison: it says what it is, and it decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from optimizer.ledger import Ledger

Job = Any  # Any: the HarborJob of conftest.py
Ratchet = Callable[..., Any]  # Any: Said of conftest.py


def tasks_of(runs: Path, split: str) -> list[str]:
    with closing(Ledger(runs / "done" / "ledger.sqlite", read_only=True)) as ledger:
        return list(dict.fromkeys(row.spec.task for row in ledger.attempts("done", split=split)))


@pytest.fixture
def other(job: Job, runs: Path) -> Job:
    """Give a job that solved every held-out task twice, two train tasks, and one of its own."""
    for task in tasks_of(runs, "heldout"):
        job.trial(task, 1.0)
        job.trial(f"org/{task}", 1.0, agent_result=None, says=None)
    for task in tasks_of(runs, "train")[:2]:
        job.trial(task, 0.0)
    job.trial("of-another-suite", 1.0)
    return job


def test_an_imported_arm_is_compared_and_marked_as_imported(other: Job, ratchet: Ratchet) -> None:
    data = ratchet("compare", "done/baseline", other.path, "--json").data
    ours, theirs = data["arms"]
    assert (data["split"], data["fresh"], data["tasks"]) == ("heldout", False, 10)
    assert (ours["imported"], theirs["imported"]["agent"], theirs["score"]) == (None, "claude-code", 1.0)
    assert theirs["attempts"] == {"planned": 20, "scored": 20, "missing": 0}
    assert theirs["purposes"] == {"import": 20}
    said = " ".join(data["cautions"])
    assert "B was IMPORTED from Harbor job night: claude-code 2.0.1 with claude-opus-5-5 made these trials" in said
    assert "not interleaved" in said
    assert "B asked claude-opus-5-5, the others simulated" in said
    assert "matched by name" in said
    assert "1 of its trials are of tasks that are not of this suite" in said
    assert data["contrasts"][0]["diff"] is None


def test_what_a_job_does_not_tell_is_unknown_and_not_0(other: Job, ratchet: Ratchet) -> None:
    uses = ratchet("compare", "done/baseline", other.path, "--json").data["contrasts"][0]["uses"]
    assert uses["tokens"]["second"] == 1000, "trials that tell no tokens are left out of the mean"
    assert uses["turns"]["second"] == 1
    assert uses["cost"]["second"] == 0.25


@pytest.mark.parametrize("shape", ["table", "md", "html", "csv"])
def test_every_form_of_the_answer_can_tell_of_it(other: Job, ratchet: Ratchet, shape: str) -> None:
    said = ratchet("compare", "done/baseline", other.path, "--format", shape)
    assert said.code == 0, said.err
    if shape != "csv":
        assert "IMPORTED" in said.out
        assert "no harness here" in " ".join(said.out.split())


def test_train_tasks_may_be_asked_for(other: Job, ratchet: Ratchet) -> None:
    data = ratchet("compare", other.path, "done/baseline", "--split", "train", "--json").data
    assert (data["tasks"], data["arms"][0]["score"]) == (2, 0.0)


def test_test_tasks_and_fresh_attempts_are_refused(other: Job, runs: Path, ratchet: Ratchet) -> None:
    test = ratchet("compare", "done/baseline", other.path, "--split", "test")
    assert (test.code, "never held against test tasks" in test.err) == (2, True)
    for more in ([], ["--dry-run"]):
        fresh = ratchet("compare", "done/baseline", other.path, "--attempts", "2", *more)
        assert (fresh.code, "nothing here can run its agent" in fresh.err) == (2, True)
    assert not (runs / "compare").exists()


def test_of_several_agents_one_must_be_named(other: Job, ratchet: Ratchet, runs: Path) -> None:
    other.trial(tasks_of(runs, "heldout")[0], 0.0, agent="codex")
    both = ratchet("compare", "done/baseline", other.path)
    assert (both.code, "2 agents made the trials" in both.err, "@codex" in both.err) == (2, True, True)
    data = ratchet("compare", "done/baseline", f"{other.path}@codex", "--json").data
    assert (data["arms"][1]["imported"]["agent"], data["tasks"]) == ("codex", 1)
    nobody = ratchet("compare", "done/baseline", f"{other.path}@aider")
    assert (nobody.code, "no agent 'aider'" in nobody.err) == (3, True)


def test_an_exported_run_is_known_to_be_of_the_same_tasks(ratchet: Ratchet, tmp_path: Path) -> None:
    ratchet("attempts", "export", "done", "-o", tmp_path / "job", "--candidate", "c000")
    data = ratchet("compare", "done/baseline", tmp_path / "job", "--split", "train", "--json").data
    assert data["contrasts"][0]["difference"] == 0.0
    assert not any("matched by name" in caution for caution in data["cautions"])
