"""`react`: one agent works until it has nothing more to do."""

from __future__ import annotations

from task_agent.harness.pattern import ReactParams
from task_agent.orchestration.ctx import Ctx
from task_agent.orchestration.opening import first_message
from task_agent.orchestration.worker import Worker


async def react(ctx: Ctx, params: ReactParams) -> str:
    """Give the task to one agent."""
    del params
    return await Worker(ctx).run(first_message("main", ctx.task))
