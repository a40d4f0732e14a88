"""`plan_then_act`: a planner that can change nothing writes a plan, and a worker carries it out."""

from __future__ import annotations

from task_agent.harness.pattern import PlanThenActParams
from task_agent.orchestration.ctx import Ctx
from task_agent.orchestration.opening import first_message
from task_agent.orchestration.worker import Worker


async def plan_then_act(ctx: Ctx, params: PlanThenActParams) -> str:
    """Give the task to the planner, and the task with its plan, but none of its reasoning, to the worker."""
    del params  # they decide the planner's tools
    plan = (await ctx.agent("planner").run(first_message("planner", ctx.task))).strip()
    if not plan:
        ctx.note("the planner wrote no plan; the work begins without one")
    return await Worker(ctx).run(first_message("main", ctx.task, worded(plan) if plan else ""))


def worded(plan: str) -> str:
    """Word a plan for the worker."""
    return f"<plan>\n{plan}\n</plan>"
