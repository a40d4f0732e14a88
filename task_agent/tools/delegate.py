"""The `delegate` tool: hand a part of the work to a sub-agent and get its last words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from task_agent.harness.pattern import SubAgent
from task_agent.models.base import ToolSchema
from task_agent.tools.base import ToolInput, ToolResult

DELEGATE = "delegate"

Start = Callable[[str, str], Awaitable[str | None]]
"""Run the sub-agent of a name on a request and give its last words; None when no more may be started."""


def delegate_schema(agents: Mapping[str, SubAgent]) -> ToolSchema:
    """Say what a model is told of the tool, with the sub-agents there are."""
    lines = "".join(f"\n- {name}: {agent.about}" for name, agent in agents.items() if agent.about)
    return ToolSchema(
        name=DELEGATE,
        description=(
            "Have a sub-agent do one part of the work. It works on the same machine, sees the task and your request, "
            f"but nothing else you know, and answers once, when it is done.{lines}"
        ),
        input_schema={
            "type": "object",
            "properties": {
                "agent": {"type": "string", "enum": list(agents)},
                "request": {"type": "string", "description": "What it is to do, and what it is to report."},
            },
            "required": ["agent", "request"],
            "additionalProperties": False,
        },
    )


class DelegateTool:
    """Start sub-agents, one after the other."""

    def __init__(self, agents: Mapping[str, SubAgent], start: Start) -> None:
        self._schema = delegate_schema(agents)
        self._start = start

    @property
    def schema(self) -> ToolSchema:
        """Say what the model is told of the tool."""
        return self._schema

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Run one sub-agent to its end; one too many is an error result."""
        answer = await self._start(str(tool_input["agent"]), str(tool_input["request"]))
        if answer is None:
            return ToolResult("no more sub-agents may be started; do it yourself", is_error=True)
        return ToolResult(answer or "(it said nothing)")
