"""`delegate`: the main agent may hand parts of the work to sub-agents with contexts and tools of their own."""

from __future__ import annotations

from collections.abc import Sequence

from task_agent.harness.pattern import DelegateParams
from task_agent.orchestration.ctx import Ctx
from task_agent.orchestration.opening import first_message
from task_agent.orchestration.worker import Worker
from task_agent.tools.base import Tool
from task_agent.tools.delegate import DELEGATE, DelegateTool

REQUEST_MARK = "<request>"


async def delegate(ctx: Ctx, params: DelegateParams) -> str:
    """Give the task to one agent that can start others."""
    delegation = _Delegation(ctx, params)
    return await Worker(ctx, delegation.tools("main", 0)).run(first_message("main", ctx.task))


class _Delegation:
    """Start sub-agents and count them; all share the attempt's budget."""

    def __init__(self, ctx: Ctx, params: DelegateParams) -> None:
        self._ctx = ctx
        self._params = params
        self._started = 0

    def tools(self, role: str, depth: int) -> Sequence[str | Tool]:
        """List the tools of an agent that stands `depth` delegations below the main agent."""
        own = [name for name in self._ctx.tools_of(role) if name != DELEGATE]
        if depth >= self._params.depth:
            return own

        async def start(agent: str, request: str) -> str | None:
            return await self._start(agent, request, depth + 1)

        return [*own, DelegateTool(self._params.agents, start)]

    async def _start(self, role: str, request: str, depth: int) -> str | None:
        if self._started >= self._params.most:
            return None
        self._started += 1
        agent = self._ctx.agent(role, tools=self.tools(role, depth))
        return await agent.run(first_message(role, self._ctx.task, asked(request)))


def asked(request: str) -> str:
    """Word what the delegating agent wants."""
    return f"{REQUEST_MARK}\n{request}\n</request>"
