"""The doctor: fails on what `run` would fail on, with the same error, and says what mends it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from optimizer.planning.doctor import Need, examine
from task_agent.sandbox import Probe, SandboxKind, probe
from traces.errors import ConfigError, CredentialsError, NotFoundError, SandboxUnavailableError, UsageError

ROOT = Path(__file__).parents[3]
RUN: dict[str, Any] = {
    "suite": {"kind": "pitfalls", "seed": 1, "tasks": 24, "families": ["csv_totals", "json_flatten"]},
    "harness": str(ROOT / "configs/harnesses/bash-only"),
    "prices": str(ROOT / "configs/prices.yaml"),
    "models": {role: {"model": "simulated"} for role in ("task", "proposer", "reflector")},
    "splits": {"train": 6, "heldout": 10, "test": 8},
    "gate": {"min_tasks": 8, "force": True},
    "schedule": {"kind": "inline"},
    "sandbox": {"kind": "process"},
}


TASK = {
    "task.toml": 'version = "1.0"\n',
    "instruction.md": "Write a file.",
    "environment/Dockerfile": "FROM debian:12\nWORKDIR /app\n",
    "tests/test.sh": "echo 1 > /logs/verifier/reward.txt\n",
    "solution/solve.sh": "true\n",
}


def works(kind: SandboxKind) -> Probe:
    return Probe(kind, True, "tried before")


def rows_of(folder: Path, **changes: Any) -> dict[str, Need]:
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump({**RUN, **changes}))
    return {row.need: row for row in examine(file, folder / "runs", probe=works)}


def test_a_run_file_that_works_has_no_failing_row_and_nothing_is_written(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    assert not [row for row in rows.values() if row.state == "fails"]
    assert rows["plan"].what == "6 train, 10 heldout, 8 test tasks; sandbox process"
    assert rows["suite"].what.startswith("24 tasks in 2 families load; digest ")
    assert {"sandbox docker", "sandbox bubblewrap", "sandbox process", "python", "ray", "disk"} <= set(rows)
    assert {"memory", "shared memory", "open files", "runs folder", "prices"} <= set(rows)
    assert not (tmp_path / "runs").exists()


def test_a_row_that_fails_can_be_written_as_json_whatever_its_error_holds(tmp_path: Path) -> None:
    (row, *_) = examine(tmp_path / "none.yaml", tmp_path / "runs", probe=works)
    assert (row.state, row.to_record()["what"]) == ("fails", row.what)


def test_without_a_run_file_the_machine_alone_is_examined(tmp_path: Path) -> None:
    rows = {row.need: row for row in examine(None, tmp_path, probe=works)}
    assert rows["model key"].state == "warns"
    assert "ANTHROPIC_API_KEY" in rows["model key"].mend
    assert rows["runs folder"].state == "ok"


@pytest.mark.parametrize(
    ("changes", "need", "error"),
    [
        ({"suite": {"kind": "pitfals"}}, "suite", ConfigError),
        ({"splits": {"train": 6, "heldout": 4, "test": 8}}, "plan", ConfigError),
        ({"models": {**RUN["models"], "proposer": {"model": "claude-opus-5-5"}}}, "key of proposer", CredentialsError),
        (
            {"suite": {"kind": "harbor", "path": str(ROOT / "no-such-folder")}},
            "run file",
            ConfigError,
        ),
        ({"gate": {"min_tasks": 8, "force": True, "stages": [1, 2]}}, "run file", ConfigError),
    ],
)
def test_what_run_would_fail_on_fails_here_with_the_same_error(
    tmp_path: Path, changes: dict[str, Any], need: str, error: type[Exception]
) -> None:
    row = rows_of(tmp_path, **changes)[need]
    assert row.state == "fails"
    assert isinstance(row.error, error)


def test_tasks_that_need_an_image_fail_the_plan_of_a_process_sandbox(tmp_path: Path) -> None:
    for number in range(6):
        task = tmp_path / "tasks" / f"t{number}"
        for name, text in TASK.items():
            (task / name).parent.mkdir(parents=True, exist_ok=True)
            (task / name).write_text(text)
    suite = {"kind": "harbor", "path": str(tmp_path / "tasks")}
    splits, gate = {"train": 2, "heldout": 2, "test": 2}, {"min_tasks": 2, "force": True}
    rows = rows_of(tmp_path, suite=suite, splits=splits, gate=gate)
    assert isinstance(rows["plan"].error, SandboxUnavailableError)


def test_a_kind_of_sandbox_that_does_not_work_is_a_warning_with_what_mends_it(tmp_path: Path) -> None:
    rows = {row.need: row for row in examine(None, tmp_path, probe=lambda kind: Probe(kind, False, "no such program"))}
    assert rows["sandbox bubblewrap"].state == "warns"
    assert rows["sandbox bubblewrap"].mend == "apt-get install bubblewrap"


def test_a_missing_run_file_is_not_found(tmp_path: Path) -> None:
    row = examine(tmp_path / "none.yaml", tmp_path, probe=works)[0]
    assert (row.need, row.state) == ("run file", "fails")
    assert isinstance(row.error, NotFoundError)


def test_a_model_without_a_price_is_a_warning_that_names_it(tmp_path: Path) -> None:
    models = {**RUN["models"], "reflector": {"model": "claude-unheard-of"}}
    row = rows_of(tmp_path, models=models, stop={"budget_usd": 5})["prices"]
    assert row.state == "warns"
    assert "claude-unheard-of" in row.what
    assert "the budget cannot hold them" in row.what


def test_an_old_price_table_is_a_warning(tmp_path: Path) -> None:
    prices = (ROOT / "configs/prices.yaml").read_text()
    old = tmp_path / "prices.yaml"
    lines = ["checked: 2025-01-01" if line.startswith("checked:") else line for line in prices.splitlines()]
    old.write_text("\n".join(lines))
    row = rows_of(tmp_path, prices=str(old))["prices"]
    assert row.state == "warns"
    assert "set `checked`" in row.mend


def test_a_runs_folder_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    rows = {row.need: row for row in examine(None, tmp_path / "taken" / "runs", probe=works)}
    assert rows["runs folder"].state == "fails"
    assert isinstance(rows["runs folder"].error, UsageError)


def test_a_place_where_nothing_can_be_made_fails_with_the_reason() -> None:
    rows = {row.need: row for row in examine(None, Path("/proc/ratchet"), probe=works)}
    assert rows["runs folder"].state == "fails"
    assert rows["runs folder"].what.startswith("/proc cannot be written to: ")
    assert "--runs-dir" in rows["runs folder"].mend


def test_too_few_open_files_for_what_is_in_flight_are_a_warning_with_the_command_that_raises_them(
    tmp_path: Path,
) -> None:
    rows_of(tmp_path, schedule={"kind": "inline", "in_flight": 200})
    program = "import json, sys; from pathlib import Path; from optimizer.planning.machine import machine\n"
    program += "from optimizer.run_file import load_run_file\n"
    program += "rows = machine(Path('runs'), load_run_file(Path('run.yaml')))\n"
    program += "print(*[f'{row.state}: {row.mend}' for row in rows if row.need == 'open files'])\n"
    asked = ["sh", "-c", f'ulimit -n 1000; exec {sys.executable} -c "$0"', program]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(asked, check=True, cwd=tmp_path, env=env, capture_output=True, text=True).stdout
    assert said == "warns: ulimit -Hn 2656 (as root), or a smaller `schedule.in_flight`\n"
    assert rows_of(tmp_path, schedule={"kind": "inline", "in_flight": 1})["open files"].state == "ok"


def test_a_run_file_with_several_faults_names_one_counts_the_others_and_the_command_that_lists_them(
    tmp_path: Path,
) -> None:
    row = rows_of(tmp_path, seed="x", stop={"iteratons": 3}, gate={"k_max": 0})["run file"]
    assert row.state == "fails"
    assert row.what.endswith("and 2 more")
    assert row.mend == f"ratchet config check {tmp_path / 'run.yaml'}"


@pytest.mark.docker
def test_an_image_that_is_not_here_fails_the_plan_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    if not probe("docker").ok:
        pytest.skip("no Docker engine here")
    for number in range(6):
        task = tmp_path / "tasks" / f"t{number}"
        for name, text in {**TASK, "environment/Dockerfile": "FROM ratchet-nowhere:1\nWORKDIR /app\n"}.items():
            (task / name).parent.mkdir(parents=True, exist_ok=True)
            (task / name).write_text(text)
    suite = {"kind": "harbor", "path": str(tmp_path / "tasks")}
    splits, gate = {"train": 2, "heldout": 2, "test": 2}, {"min_tasks": 2, "force": True}
    row = rows_of(tmp_path, suite=suite, splits=splits, gate=gate, sandbox={"kind": "docker"})["plan"]
    assert isinstance(row.error, SandboxUnavailableError)
    assert "ratchet-nowhere:1" in row.what
    assert row.mend == "docker pull ratchet-nowhere:1"
