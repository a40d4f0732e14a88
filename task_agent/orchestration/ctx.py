"""`ctx`: all that a pattern can reach. Nothing else leads to the model or the sandbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from task_agent.agent import Agent
from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.errors import HarnessError
from task_agent.harness.spec import HarnessSpec
from task_agent.meter import Meter
from task_agent.models.base import ModelClient
from task_agent.orchestration.opening import ModelChoice, TaskView, agent_setup, tool_schemas
from task_agent.sandbox.base import ExecResult, Sandbox
from task_agent.tools.base import Tool, ToolResult, call_tool
from task_agent.tools.bash import BashTool, exec_data
from task_agent.tools.edit_file import EditFileTool
from task_agent.tools.read_skill import ReadSkillTool
from task_agent.tools.script import ScriptTool
from task_agent.tools.view import ViewTool
from traces.event import EventKind
from traces.recorder import Recorder

_SELF = "orchestration"


class Ctx:
    """Give a pattern its task, its agents, its tools and its budget, for one attempt.

    Args:
        bundle: The harness.
        task: What is to be done.
        choice: The model the agents ask.
        client: Sends the requests.
        sandbox: Where commands run.
        recorder: Takes the events.
        meter: Counts and bounds what all agents use.
    """

    def __init__(
        self,
        bundle: HarnessBundle,
        task: TaskView,
        choice: ModelChoice,
        *,
        client: ModelClient,
        sandbox: Sandbox,
        recorder: Recorder,
        meter: Meter,
    ) -> None:
        self.task = task
        self.budget = meter
        self._bundle = bundle
        self._choice = choice
        self._client = client
        self._sandbox = sandbox
        self._recorder = recorder
        self._made: Counter[str] = Counter()
        self._tools = _toolset(bundle, task, sandbox, meter)

    def agent(self, role: str = "main", prompt: str | None = None, tools: Sequence[str | Tool] | None = None) -> Agent:
        """Make an agent with a context of its own.

        Args:
            role: `main`, or the name of a prompt file; a second agent of a role is `<role>-2` in the trace.
            prompt: Its system prompt instead of the role's file.
            tools: Names of the harness's tools, or tools; the role's own when left out.

        Raises:
            HarnessError: The role has no prompt, or there is no such tool.
        """
        self._made[role] += 1
        name = role if self._made[role] == 1 else f"{role}-{self._made[role]}"
        setup = agent_setup(self._bundle, role, self._choice, name=name, prompt=prompt)
        wanted = self.tools_of(role) if tools is None else tools
        offered = [self._named(tool) if isinstance(tool, str) else tool for tool in wanted]
        return Agent(setup, offered, client=self._client, recorder=self._recorder, meter=self.budget)

    def tools_of(self, role: str) -> list[str]:
        """Name the tools that a role is offered."""
        return [schema.name for schema in tool_schemas(self._bundle, role)]

    @property
    def spec(self) -> HarnessSpec:
        """The harness's settings."""
        return self._bundle.spec

    async def model(self, message: str, *, system: str = "", role: str = "model") -> str:
        """Ask the model one thing, without tools."""
        return await self.agent(role, prompt=system, tools=()).run(message)

    async def exec(self, command: str, *, timeout_s: float | None = None) -> ExecResult:
        """Run a command in the attempt's shell, unseen by any agent."""
        self.budget.check_time()
        limit_s = timeout_s or self._bundle.spec.limits.command_timeout_s
        self._emit(EventKind.TOOL_CALL, "exec", data={"input": {"command": command}})
        async with self.budget.in_time():
            result = await self._sandbox.exec(command, timeout_s=min(limit_s, self.budget.time_left_s))
        self._emit(EventKind.TOOL_RESULT, "exec", result.output, exec_data(result), result.duration_s * 1000)
        return result

    async def tool(self, name: str, tool_input: Mapping[str, Any]) -> ToolResult:  # Any: JSON
        """Use one of the harness's tools, unseen by any agent.

        Raises:
            HarnessError: There is no such tool.
        """
        tool = self._named(name)
        self.budget.check_time()
        began = self.budget.elapsed_s
        self._emit(EventKind.TOOL_CALL, name, data={"input": tool_input})
        async with self.budget.in_time():
            result = await call_tool(tool, tool_input)
        took_ms = (self.budget.elapsed_s - began) * 1000
        self._emit(EventKind.TOOL_RESULT, name, result.text, {"is_error": result.is_error, **result.data}, took_ms)
        return result

    def note(self, text: str) -> None:
        """Leave a remark in the trace."""
        self._recorder.emit(EventKind.NOTE, agent=_SELF, text=text)

    def _named(self, name: str) -> Tool:
        try:
            return self._tools[name]
        except KeyError:
            raise HarnessError(f"the harness has no tool {name!r}; it has: {', '.join(self._tools)}") from None

    def _emit(
        self,
        kind: EventKind,
        name: str,
        text: str | None = None,
        data: Mapping[str, Any] | None = None,  # Any: free JSON
        duration_ms: float | None = None,
    ) -> None:
        self._recorder.emit(kind, agent=_SELF, name=name, text=text, data=data, duration_ms=duration_ms)


def _toolset(bundle: HarnessBundle, task: TaskView, sandbox: Sandbox, meter: Meter) -> dict[str, Tool]:
    timeout_s = bundle.spec.limits.command_timeout_s
    tools: list[Tool] = [
        BashTool(sandbox, meter, timeout_s=timeout_s),
        EditFileTool(sandbox, task.workdir),
        ViewTool(sandbox, task.workdir, meter),
        *(ScriptTool(spec, sandbox, meter, timeout_s=timeout_s) for spec in bundle.tools),
    ]
    if bundle.skills:
        tools.append(ReadSkillTool(bundle.skills))
    return {tool.schema.name: tool for tool in tools}
