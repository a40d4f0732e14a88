"""What the contract's claims are shown on: kinds, a task's files, and two ways to run a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from task_agent.sandbox import ExecResult, Sandbox, SandboxSpec

FILES = {"data.csv": b"a,1\nb,2\n", "deep/er/note.txt": b"\x00\xff\r\n", "run.sh": b"#!/bin/sh\necho ran $1\n"}
SPEC = SandboxSpec(files=FILES, env={"TASK_SETTING": "seven"}, disk_mb=8, pids=60)
REPOSITORY = Path(__file__).resolve().parents[3]
DOCKER = pytest.param("docker", id="docker", marks=pytest.mark.docker)
BUBBLEWRAP = pytest.param("bubblewrap", id="bubblewrap", marks=pytest.mark.bubblewrap)
PROCESS = pytest.param("process", id="process")
GRADE = 'sh "$TESTS_DIR/test.sh"'

every_kind = pytest.mark.parametrize("kind", [PROCESS, BUBBLEWRAP, DOCKER], indirect=True)
every_jail = pytest.mark.parametrize("kind", [BUBBLEWRAP, DOCKER], indirect=True)
on_host = pytest.mark.parametrize("kind", [PROCESS, BUBBLEWRAP], indirect=True)
in_docker = pytest.mark.parametrize("kind", [DOCKER], indirect=True)
in_bubblewrap = pytest.mark.parametrize("kind", [BUBBLEWRAP], indirect=True)


async def run(sandbox: Sandbox, command: str, *, timeout_s: float = 30, stdin: bytes = b"") -> ExecResult:
    return await sandbox.exec(command, timeout_s=timeout_s, stdin=stdin)


async def said(sandbox: Sandbox, command: str) -> str:
    done = await run(sandbox, command)
    assert done.exit_code == 0, done
    return done.output.strip()
