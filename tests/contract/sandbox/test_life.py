"""How a sandbox begins, and how it ends, from inside and from outside."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from task_agent.errors import SandboxLostError
from task_agent.sandbox import Sandbox, SandboxKind, SandboxSpec, open_sandbox

from .cases import SPEC, every_jail, every_kind, in_docker, on_host, run, said

pytestmark = pytest.mark.asyncio(loop_scope="module")


@every_kind
async def test_close_is_safe_twice_and_before_a_start_and_ends_the_sandbox(kind: SandboxKind) -> None:
    own = open_sandbox(kind, SPEC)
    await own.close()
    await own.close()
    with pytest.raises(SandboxLostError):
        await run(own, "true")


@on_host
async def test_close_removes_whatever_the_agent_made(kind: SandboxKind, tmp_path: Path) -> None:
    own = open_sandbox(kind, SPEC)
    deep = "python3 -c \"import os; [(os.mkdir('d' * 200), os.chdir('d' * 200)) for _ in range(40)]\""
    shut = "mkdir shut; touch shut/x; chmod 000 shut"
    assert (await run(own, f"(sleep 30 &) ; {shut}; ln -s {tmp_path} link; mkfifo fifo; {deep}")).exit_code == 0
    folder = _host_folder(own)
    assert folder.exists()
    await own.close()
    assert not folder.exists()
    assert tmp_path.exists()


@on_host
async def test_nothing_is_made_before_the_first_use(kind: SandboxKind) -> None:
    own = open_sandbox(kind, SPEC)
    assert getattr(own, "_made") is None  # noqa: B009
    await own.close()


@every_jail
async def test_an_end_from_outside_is_named_as_such(sandbox: Sandbox) -> None:
    await run(sandbox, "true")
    task = asyncio.create_task(run(sandbox, "sleep 20"))
    await asyncio.sleep(0.3)
    _end_from_outside(sandbox)
    with pytest.raises(SandboxLostError, match="ended"):
        await task


@in_docker
async def test_an_image_is_built_once_per_content(kind: SandboxKind) -> None:
    from task_agent.sandbox._container import DEFAULT_IMAGE

    base = os.environ.get("RATCHET_DOCKER_IMAGE", DEFAULT_IMAGE)
    context = {"Dockerfile": f"FROM {base}\nCOPY part/file /part\nENV BUILT=yes\n".encode(), "part/file": b"copied\n"}
    seconds = []
    for _ in range(2):
        own = open_sandbox(kind, SandboxSpec(build_context=context))
        start = time.monotonic()
        try:
            assert await said(own, "cat /part; echo $BUILT") == "copied\nyes"
        finally:
            await own.close()
        seconds.append(time.monotonic() - start)


@in_docker
async def test_containers_carry_labels_and_can_be_reaped_by_them(kind: SandboxKind) -> None:
    from task_agent.sandbox.docker import reap

    mark = {"ratchet.run": f"run-{os.getpid()}-{time.monotonic_ns()}"}
    lost = open_sandbox(kind, SandboxSpec(labels=mark))
    await run(lost, "true")
    assert await asyncio.to_thread(reap, mark) == 1
    assert await asyncio.to_thread(reap, mark) == 0
    await lost.close()


def _host_folder(sandbox: Sandbox) -> Path:
    made = getattr(sandbox, "_made")  # noqa: B009  (the Protocol has no name for it)
    path = made.path
    assert isinstance(path, Path)
    return path


def _end_from_outside(sandbox: Sandbox) -> None:
    if sandbox.kind == "docker":
        from task_agent.sandbox._engine import engine

        engine().kill(getattr(sandbox, "_start").result().container)  # noqa: B009
    else:
        getattr(sandbox, "_running").process.kill()  # noqa: B009
