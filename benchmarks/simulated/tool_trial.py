"""Find out which script tools of a harness give a result, by calling them as the simulated agent would."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.simulated.agent import tool_input
from benchmarks.simulated.profile import profile
from benchmarks.simulated.truth import ToolWorks, read_harness
from benchmarks.task import Task
from benchmarks.verify import SandboxFactory
from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.script_tool import ScriptToolSpec
from task_agent.meter import Budget, Meter
from task_agent.tools.base import call_tool
from task_agent.tools.script import ScriptTool


async def try_tools(bundle: HarnessBundle, tasks: Sequence[Task], make_sandbox: SandboxFactory) -> ToolWorks:
    """Call every tool that claims to help on a task once, in a fresh sandbox of that task.

    Returns:
        What `true_score` takes as `tool_works`; it knows the given tasks only.
    """
    works: set[tuple[str, str]] = set()
    read = read_harness(bundle)
    if read is not None:
        claimed = [(name, task) for task in tasks for name in read.main.tools_for(profile(task).slips)]
        tools, timeout_s = {tool.name: tool for tool in bundle.tools}, bundle.spec.limits.command_timeout_s
        works = {
            (name, task.id)
            for name, task in claimed
            if name in tools and await tool_works(tools[name], task, make_sandbox, timeout_s)
        }
    return lambda name, task: (name, task.id) in works


async def tool_works(spec: ScriptToolSpec, task: Task, make_sandbox: SandboxFactory, timeout_s: float) -> bool:
    """Call a tool once, in a fresh sandbox of a task, and say whether it gives a result."""
    sandbox = make_sandbox(task.environment)
    try:
        tool = ScriptTool(spec, sandbox, Meter(Budget()), timeout_s=timeout_s)
        return not (await call_tool(tool, tool_input(task, spec.input_schema))).is_error
    finally:
        await sandbox.close()
