"""A proposer's session is killed, for real, after each of its events and taken up again: no call is paid twice."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from optimizer.reap import reap
from task_agent.sandbox import mark, probe

SECOND_COMMAND = 11
"""The event that ends the session's second command in its container."""

KINDS = [
    pytest.param("none", marks=pytest.mark.slow),
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.slow]),
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_killed_at_every_step_ends_as_if_it_never_was_and_pays_each_call_once(
    kind: str, tmp_path: Path
) -> None:
    assert held(kind, tmp_path) >= 20


@pytest.mark.docker
def test_a_session_killed_with_its_container_under_way_goes_on_in_a_fresh_one(tmp_path: Path) -> None:
    assert held("docker", tmp_path, SECOND_COMMAND) == 1


def held(kind: str, root: Path, *points: int) -> int:
    """Hold a session that is killed at these points, check that it ends as one that is not, and count the kills."""
    if kind != "none" and not probe(kind).ok:  # type: ignore[arg-type]  # a kind, as parametrised
        pytest.skip(f"no {kind} here")
    of = mark.mark_of(secrets.token_hex(8))
    command = [sys.executable, "-m", "tests.optimizer.sessions.killed_session", str(root), kind, *map(str, points)]
    env = os.environ | {mark.VARIABLE: of}
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3], env=env, check=False)
    left = reap(of, "docker" if kind == "docker" else "process")
    assert done.returncode == 0, done.stderr
    assert (left.containers > 0) == (kind == "docker"), "a killed session leaves the container it worked in"
    said = json.loads(done.stdout)
    assert len(said["killed"]["asked"]) >= 5
    assert said["killed"] == said["alone"]
    assert "c001" in said["alone"]["history"]["slots"]
    return int(said["kills"])
