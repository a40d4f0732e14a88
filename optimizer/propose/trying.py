"""A try before a submit: the working copy attempts named train tasks, out of a metered allowance."""

from __future__ import annotations

import difflib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from optimizer.propose._editing import checked
from optimizer.propose.views import AttemptView
from optimizer.propose.workspace import Workspace
from task_agent.harness.bundle import HarnessBundle
from task_agent.models.base import ToolSchema
from task_agent.tools.base import ToolInput, ToolResult
from traces.errors import NotFoundError, RatchetError, UsageError

TRY_CHANGE = ToolSchema(
    name="try_change",
    description=(
        "Attempt train tasks with the working copy as it stands, once each, before you submit. Every attempt is taken "
        "from your allowance and cannot be given back. Answers with how each ended, beside the attempts made before "
        "with what you started from; `read_trace` shows what happened. A few attempts say whether a change does what "
        "it should, not whether it is better."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "tasks": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Ids of train tasks; one named twice is attempted twice.",
            }
        },
        "required": ["tasks"],
        "additionalProperties": False,
    },
)

Attempt = Callable[[HarnessBundle, Sequence[str]], Awaitable[Sequence[AttemptView]]]
"""Attempts tasks with a harness, once for each name.

Raises:
    UsageError: There is no room for it.
"""


@dataclass(frozen=True, slots=True)
class Trying:
    """Let a session try its change: who makes attempts, and how many it may spend."""

    attempt: Attempt
    allowance: int


class TryTool:
    """Try the working copy on train tasks.

    Args:
        workspace: Where the change is made.
        trying: Makes the attempts, within its allowance.
    """

    schema = TRY_CHANGE

    def __init__(self, workspace: Workspace, trying: Trying) -> None:
        self._workspace = workspace
        self._attempt = trying.attempt
        self._left = trying.allowance

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Answer with how the attempts ended; what was asked wrongly costs nothing."""
        try:
            tasks = self._tasks(tool_input["tasks"])
            tried = await self._attempt(checked(self._workspace), tasks)
        except RatchetError as error:
            hint = f" ({error.hint})" if error.hint else ""
            return ToolResult(f"{error}{hint}", is_error=True)
        self._left -= len(tasks)
        return ToolResult(self._said(tried))

    def _tasks(self, given: Sequence[object]) -> tuple[str, ...]:
        tasks = tuple(str(each) for each in given)
        if not tasks:
            raise UsageError("`tasks` is empty", hint="name train tasks")
        known = sorted(task.id for task in self._workspace.tasks)
        for task in tasks:
            if task not in known:
                raise NotFoundError("train task", task, close_matches=difflib.get_close_matches(task, known, n=3))
        if len(tasks) > self._left:
            raise UsageError(f"{len(tasks)} attempts are asked for, and {self._left} are left of the allowance")
        return tasks

    def _said(self, tried: Sequence[AttemptView]) -> str:
        passed = sum(each.outcome == "passed" for each in tried)
        lines = [f"{passed} of {len(tried)} passed; {self._left} attempts are left"]
        lines += [json.dumps(each.to_record(), ensure_ascii=False) for each in tried]
        before = [a for a in self._workspace.attempts if a.candidate == self._workspace.champion_id]
        for task in dict.fromkeys(each.task for each in tried):
            rewards = [attempt.reward for attempt in before if attempt.task == task and attempt.reward is not None]
            shown = ", ".join(f"{reward:g}" for reward in rewards) or "no attempt with a reward"
            lines.append(f"{task} with {self._workspace.champion_id} before: {shown}")
        return "\n".join(lines)
