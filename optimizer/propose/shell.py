"""The proposer's shell: commands in its jail, which may change the working copy of the harness as `edit_file` does."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from optimizer.propose.jail import WORKSPACE
from optimizer.propose.workspace import HARNESS, Workspace
from task_agent.errors import OutOfDiskError, SandboxLostError
from task_agent.harness.bundle import MAX_BUNDLE_BYTES, MAX_FILES
from task_agent.harness.errors import HarnessError
from task_agent.models.base import ToolSchema
from task_agent.sandbox.base import Sandbox
from task_agent.tools.base import ToolInput, ToolResult
from task_agent.tools.bash import exec_data

COMMAND_S = 120.0
_WRITE_S = 30.0

BASH = ToolSchema(
    name="bash",
    description=(
        "Run a command in a shell in your workspace, /workspace, a sandbox without network; README.md there says "
        "what it holds: every train trace as text below traces/text/, earlier candidates, tasks. Each command starts "
        "in /workspace in a shell of its own. What it changes below harness/ counts like edit_file; links there are "
        f"refused. A command is ended after {COMMAND_S:g} s; of a long output the middle is left out."
    ),
    input_schema={
        "type": "object",
        "properties": {"command": {"type": "string", "description": "The command to run."}},
        "required": ["command"],
        "additionalProperties": False,
    },
)


class ShellTool:
    """Run commands in a jail and bring the working copy up to date on both sides.

    Args:
        workspace: Whose working copy it is.
        make: Makes the sandbox, at the first command and again when it was lost.
    """

    schema = BASH

    def __init__(self, workspace: Workspace, make: Callable[[], Sandbox]) -> None:
        self._workspace = workspace
        self._make = make
        self._sandbox: Sandbox | None = None
        self._held = ""
        """The hash of the working copy that the jail holds; empty when it holds something else."""

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Run the command; a failing command is a result like any other."""
        try:
            sandbox = await self._opened()
            command = f"cd {WORKSPACE} && bash -c {shlex.quote(str(tool_input['command']))}"
            result = await sandbox.exec(command, timeout_s=COMMAND_S)
            problem = await self._take_over(sandbox)
        except (SandboxLostError, OutOfDiskError) as error:
            await self.close()
            return ToolResult(f"the sandbox was lost and a new one is made: {error}", is_error=True)
        ended = f"timed out after {COMMAND_S:g} s" if result.timed_out else f"exit code {result.exit_code}"
        footer = f"[{ended}]" + (f"\n[{HARNESS}/ is put back as it was: {problem}]" if problem else "")
        return ToolResult(result.output, footer, is_error=result.timed_out or bool(problem), data=exec_data(result))

    async def close(self) -> None:
        """Remove the jail; a later command makes a new one."""
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            await sandbox.close()

    async def _opened(self) -> Sandbox:
        """Give the jail with the working copy as it stands."""
        now = self._workspace.bundle()
        if self._sandbox is None:
            self._sandbox = self._make()
        elif self._held != now.hash:
            away = f"cd {WORKSPACE} && chmod -R u+rwX {HARNESS}; rm -rf {HARNESS}; mkdir {HARNESS}"
            await self._sandbox.exec(away, timeout_s=_WRITE_S)
            await self._sandbox.put(now.files, f"{WORKSPACE}/{HARNESS}")
        self._held = now.hash
        return self._sandbox

    async def _take_over(self, sandbox: Sandbox) -> str:
        """Make the working copy what the command left of it; says why where that cannot be."""
        self._held = ""
        try:
            files = await sandbox.get_folder(
                f"{WORKSPACE}/{HARNESS}", limit_bytes=MAX_BUNDLE_BYTES, limit_files=MAX_FILES
            )
            self._workspace.put_back(files)
        except (HarnessError, ValueError, FileNotFoundError) as error:
            return str(error)
        self._held = self._workspace.bundle().hash
        return ""
