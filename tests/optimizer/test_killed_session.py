"""A proposer's session is killed, for real, after each of its events and taken up again: no call is paid twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from task_agent.sandbox import probe

KINDS = [
    pytest.param("none", marks=pytest.mark.slow),
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.slow]),
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_killed_at_every_step_ends_as_if_it_never_was_and_pays_each_call_once(
    kind: str, tmp_path: Path
) -> None:
    if kind != "none" and not probe(kind).ok:  # type: ignore[arg-type]  # a kind, as parametrised
        pytest.skip(f"no {kind} here")
    command = [sys.executable, "-m", "tests.optimizer.killed_session", str(tmp_path), kind]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["kills"] >= 20
    assert len(said["killed"]["asked"]) >= 5
    assert said["killed"] == said["alone"]
    assert "c001" in said["alone"]["history"]["slots"]
