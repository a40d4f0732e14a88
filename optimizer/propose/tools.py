"""The tools of a session: confined to a workspace, every mistake an answer and never a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from optimizer.propose import _editing, _evidence, _reading
from optimizer.propose._editing import Proposal
from optimizer.propose.journal import Journal
from optimizer.propose.pivot import Pivot
from optimizer.propose.schemas import (
    COMPARE_ATTEMPTS,
    EDIT_FILE,
    LIST_ATTEMPTS,
    LIST_CLUSTERS,
    QUERY_TRACES,
    READ_DIGEST,
    READ_FILE,
    READ_TRACE,
    SUBMIT_CHANGE,
)
from optimizer.propose.shell import ShellTool
from optimizer.propose.trying import TryTool
from optimizer.propose.views import View
from optimizer.propose.workspace import HARNESS, Workspace
from task_agent.models.base import ToolSchema
from task_agent.tools.base import Tool, ToolInput, ToolResult
from traces.errors import RatchetError

Review = Callable[[Proposal], Awaitable[str]]
"""Gives what a proposal's author is asked to amend, or an empty text."""

OBJECTS = "not submitted yet; a reviewer objects"
AMEND = "Amend it and submit again, or submit it as it is: what you submit next stands."


class WorkspaceTool:
    """Answer one tool's calls with text, whatever goes wrong.

    Args:
        schema: What the model is told.
        answer: Does the work; what it raises on purpose becomes an error answer.
        root: The workspace's folder; its place on this machine, and the home folder, are kept out of answers.
    """

    def __init__(self, schema: ToolSchema, answer: Callable[[ToolInput], str], root: Path) -> None:
        self.schema = schema
        self._answer = answer
        self._roots = sorted({str(root), str(root.absolute()), str(root.resolve())}, key=len, reverse=True)

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Answer one call; the work runs in a thread, since files and SQL block."""
        try:
            return ToolResult(self._clean(await asyncio.to_thread(self._answer, tool_input)))
        except RatchetError as error:
            hint = f" ({error.hint})" if error.hint else ""
            return ToolResult(self._clean(f"{error}{hint}"), is_error=True)
        except (OSError, UnicodeError) as error:
            return ToolResult(f"that cannot be read or written: {type(error).__name__}", is_error=True)

    def _clean(self, text: str) -> str:
        for root in self._roots:
            text = text.replace(f"{root}/{HARNESS}/", "").replace(f"{root}/", "").replace(root, "the workspace")
        return text.replace(f"{Path.home()}/", "~/")


class SubmitTool:
    """Take a submission and end the session when it holds; `proposal` is None until then.

    A submission that the reviewer objects to is `pushed_back`, once a session: what is submitted after it stands.

    Args:
        workspace: Where the change was made.
        review: Asks the reviewer; there is none without it.
        pivot: Says what is closed.
    """

    schema = SUBMIT_CHANGE

    def __init__(self, workspace: Workspace, review: Review | None = None, pivot: Pivot | None = None) -> None:
        self.proposal: Proposal | None = None
        self.pushed_back: Proposal | None = None
        self._workspace = workspace
        self._review = review
        self._pivot = pivot
        self._found: Proposal | None = None
        self._inner = WorkspaceTool(SUBMIT_CHANGE, self._check, workspace.root)

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Check the submission; a refusal says what to mend, an objection what to amend, and the session goes on."""
        result = await self._inner.call(tool_input)
        if result.is_error or self._found is None:
            return result
        if self._review is not None and self.pushed_back is None and (objection := await self._review(self._found)):
            self.pushed_back = self._found
            return ToolResult(f"{OBJECTS}: {objection}\n{AMEND}")
        self.proposal = self._found
        return ToolResult(result.output, ends_run=True)

    def _check(self, tool_input: ToolInput) -> str:
        self._found = None
        found = _editing.submission(self._workspace, tool_input)
        if self._pivot is not None:
            self._pivot.check(self._workspace.champion, found.bundle)
        self._found = found
        return f"submitted: {self._found.title}"


class KeptTool:
    """Carry out each call once: what a killed session did is given back, with the working copy it left."""

    def __init__(self, tool: Tool, workspace: Workspace, journal: Journal) -> None:
        self.schema = tool.schema
        self._tool = tool
        self._workspace = workspace
        self._journal = journal

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Give the result that is kept, or call the tool and keep its result."""
        kept = self._journal.result_of(self.schema.name, tool_input)
        if kept is not None:
            if kept.harness is not None:
                self._workspace.put_back(kept.harness)
            return kept.result
        before = self._workspace.bundle()
        result = await self._tool.call(tool_input)
        after = self._workspace.bundle()
        changed = None if after == before else after.files
        self._journal.keep_result(self.schema.name, tool_input, result, changed)
        return result


Answer = Callable[[Workspace, ToolInput], str]


def toolset(
    workspace: Workspace,
    submit: SubmitTool,
    *,
    view: View = "traces",
    shell: ShellTool | None = None,
    tries: TryTool | None = None,
) -> list[Tool]:
    """Make the tools of one session; what its view hides has no tool, or, `blanked`, a tool that shows nothing."""
    answers = [(LIST_ATTEMPTS, _reading.list_attempts), *_evidence_tools(workspace, view)]
    answers += [(READ_FILE, _reading.read_file), (EDIT_FILE, _editing.edit_file)]
    confined = [WorkspaceTool(schema, partial(answer, workspace), workspace.root) for schema, answer in answers]
    return [*confined, *([shell] if shell else []), *([tries] if tries else []), submit]


def _evidence_tools(workspace: Workspace, view: View) -> list[tuple[ToolSchema, Answer]]:
    traces: list[tuple[ToolSchema, Answer, Answer]] = [
        (READ_TRACE, _reading.read_trace, _reading.blank_trace),
        (COMPARE_ATTEMPTS, _evidence.compare_attempts, _evidence.blank_pair),
        (QUERY_TRACES, _reading.query_traces, _reading.blank_query),
    ]
    if view == "scores":
        return []
    if view == "blanked":
        return [(LIST_CLUSTERS, _evidence.blank_clusters), *((schema, blank) for schema, _, blank in traces)]
    found: list[tuple[ToolSchema, Answer]] = [(LIST_CLUSTERS, _evidence.list_clusters)]
    if workspace.digests or view == "digests":
        found.append((READ_DIGEST, _evidence.read_digest))
    return found + ([(schema, answer) for schema, answer, _ in traces] if view == "traces" else [])
