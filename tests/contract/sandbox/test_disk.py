"""An attempt's files may not grow beyond the task's limit in sum, whoever writes them, and when."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from task_agent.errors import OutOfDiskError
from task_agent.sandbox import SandboxKind, SandboxSpec, open_sandbox
from task_agent.sandbox._disk import INTERVAL_S
from task_agent.sandbox._host import HostSandbox

from .cases import GRADE, on_host, run, said

pytestmark = [pytest.mark.asyncio(loop_scope="module"), on_host]
LIMIT_MB = 8
FILL = "for i in $(seq {files}); do head -c 1000000 /dev/zero > f$i; sleep 0.05; done"
TENFOLD = FILL.format(files=10 * LIMIT_MB)


def opened(kind: SandboxKind, **given: bytes) -> HostSandbox:
    sandbox = open_sandbox(kind, SandboxSpec(disk_mb=LIMIT_MB, files=given))
    assert isinstance(sandbox, HostSandbox)
    return sandbox


def held_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


@pytest.mark.parametrize("place", ["/app", "/tmp", "/logs/agent"])
async def test_many_files_of_tenfold_the_limit_are_stopped_and_taken_from_the_disk(
    kind: SandboxKind, place: str
) -> None:
    sandbox = opened(kind)
    try:
        with pytest.raises(OutOfDiskError, match=f"{LIMIT_MB} MB"):
            await run(sandbox, f"cd {sandbox.path(place)}; {TENFOLD}; echo all")
        folder = sandbox._folder.path
        assert LIMIT_MB < held_mb(folder) < 10 * LIMIT_MB
        with pytest.raises(OutOfDiskError):
            await run(sandbox, "true")
        with pytest.raises(OutOfDiskError):
            await sandbox.verify({"test.sh": b"true"}, GRADE, timeout_s=30, env={})
    finally:
        await sandbox.close()
    assert not folder.exists()


async def test_what_writes_between_two_commands_is_stopped_too(kind: SandboxKind) -> None:
    sandbox = opened(kind)
    try:
        await run(sandbox, f"({FILL.format(files=400)}) >/dev/null 2>&1 &")
        folder, end = sandbox._folder.path, time.monotonic() + 30
        while not sandbox._full and time.monotonic() < end:
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)
        stopped = held_mb(folder)
        await asyncio.sleep(0.5)
        assert stopped == held_mb(folder) < 10 * LIMIT_MB
        with pytest.raises(OutOfDiskError):
            await run(sandbox, "true")
    finally:
        await sandbox.close()


async def test_a_grading_that_fills_the_disk_is_stopped(kind: SandboxKind) -> None:
    sandbox = opened(kind)
    try:
        with pytest.raises(OutOfDiskError):
            await sandbox.verify({"test.sh": f"{TENFOLD}\n".encode()}, GRADE, timeout_s=60, env={})
        assert held_mb(sandbox._folder.path) < 10 * LIMIT_MB
    finally:
        await sandbox.close()


async def test_what_the_task_brings_and_what_takes_no_room_is_not_counted(kind: SandboxKind) -> None:
    sandbox = opened(kind, big=bytes(3 * LIMIT_MB * 1_000_000))
    try:
        made = "head -c 6000000 /dev/zero > six; for i in 1 2 3 4; do ln six link$i; done; truncate -s 7M sparse"
        assert await said(sandbox, f"{made}; sleep {3 * INTERVAL_S}; echo lives") == "lives"
        await sandbox.put({"more": bytes(4_000_000)}, "/app")
        assert await said(sandbox, f"sleep {3 * INTERVAL_S}; rm six; echo lives") == "lives"
    finally:
        await sandbox.close()
