"""The `view` tool: look at a folder or a file; it can change nothing."""

from __future__ import annotations

import shlex

from task_agent.meter import Meter
from task_agent.models.base import ToolSchema
from task_agent.sandbox.base import Sandbox
from task_agent.tools.base import ToolInput, ToolResult
from task_agent.tools.bash import exec_data

VIEW = ToolSchema(
    name="view",
    description="List a folder, or read the beginning of a file. It changes nothing.",
    input_schema={
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Absolute, or relative to the working directory."},
        },
        "required": ["path"],
        "additionalProperties": False,
    },
)

_SHOWN_BYTES = 20_000
_LOOK_S = 10.0


class ViewTool:
    """Look into the sandbox by a fixed command; `workdir` is where relative paths start."""

    schema = VIEW

    def __init__(self, sandbox: Sandbox, workdir: str, meter: Meter) -> None:
        self._sandbox = sandbox
        self._workdir = workdir
        self._meter = meter

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Show what is there; nothing there is an error result."""
        path = shlex.quote(str(tool_input["path"]))
        shown = f"if [ -d {path} ]; then ls -la -- {path}; else head -c {_SHOWN_BYTES} -- {path}; fi"
        command = f"(cd -- {shlex.quote(self._workdir)} && {shown})"
        result = await self._sandbox.exec(command, timeout_s=min(_LOOK_S, self._meter.time_left_s))
        return ToolResult(result.output, is_error=result.exit_code != 0, data=exec_data(result))
