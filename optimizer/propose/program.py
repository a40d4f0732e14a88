"""A program as the proposer: it works in the same jail on the same files, and ends with a submission in a file."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from optimizer.propose.author import Assignment, End, ProposalOutcome
from optimizer.propose.jail import SUBMISSION, WORKSPACE, Extras, Jail
from optimizer.propose.schemas import SUBMIT_CHANGE
from optimizer.propose.session import system_prompt
from optimizer.propose.tools import SubmitTool
from optimizer.propose.views import View
from optimizer.propose.workspace import HARNESS, Workspace
from task_agent.errors import SandboxLostError
from task_agent.harness.bundle import MAX_BUNDLE_BYTES, MAX_FILES
from task_agent.harness.errors import HarnessError
from task_agent.sandbox.base import ExecResult, Sandbox
from task_agent.tools.base import ToolResult, call_tool
from task_agent.tools.bash import exec_data
from traces.event import EventKind, TokenUsage
from traces.wellformed import well_formed

NAME = "program"
SUBMISSION_BYTES = 100_000
OUTPUT_BYTES = 400_000
LAST_LINES = 3
LAST_CHARS = 300
_LONGEST_S = 86_400.0
_OURS = ("submission", "problem")
_HOW = f"""You have no tools here but programs. Change {WORKSPACE}/{HARNESS}/ and end by writing
{WORKSPACE}/{SUBMISSION}: a JSON object that fits this schema, checked as `submit_change` checks. Without that file
nothing is proposed. README.md says what is where.
"""


@dataclass(frozen=True, slots=True)
class Program:
    """Name a program that takes a model's place: its arguments, its folder (shown at /proposer), what it is told.

    `secrets` are variables of the environment it gets, by name. Their values are taken out of its output, and a
    submission that holds one is refused.
    """

    command: Sequence[str]
    jail: Jail
    folder: Path | None = None
    secrets: Mapping[str, str] | None = None

    async def propose(self, given: Assignment, /) -> ProposalOutcome:
        """Let the program change the working copy, and take what it submits.

        Its output is the session's trace. A program that ended is not run again when the session is taken up; one
        that was killed on the way begins anew, in a fresh jail. A reviewer's objection finds nobody who could
        amend, so what it objected to stands. What the program spends by itself is not known.
        """
        tell, call = given.recorder.emit, {"command": list(self.command)}
        tell(EventKind.USER, agent=NAME, text=given.opening)
        tell(EventKind.TOOL_CALL, agent=NAME, name=NAME, data={"id": NAME, "input": call})
        try:
            result = await self._once(given, call)
        except SandboxLostError as error:
            return self._outcome(given.submit, "outage", str(error))
        facts = {name: value for name, value in result.data.items() if name not in _OURS}
        said = {"id": NAME, "is_error": result.is_error, **facts}
        tell(EventKind.TOOL_RESULT, agent=NAME, name=NAME, text=result.text, data=said)
        if result.data["submission"] is None:
            end: End = "limit" if result.data["timed_out"] else "no_change"
            return self._outcome(given.submit, end, str(result.data["problem"]))
        return await self._submitted(given, str(result.data["submission"]))

    async def _once(self, given: Assignment, call: Mapping[str, object]) -> ToolResult:
        kept = given.journal.result_of(NAME, call)
        if kept is not None:
            given.workspace.put_back(kept.harness or {})
            return kept.result
        result = await self._run(given)
        given.journal.keep_result(NAME, call, result, given.workspace.bundle().files)
        return result

    def open(self, workspace: Workspace, opening: str, view: View) -> Sandbox:
        """Make its sandbox, with what a model would have been told in TASK.md."""
        schema = json.dumps(SUBMIT_CHANGE.input_schema, indent=1)
        task = f"{system_prompt()}\n\n{opening}\n\n{_HOW}\n{schema}\n"
        shown = {} if self.folder is None else {"/proposer": self.folder}
        extras = Extras({"TASK.md": task.encode()}, shown, dict(self.secrets or {}), OUTPUT_BYTES)
        return self.jail.open(workspace, view=view, extras=extras)

    def cleaned(self, text: str) -> str:
        """Take the values of secrets out of a text."""
        for name, value in (self.secrets or {}).items():
            text = text.replace(value, f"<{name}>") if value else text
        return text

    def gives_away(self, contents: Iterable[bytes]) -> str | None:
        """Name a secret whose value stands in what a program leaves; None when none does."""
        held = list(contents)
        found = (self.secrets or {}).items()
        return next((name for name, value in found if value and any(value.encode() in each for each in held)), None)

    async def _run(self, given: Assignment) -> ToolResult:
        """Run the program to its end, or to the end of its time, and read what it left."""
        sandbox = self.open(given.workspace, given.opening, given.view)
        try:
            command = f"cd {WORKSPACE} && {shlex.join(self.command)}"
            done = await sandbox.exec(command, timeout_s=given.limits.time_s or _LONGEST_S)
            submission, problem = await self._left(given.workspace, sandbox, done)
        finally:
            await sandbox.close()
        data = {**exec_data(done), "submission": submission, "problem": self.cleaned(problem)}
        ended = "timed out" if done.timed_out else f"exit code {done.exit_code}"
        return ToolResult(self.cleaned(done.output), f"[{ended}]", is_error=submission is None, data=data)

    async def _left(self, workspace: Workspace, sandbox: Sandbox, done: ExecResult) -> tuple[str | None, str]:
        """Take the harness over and give the submission's text, or None and why there is none."""
        if done.timed_out:
            return None, "the program's time was up"
        place, how = f"{WORKSPACE}/{HARNESS}", f"it ended with status {done.exit_code} and"
        printed = _last_lines(self.cleaned(done.output))
        try:
            text = await sandbox.get(f"{WORKSPACE}/{SUBMISSION}", limit_bytes=SUBMISSION_BYTES)
        except FileNotFoundError:
            return None, f"{how} wrote no {SUBMISSION}{printed}"
        except ValueError as error:
            return None, f"what the program left cannot be taken: {error}"
        try:
            files = await sandbox.get_folder(place, limit_bytes=MAX_BUNDLE_BYTES, limit_files=MAX_FILES)
            if name := self.gives_away([text, *files.values(), *(path.encode() for path in files)]):
                return None, f"the submission holds the value of {name}"
            workspace.put_back(files)
        except FileNotFoundError:
            return None, f"{how} left no {HARNESS}/{printed}"
        except (HarnessError, ValueError) as error:
            return None, f"what the program left cannot be taken: {error}"
        return text.decode(errors="replace"), ""

    async def _submitted(self, given: Assignment, text: str) -> ProposalOutcome:
        """Check a submission exactly as the tool does."""
        submit, tell = given.submit, given.recorder.emit
        try:
            said = _read(text)
        except ValueError as error:
            return self._outcome(submit, "no_change", f"the submission was refused: {SUBMISSION} {error}")
        name = submit.schema.name
        tell(EventKind.TOOL_CALL, agent=NAME, name=name, data={"id": SUBMISSION, "input": said})
        result = await call_tool(submit, said)
        facts = {"id": SUBMISSION, "is_error": result.is_error}
        tell(EventKind.TOOL_RESULT, agent=NAME, name=name, text=result.text, data=facts)
        submit.proposal = submit.proposal or submit.pushed_back
        return self._outcome(submit, "no_change", f"the submission was refused: {result.text}")

    def _outcome(self, submit: SubmitTool, end: End, reason: str) -> ProposalOutcome:
        unknown = self.jail.network
        return ProposalOutcome(
            proposal=submit.proposal,
            end="submitted" if submit.proposal else end,
            reason="" if submit.proposal else reason.strip()[:500],
            usage=TokenUsage(),
            cost_usd=None if unknown else 0.0,
            unpriced_requests=int(unknown),
            turns=0,
        )


def _last_lines(output: str) -> str:
    """Quote how a program's output ended, which mostly says why it did."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()][-LAST_LINES:]
    told = "\n".join(lines)[-LAST_CHARS:]
    return f"; its output ends:\n{told}" if told else " and no output"


def _read(text: str) -> object:
    """Read a submission.

    Raises:
        ValueError: It is none that could be written down; says why.
    """
    try:
        said: object = json.loads(text)
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if well_formed(said) != said:
        raise ValueError("holds half a surrogate pair, which is no text, or is nested too deeply")
    return said
