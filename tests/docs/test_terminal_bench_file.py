"""configs/terminal-bench.yaml reads a checkout in Terminal-Bench's shape; only the tasks themselves are missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from benchmarks.suite import load_suite
from optimizer.planning.plan import split_suite
from optimizer.run_file import load_run_file
from traces.errors import ConfigError

ROOT = Path(__file__).parents[2]
TOML = """\
version = "1.0"

[metadata]
author_name = "A. Person"
difficulty = "{difficulty}"
category = "software-engineering"
tags = ["coding"]
expert_time_estimate_min = 30.0
junior_time_estimate_min = 90.0

[verifier]
timeout_sec = 900.0

[agent]
timeout_sec = 900.0

[environment]
build_timeout_sec = 600.0
docker_image = "someone/{name}:20251031"
cpus = 1
memory = "2G"
storage = "10G"
"""


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """Lay a checkout where the run file looks for one."""
    shutil.copytree(ROOT / "configs", tmp_path / "ratchet" / "configs")
    for number in range(89):
        name = f"task-{number:02d}"
        files = {
            "task.toml": TOML.format(name=name, difficulty=("easy", "medium", "hard")[number % 3]),
            "instruction.md": f"Do {number}.\n",
            "environment/Dockerfile": "FROM python:3.13-slim-bookworm\nWORKDIR /app\nRUN apt-get update\n",
            "tests/test.sh": "#!/bin/bash\nuvx -p 3.13 pytest /tests/test_outputs.py\n",
            "solution/solve.sh": "#!/bin/bash\ntrue\n",
        }
        for path, text in files.items():
            (tmp_path / "terminal-bench-2" / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "terminal-bench-2" / name / path).write_text(text)
    for path in ("README.md", "LICENSE", "scripts/x.py"):
        (tmp_path / "terminal-bench-2" / path).parent.mkdir(exist_ok=True)
        (tmp_path / "terminal-bench-2" / path).write_text("x\n")
    return tmp_path / "ratchet" / "configs" / "terminal-bench.yaml"


def test_every_task_of_a_checkout_is_read_and_dealt(run_file: Path) -> None:
    config = load_run_file(run_file)
    suite = load_suite(config.suite, Path.cwd())
    splits = split_suite(config, suite)
    assert (len(splits.train), len(splits.heldout), len(splits.test)) == (24, 45, 20)
    place = suite.task("task-07").environment
    assert (place.image, place.workdir, place.memory_mb) == ("someone/task-07:20251031", "/app", 2048)
    assert place.build_context is not None
    assert (place.apart, place.system_changes, place.keep_processes) == (True, False, False)
    assert (place.network, place.root_powers, suite.task("task-07").needs_image) == (True, True, True)


def test_only_the_tasks_it_names_are_graded_where_their_agent_worked(run_file: Path) -> None:
    given = {**yaml.safe_load(run_file.read_text())["suite"], "path": str(run_file.parents[2] / "terminal-bench-2")}
    suite = load_suite({**given, "system_changes": ["task-01"], "keep_processes": ["task-0[23]"]}, Path.cwd())
    here = {task.id for task in suite.tasks if not task.environment.apart}
    assert here == {"task-01", "task-02", "task-03"}


def test_the_choices_it_names_can_be_made(run_file: Path) -> None:
    text = run_file.read_text()
    for line in ("difficulty: [easy, medium]", "offline: true", "images: {"):
        assert f"  # {line}" in text
        text = text.replace(f"  # {line}", f"  {line}")
    given = {**yaml.safe_load(text)["suite"], "path": str(run_file.parents[2] / "terminal-bench-2")}
    suite = load_suite(given, Path.cwd())
    assert len(suite.tasks) == 60
    place = suite.task("task-00").environment
    assert place.build_context is not None
    assert place.build_context["Dockerfile"].startswith(b"FROM my-python-with-uv\n")
    assert (place.network, suite.task("task-00").verifier_env["UV_OFFLINE"]) == (False, "1")


def test_without_a_checkout_it_says_what_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"`suite\.path` names .*terminal-bench-2.*, which does not exist"):
        load_run_file(ROOT / "configs" / "terminal-bench.yaml")
