"""What every command promises: exit codes, one JSON envelope, errors without a traceback, help with an example."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from optimizer.cli.exit_codes import CODES, ExitCode, exit_code
from task_agent.errors import ProviderRateLimitedError, ProviderRefusedRequestError, ProviderUnavailableError
from traces import errors
from traces.errors import ConfigError, RatchetError
from traces.storage import StorageError

ROOT = Path(__file__).parents[3]
FINISHED = ROOT / "tests" / "finished.yaml"
Run = Callable[..., Any]

TASK = {
    "task.toml": 'version = "1.0"\n\n[metadata]\nany_image = true\n',
    "instruction.md": "Write 1 into out.txt.",
    "environment/Dockerfile": "FROM debian:12\nWORKDIR /app\n",
    "tests/test.sh": 'cat out.txt | grep -cx 1 > "$LOGS_DIR/verifier/reward.txt"\n',
    "solution/solve.sh": "echo 1 > out.txt\n",
}


def run_file(folder: Path, **changes: Any) -> Path:
    data = yaml.safe_load(FINISHED.read_text())
    for key in ("harness", "prices"):
        data[key] = str((FINISHED.parent / data[key]).resolve())
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump({**data, **changes}))
    return file


def task_folder(folder: Path, **changes: str) -> Path:
    for name, text in {**TASK, **changes}.items():
        (folder / "t0" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "t0" / name).write_text(text)
    return folder


# Exit codes ---------------------------------------------------------------------


def test_every_error_has_its_exit_code_and_what_is_in_no_row_is_a_bug() -> None:
    table = {
        errors.UsageError("x"): 2,
        errors.ConfigError("x"): 2,
        errors.NotFoundError("run", "x"): 3,
        errors.CredentialsError("x"): 4,
        errors.ProviderError("x"): 5,
        errors.SandboxUnavailableError("x"): 6,
        ProviderUnavailableError("x"): 5,
        ProviderRefusedRequestError("x"): 5,
        ProviderRateLimitedError("x"): 7,
        errors.RateLimitedError("x"): 7,
        errors.BudgetError("x"): 8,
        StorageError("x"): 10,
        errors.WorkersUnavailableError("x"): 11,
        RatchetError("x"): 1,
        ValueError("x"): 1,
    }
    assert {error: exit_code(error).value for error in table} == table
    assert set(CODES) <= {type(error) for error in table}
    assert [code.value for code in ExitCode] == [*range(12), 130]


@pytest.mark.parametrize(
    "words",
    [
        ("frobnicate",),
        ("status", "--nope"),
        ("candidates", "show"),
        ("attempts", "list", "done", "--limit", "-1"),
        ("run", FINISHED, "--seed", "x"),
        ("run", FINISHED, "--budget-usd", "-5"),
        ("run", FINISHED, "--deadline", "soon"),
        ("tasks", "check", ".", "--sandbox", "foo"),
        ("candidates",),
    ],
)
def test_wrong_words_end_with_2_and_no_traceback(ratchet: Run, words: tuple[object, ...]) -> None:
    answer = ratchet(*words)
    assert answer.code == 2
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert answer.err.startswith(("error: ", "Usage: "))


def test_nothing_wrong_ends_with_0(ratchet: Run, done: Run) -> None:
    assert ratchet("--version").code == 0
    assert ratchet("--help").code == 0
    assert done("status").code == 0


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("candidates show", ["c099"]),
        ("candidates diff", ["c099"]),
        ("trace show", ["c000/no-such-task/a00"]),
        ("export", ["-o", "unused", "--candidate", "c099"]),
    ],
)
def test_what_does_not_exist_ends_with_3(done: Run, command: str, words: list[str]) -> None:
    answer = done(command, *words)
    assert answer.code == 3
    assert "error: no " in answer.err


def test_a_name_that_is_nearly_right_is_answered_with_those_that_exist(
    ratchet: Run, finished_run: tuple[Path, str]
) -> None:
    answer = ratchet("status", "dome", "--runs-dir", finished_run[0])
    assert answer.code == 3
    assert "did you mean `done`?" in answer.err
    answer = ratchet("candidates", "show", "done", "c01", "--runs-dir", finished_run[0])
    assert "c001" in answer.err


def test_a_missing_run_file_ends_with_3(ratchet: Run, tmp_path: Path) -> None:
    for command in (("run",), ("doctor",), ("config", "check")):
        assert ratchet(*command, tmp_path / "none.yaml").code == 3


def test_a_wrong_run_file_ends_with_2_and_points_at_the_place(ratchet: Run, tmp_path: Path) -> None:
    file = run_file(tmp_path, stop={"iterations": "many"})
    for command in (("run",), ("doctor",), ("config", "check")):
        answer = ratchet(*command, file)
        assert answer.code == 2
        assert "stop.iterations" in answer.err + answer.out


def test_a_model_without_a_key_ends_with_4_before_anything_is_written(ratchet: Run, tmp_path: Path) -> None:
    models = {role: {"model": "claude-haiku-4-5"} for role in ("task", "proposer", "reflector")}
    file = run_file(tmp_path, models=models)
    for command in ("run", "doctor"):
        answer = ratchet(command, file, "--runs-dir", tmp_path / "runs")
        assert answer.code == 4
        assert "ANTHROPIC_API_KEY" in answer.err + answer.out
    assert not (tmp_path / "runs").exists()


def test_a_sandbox_that_cannot_serve_the_tasks_ends_with_6(ratchet: Run, tmp_path: Path) -> None:
    for number in range(6):
        task_folder(tmp_path / "tasks", **{"task.toml": 'version = "1.0"\n'})
        (tmp_path / "tasks" / "t0").rename(tmp_path / "tasks" / f"n{number}")
    suite = {"kind": "harbor", "path": str(tmp_path / "tasks")}
    splits = {"train": 2, "heldout": 2, "test": 2}
    file = run_file(tmp_path, suite=suite, splits=splits, gate={"min_tasks": 2, "force": True})
    for command in ("run", "doctor"):
        assert ratchet(command, file, "--runs-dir", tmp_path / "runs").code == 6


def test_an_interrupted_run_ends_with_130_and_can_be_resumed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "optimizer", "run", str(FINISHED), "--run-id", "cut", "--runs-dir", str(tmp_path)]
    env = {key: value for key, value in os.environ.items() if not key.startswith("ANTHROPIC_")}
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as night:
        assert night.stderr is not None
        said = next(line for line in night.stderr if "preflight: 40 attempts" in line)
        night.send_signal(signal.SIGINT)
        rest = night.stderr.read()
        assert night.wait(60) == 130
    assert said
    assert "ratchet resume cut" in rest
    assert "Traceback" not in rest


# JSON ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("status", []),
        ("report", []),
        ("audit", []),
        ("candidates list", []),
        ("candidates show", ["c001"]),
        ("candidates diff", ["c001"]),
        ("attempts list", ["--failed"]),
        ("candidates tree", []),
        ("candidates blame", ["c000"]),
        ("trace grep", ["csv"]),
        ("trace pair", ["csv-totals-01"]),
        ("trace sql", ["SELECT count(*) AS n FROM events"]),
        ("tail", []),
    ],
)
def test_json_of_a_run_is_one_envelope_on_stdout(done: Run, command: str, words: list[str]) -> None:
    answer = done(command, *words, "--json")
    assert answer.code == 0
    assert list(answer.envelope) == ["schema_version", "as_of", "data"]
    assert answer.envelope["schema_version"] == 1
    assert answer.data


def test_json_of_what_needs_no_run_is_the_same_envelope(ratchet: Run, tmp_path: Path) -> None:
    task_folder(tmp_path / "tasks")
    runs, process = ("--runs-dir", tmp_path / "runs"), ("--sandbox", "process", "--allow-unsafe")
    answers = [
        ratchet("runs", "list", "--json", *runs),
        ratchet("run", FINISHED, "--dry-run", "--json", *runs),
        ratchet("config", "check", FINISHED, "--json"),
        ratchet("config", "show", FINISHED, "--json"),
        ratchet("help", "money", "--json"),
        ratchet("doctor", FINISHED, "--json", *runs),
        ratchet("tasks", "check", tmp_path / "tasks", *process, "--json", "--runs-dir", tmp_path / "checked"),
    ]
    for answer in answers:
        assert answer.code == 0, answer.err
        assert list(answer.envelope) == ["schema_version", "as_of", "data"]
    assert not (tmp_path / "runs").exists()


def test_json_of_traces_and_exports_is_the_same_envelope(done: Run, ratchet: Run, tmp_path: Path) -> None:
    attempt = done("attempts list", "--split", "train", "--limit", "1", "--json").data["rows"][0]["attempt"]
    shown = done("trace show", attempt, "--json").data
    assert shown["attempt"] == attempt
    assert shown["events"]
    assert done("export", "-o", tmp_path / "out", "--json").data["state"] == "exported"
    assert ratchet("export", "verify", tmp_path / "out", "--json").data["state"] == "verified"


def test_every_command_takes_json(every_command: list[Any]) -> None:
    assert [each.path for each in every_command if "--json" not in each.options] == []


def test_status_answers_what_scripts_ask_for(done: Run) -> None:
    data = done("status", "--json").data
    assert (data["state"], data["stop_reason"], data["iterations"]) == ("finished", "iterations", 3)
    assert set(data["verdicts"]) == {"keep", "reject", "undecided", "invalid"}
    assert sum(data["verdicts"].values()) == 3
    assert data["champion"].startswith("c0")
    assert {"difference", "interval", "level", "look", "coverage"} <= set(data["test"])
    assert data["attempts"]["planned"] == data["attempts"]["scored"] + data["attempts"]["missing"] > 50
    assert data["spend"]["usd"] > 0
    assert data["spend"]["unpriced_requests"] == 0


def test_an_error_is_json_on_stdout_when_json_was_asked_for(done: Run, ratchet: Run, tmp_path: Path) -> None:
    answer = done("candidates show", "c099", "--json")
    assert answer.code == 3
    assert answer.err == ""
    assert list(answer.error) == ["code", "message", "field", "hint", "command"]
    assert answer.error["code"] == 3
    assert answer.error["command"].startswith("ratchet candidates show done c099 --json")
    wrong = ratchet("config", "check", run_file(tmp_path, stop={"iterations": "many"}), "--json")
    assert (wrong.error["code"], wrong.error["field"]) == (2, "stop.iterations")
    assert ratchet("status", "--nope", "--json").error["code"] == 2


def test_an_error_class_may_carry_its_field() -> None:
    assert ConfigError("wrong", key="gate.mode").key == "gate.mode"


# Lists and help ------------------------------------------------------------------


def test_a_list_is_bounded_and_says_how_to_narrow(done: Run) -> None:
    answer = done("attempts list")
    rows = answer.out.splitlines()
    assert len(rows) == 21
    assert "showing 20 of " in answer.err
    assert "--candidate ID, --task ID, --split NAME" in answer.err
    data = done("attempts list", "--json", "--limit", "5").data
    assert len(data["rows"]) == 5
    assert data["truncated"]
    assert data["total"] > 50
    assert "--candidate" in data["next"]


def test_limit_0_shows_all(done: Run) -> None:
    data = done("attempts list", "--json", "--limit", "0").data
    assert len(data["rows"]) == data["total"]
    assert (data["truncated"], data["next"]) == (False, None)


def test_a_run_is_found_by_a_beginning_of_its_name_and_as_last(ratchet: Run, finished_run: tuple[Path, str]) -> None:
    for name in ("do", "last"):
        assert ratchet("status", name, "--json", "--runs-dir", finished_run[0]).data["run"] == "done"


def test_the_runs_list_carries_the_answer(ratchet: Run, finished_run: tuple[Path, str]) -> None:
    row = ratchet("runs", "list", "--json", "--runs-dir", finished_run[0]).data["rows"][0]
    assert (row["run"], row["state"], row["tried"]) == ("done", "finished", 3)


def test_help_of_every_command_has_an_example(ratchet: Run, every_command: list[Any]) -> None:
    assert len(every_command) >= 17
    for command in every_command:
        answer = ratchet(*command.path.split(), "--help")
        assert answer.code == 0
        assert f"Example: ratchet {command.path} " in " ".join(f"{answer.out} ".split()) + " ", command.path


def test_the_report_printed_is_the_report_kept(done: Run, finished_run: tuple[Path, str]) -> None:
    assert done("report").out.strip() == (finished_run[0] / "done" / "report.md").read_text().strip()


def test_the_summary_names_commands_that_work(done: Run, ratchet: Run, tmp_path: Path) -> None:
    lines = done("status").out.splitlines()
    commands = [line.split("#")[0].split() for line in lines if line.startswith("  ratchet ")]
    assert len(commands) == 3
    for _, *words in commands:
        words = [str(tmp_path / "out") if word.endswith("-harness") else word for word in words]
        assert ratchet(*words).code == 0, words


@pytest.mark.parametrize(
    "words",
    [
        ("candidates", "show", "done", "c99"),
        ("trace", "show", "done", "c99/nothing/a00"),
        ("trace", "pair", "done", "no-such-task"),
        ("trace", "grep", "done", "x", "--candidate", "c99"),
    ],
)
def test_what_a_refusal_says_to_try_finds_the_runs_where_they_are(
    ratchet: Run, finished_run: tuple[Path, str], words: tuple[str, ...]
) -> None:
    said = ratchet(*words, "--runs-dir", finished_run[0])
    assert said.code == 3
    assert f"--runs-dir {finished_run[0]}" in " ".join(said.err.split())
