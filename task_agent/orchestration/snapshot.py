"""The environment snapshot: what an agent would look at first, shown before its first turn."""

from __future__ import annotations

import shlex
from dataclasses import replace

from task_agent.orchestration.ctx import Ctx
from task_agent.orchestration.opening import TaskView
from task_agent.tools.base import shorten

COMMAND_S = 10.0
"""Seconds each command of a snapshot may take."""


async def with_snapshot(ctx: Ctx) -> TaskView:
    """Add a look at the environment to the task, when the harness asks for one."""
    wanted = ctx.spec.context.snapshot
    if not wanted.enabled:
        return ctx.task
    shown = [f"$ {command}\n{await in_workdir(ctx, command)}" for command in wanted.commands]
    return replace(ctx.task, environment=shorten("\n".join(shown), wanted.max_chars))


async def in_workdir(ctx: Ctx, command: str) -> str:
    """Run a command in a shell of its own in the working directory, and give what it printed."""
    limit_s = min(COMMAND_S, ctx.spec.limits.command_timeout_s)
    result = await ctx.exec(apart(ctx.task.workdir, command), timeout_s=limit_s)
    return f"{result.output.rstrip()}\n[timed out]" if result.timed_out else result.output.rstrip()


def apart(workdir: str, command: str) -> str:
    """Write a command so that it leaves directory and variables of the attempt's shell alone."""
    return f"(cd {shlex.quote(workdir)} && exec bash -c {shlex.quote(command)})"
