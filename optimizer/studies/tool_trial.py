"""Tries a harness's script tools on tasks as the simulated agent would call them: do they give a result?"""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from types import TracebackType

from benchmarks.simulated.tool_trial import tool_works
from benchmarks.task import Task
from task_agent.harness import HarnessBundle
from task_agent.harness.script_tool import ScriptToolSpec
from task_agent.sandbox import open_sandbox
from task_agent.sandbox.base import SandboxKind


class ToolTrials:
    """Try each tool once on each task, in a fresh sandbox; equal tools of other harnesses are not tried again.

    Args:
        kind: The kind of sandbox the run used.
    """

    def __init__(self, kind: SandboxKind) -> None:
        self._kind: SandboxKind = kind
        self._loop = asyncio.Runner()
        self._known: dict[tuple[str, str], bool] = {}

    def __enter__(self) -> ToolTrials:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.close()

    def works(self, bundle: HarnessBundle, name: str, task: Task) -> bool:
        """Say whether the tool `name` of `bundle` gives a result on `task` without an error.

        Raises:
            SandboxLostError: No sandbox works here, so nothing can be said.
        """
        spec = next(tool for tool in bundle.tools if tool.name == name)
        key = (_identity(spec), task.id)
        if key not in self._known:
            timeout_s = bundle.spec.limits.command_timeout_s
            self._known[key] = self._loop.run(tool_works(spec, task, partial(open_sandbox, self._kind), timeout_s))
        return self._known[key]


def _identity(spec: ScriptToolSpec) -> str:
    digest = hashlib.sha256(f"{spec.name}\0{spec.input_schema}\0".encode())
    for path, content in sorted(spec.files.items()):
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
