"""The worker: the main agent, held to the harness's forced checks each time it wants to be done."""

from __future__ import annotations

from collections.abc import Sequence

from task_agent.orchestration.ctx import Ctx
from task_agent.orchestration.snapshot import apart
from task_agent.tools.base import Tool, join, shorten

CHECK_FAILED = "A check before finishing failed; mend it."


class Worker:
    """Let a main agent work until it is done and its checks hold, or their rounds are used."""

    def __init__(self, ctx: Ctx, tools: Sequence[str | Tool] | None = None) -> None:
        self._ctx = ctx
        self._agent = ctx.agent("main", tools=tools)
        self._checks = ctx.spec.orchestration.checks
        self._rounds = self._checks.rounds
        self._asked = not self._checks.prompt.strip()

    async def run(self, message: str) -> str:
        """Say `message` and give the last words; call it again to go on in the same conversation."""
        answer = await self._agent.run(message)
        if not self._asked:
            self._asked = True
            answer = await self._agent.run(self._checks.prompt)
        while self._rounds and (failed := await self._failed()):
            self._rounds -= 1
            answer = await self._agent.run(f"{CHECK_FAILED}\n{failed}")
        return answer

    async def _failed(self) -> str:
        """Run the commands and word those that fail; nothing when all hold."""
        return "\n".join([said for command in self._checks.commands if (said := await self._failure(command))])

    async def _failure(self, command: str) -> str:
        result = await self._ctx.exec(apart(self._ctx.task.workdir, command))
        if result.exit_code == 0 and not result.timed_out:
            return ""
        how = "timed out" if result.timed_out else f"exit code {result.exit_code}"
        output = shorten(result.output, self._ctx.spec.context.max_tool_output_chars)
        return join(f"$ {command}\n{output}", f"[{how}]")
