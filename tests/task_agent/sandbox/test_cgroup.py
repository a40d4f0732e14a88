"""Control groups: the way into one of version 2, which moves whole processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from task_agent.sandbox import SandboxSpec
from task_agent.sandbox._cgroup import Group, Hierarchy

PLACES = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


@pytest.fixture
def version_2() -> Iterator[Hierarchy]:
    root = next((place for place in PLACES if (place / "cgroup.controllers").exists()), None)
    if root is None or not os.access(root / "cgroup.procs", os.W_OK):
        pytest.skip("no version 2 hierarchy that this user may write to")
    base = root / f"ratchet-test-{os.getpid()}"
    yield Hierarchy(2, (base,))
    base.rmdir()


def test_a_command_steps_into_its_group_before_it_runs(version_2: Hierarchy) -> None:
    group = Group(SandboxSpec(), version_2)
    said = subprocess.run([*group.prefix, "cat", "/proc/self/cgroup"], capture_output=True, text=True, check=True)
    assert f"/{version_2.bases[0].name}/" in next(line for line in said.stdout.splitlines() if line.startswith("0:"))
    group.remove()
    assert list(version_2.bases[0].glob("*-*")) == []


def test_this_process_stays_where_it_is(version_2: Hierarchy) -> None:
    before = Path("/proc/self/cgroup").read_text()
    group = Group(SandboxSpec(), version_2)
    with group.entered():
        assert Path("/proc/self/cgroup").read_text() == before
    group.remove()
