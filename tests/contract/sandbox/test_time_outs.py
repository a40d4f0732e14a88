"""A time-out or a cancellation ends everything but the files."""

from __future__ import annotations

import asyncio

import pytest

from task_agent.sandbox import Sandbox

from .cases import every_kind, run, said

pytestmark = pytest.mark.asyncio(loop_scope="module")


@every_kind
async def test_a_time_out_kills_the_tree_and_keeps_the_files(sandbox: Sandbox) -> None:
    beat = "while :; do echo x >> beat; sleep 0.02; done"
    command = f"cd deep; word=lost; cd ..; echo early; (setsid sh -c '{beat}' >/dev/null 2>&1 &); sleep 30; echo late"
    done = await run(sandbox, command, timeout_s=1)
    assert (done.exit_code, done.timed_out, done.output) == (None, True, "early\n")
    before = await said(sandbox, "cat beat | wc -c; echo [$word]")
    await asyncio.sleep(0.2)
    assert await said(sandbox, "cat beat | wc -c; echo [$word]") == before
    assert before.endswith("[]")


@every_kind
async def test_a_cancelled_command_leaves_a_sandbox_of_use(sandbox: Sandbox) -> None:
    await run(sandbox, "echo kept > kept")
    task = asyncio.create_task(run(sandbox, "sleep 30"))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await said(sandbox, "cat kept") == "kept"
