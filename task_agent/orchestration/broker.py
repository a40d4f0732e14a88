"""The broker: answers for orchestration code, which holds no key and reaches nothing by itself.

It runs in the worker's process, does what the code asks through the attempt's own `Ctx`, so that everything is
counted and bounded by the attempt's meter and written to its trace, and it trusts nothing that arrives. Messages are
frames of a length and JSON, at most `MOST_BYTES`. What the code's own side of the line never sends is tampering.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import struct
from collections.abc import Coroutine, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from task_agent.agent import Agent
from task_agent.errors import AgentCrashedError, AttemptError, TamperedError
from task_agent.harness.errors import HarnessError
from task_agent.orchestration.ctx import Ctx
from task_agent.orchestration.opening import first_message
from task_agent.sandbox.code_jail import CodeProcess, RefusedCall
from task_agent.tools.base import Tool
from task_agent.tools.report_check import REPORT_CHECK, ReportCheckTool
from task_agent.tools.report_choice import REPORT_CHOICE, ReportChoiceTool
from traces.event import EventKind
from traces.recorder import Recorder
from traces.redact import Redactor, secret_values

MOST_BYTES = 1_000_000
"""Size of one message from the code."""
MOST_AT_ONCE = 16
"""Calls under way at the same time."""
MOST_CALLS = 5_000
MOST_AGENTS = 500
MOST_TOLD = 200_000
"""Characters of notes and prints together."""
MOST_REFUSED = 100
"""Refusals that are recorded; one more ends the attempt."""

_AGENT = "orchestration"
_HEADER = struct.Struct(">I")
_CLEAN_UP_S = 1.0

_Id = Annotated[int, Field(ge=1, le=2**31, strict=True)]
_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Text = Annotated[str, Field(max_length=MOST_BYTES)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RunAgent(_Message):
    """Ask an agent to go on; the first time makes it."""

    call: Literal["run"]
    id: _Id
    agent: _Id
    role: _Name
    prompt: _Text | None
    tools: Annotated[list[_Name], Field(max_length=100)] | None
    message: _Text


class AskModel(_Message):
    """Ask the model one thing."""

    call: Literal["model"]
    id: _Id
    message: _Text
    system: _Text
    role: _Name


class Execute(_Message):
    """Run a command."""

    call: Literal["exec"]
    id: _Id
    command: _Text
    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None


class UseTool(_Message):
    """Use a tool."""

    call: Literal["tool"]
    id: _Id
    name: _Text
    input: dict[str, Any]  # Any: JSON


class Told(_Message):
    """Leave a remark, or something printed, in the trace."""

    call: Literal["note", "print"]
    text: _Text


class Notice(_Message):
    """Say that the code looked for something that is not there."""

    call: Literal["notice"]
    kind: Literal["environment", "file", "write", "import", "ctypes"]
    detail: Annotated[str, Field(max_length=300)]


class Done(_Message):
    """Give the code's last words."""

    call: Literal["done"]
    text: _Text


class Crashed(_Message):
    """Give the traceback of the code's error."""

    call: Literal["crashed"]
    traceback: Annotated[str, Field(max_length=20_000)]


class _AnyCall(BaseModel):
    """Recognise a call, whatever its arguments."""

    model_config = ConfigDict(extra="ignore", strict=True)

    call: Literal["run", "model", "exec", "tool"]
    id: _Id


_CALL = TypeAdapter(_AnyCall)
Asked = RunAgent | AskModel | Execute | UseTool
_MESSAGE: TypeAdapter[Asked | Told | Notice | Done | Crashed] = TypeAdapter(
    Annotated[Asked | Told | Notice | Done | Crashed, Field(discriminator="call")]
)


class Broker:
    """Serve one attempt's code until it is done.

    Args:
        ctx: What the code may reach, on its behalf.
        process: The code's process.
        recorder: Takes what is refused.
    """

    def __init__(self, ctx: Ctx, process: CodeProcess, recorder: Recorder) -> None:
        self._ctx = ctx
        self._process = process
        self._recorder = recorder
        self._agents: dict[int, Agent] = {}
        self._busy: dict[int, asyncio.Lock] = {}
        self._checks: dict[int, ReportCheckTool] = {}
        self._choices: dict[int, ReportChoiceTool] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._count = self._told = self._refusals = 0

    async def serve(self, params: Mapping[str, Any], seed: str | None) -> str:  # Any: JSON
        """Let the code run to its end and give its last words.

        Raises:
            AttemptError: What a call ended the attempt with, as in a built-in pattern.
            AgentCrashedError: The code failed, or ended without an answer.
            TamperedError: It did what nobody does by accident.
        """
        self._process.watch(self._refuse_system_call)
        reader, self._writer = await asyncio.open_connection(sock=self._process.line, limit=MOST_BYTES)
        self._writer.write(_frame(self._hello(params, seed)))
        self._spawn(self._read(reader), self._tasks)
        try:
            return await self._over
        finally:
            await self._drop(self._tasks | self._calls)

    def _hello(self, params: Mapping[str, Any], seed: str | None) -> dict[str, Any]:  # Any: JSON
        task = self._ctx.task
        return {
            "instruction": task.instruction,
            "workdir": task.workdir,
            "openings": {role: first_message(role, task) for role in ("main", "verifier", "planner", "chooser")},
            "params": dict(params),
            "seed": hashlib.sha256(f"orchestration {seed}".encode()).hexdigest(),
            "left": self._left(),
        }

    def _left(self) -> dict[str, Any]:  # Any: JSON
        return asdict(self._ctx.budget.remaining)

    async def _drop(self, tasks: set[asyncio.Task[None]]) -> None:
        """End what is under way; the code's last words are its last."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not self._over.cancel() and not self._over.cancelled():
            self._over.exception()  # a second look, so that nobody takes it for overlooked
        self._writer.close()

    def _spawn(self, work: Coroutine[None, None, None], among: set[asyncio.Task[None]]) -> None:
        """Do something beside; what it raises ends the attempt as itself."""
        task = asyncio.create_task(work)
        among.add(task)

        def settle(done: asyncio.Task[None]) -> None:
            among.discard(done)
            if not done.cancelled() and (error := done.exception()) is not None:
                self._fail(error)

        task.add_done_callback(settle)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while not self._over.done():
                size = _HEADER.unpack(await reader.readexactly(_HEADER.size))[0]
                if size > MOST_BYTES:
                    raise TamperedError(f"a message of {size:,} bytes to the broker, whose code sends {MOST_BYTES:,}")
                self._take(await reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._ended() from None

    async def _ended(self) -> AttemptError:
        """Say how the code's process ended without last words."""
        try:
            async with asyncio.timeout(_CLEAN_UP_S):
                how = str(await asyncio.shield(self._process.ended))
        except TimeoutError:
            how = "it closed its line"
        return AgentCrashedError(f"the orchestration code ended without an answer: {how}")

    def _take(self, frame: bytes) -> None:
        try:
            message = _MESSAGE.validate_json(frame)
        except ValidationError as error:
            self._doubt(frame, error)
            return
        match message:
            case Done():
                self._finish(message.text)
            case Crashed():
                raise AgentCrashedError(_redacted(f"the orchestration code failed:\n{message.traceback}"))
            case Told():
                self._tell(message)
            case Notice():
                self._refuse(message.kind, message.detail)
            case _:
                self._start(message)

    def _doubt(self, frame: bytes, error: ValidationError) -> None:
        """Tell a call with wrong arguments, which code may make by mistake, from what is never sent.

        Raises:
            TamperedError: It is no such call.
        """
        first = error.errors(include_url=False, include_input=False)[0]
        said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:300]
        try:
            call = _CALL.validate_json(frame)
        except ValidationError:
            raise TamperedError(f"a message to the broker that its code never sends: {said}") from None
        self._refuse(call.call, said)
        self._writer.write(_frame(self._refusal(call.id, said)))

    def _tell(self, message: Told) -> None:
        self._told += len(message.text) + 1
        if self._told > MOST_TOLD:
            raise AgentCrashedError(f"the orchestration code noted and printed more than {MOST_TOLD:,} characters")
        if message.call == "note":
            self._ctx.note(message.text)
        else:
            self._recorder.emit(EventKind.NOTE, agent=_AGENT, name="print", text=message.text)

    def _start(self, message: Asked) -> None:
        self._count += 1
        if self._count > MOST_CALLS:
            raise AgentCrashedError(f"the orchestration code made more than {MOST_CALLS:,} calls")
        if len(self._calls) >= MOST_AT_ONCE:
            self._refuse("too_many_calls", f"{MOST_AT_ONCE} calls are under way")
            self._writer.write(_frame(self._refusal(message.id, f"{MOST_AT_ONCE} calls are under way already")))
            return
        self._spawn(self._answer(message), self._calls)

    async def _answer(self, message: Asked) -> None:
        try:
            answer = {"id": message.id, "result": await self._do(message), "left": self._left()}
        except HarnessError as error:
            self._refuse(message.call, error.message)
            answer = self._refusal(message.id, error.message)
        self._writer.write(_frame(answer))
        await self._writer.drain()

    def _refusal(self, number: int, why: str) -> dict[str, Any]:  # Any: JSON
        return {"id": number, "error": why, "left": self._left()}

    async def _do(self, message: Asked) -> Any:  # Any: JSON
        match message:
            case RunAgent():
                return await self._run(message)
            case AskModel():
                return await self._ctx.model(message.message, system=message.system, role=message.role)
            case Execute():
                ran = await self._ctx.exec(message.command, timeout_s=message.timeout_s)
                return {name: getattr(ran, name) for name in ("output", "exit_code", "duration_s", "timed_out")}
            case UseTool():
                used = await self._ctx.tool(message.name, message.input)
                return {"text": used.text, "is_error": used.is_error}

    async def _run(self, message: RunAgent) -> dict[str, Any]:  # Any: JSON
        """Let an agent go on, once it has answered what it was told before."""
        agent = self._agent(message)
        async with self._busy[message.agent]:
            text = await agent.run(message.message)
            return {"text": text, "report": self._reported(message.agent)}

    def _reported(self, number: int) -> dict[str, Any] | None:  # Any: JSON
        check, choice = self._checks.get(number), self._choices.get(number)
        if check is not None and check.report is not None:
            return asdict(check.report)
        return {"draft": choice.choice} if choice is not None and choice.choice is not None else None

    def _agent(self, message: RunAgent) -> Agent:
        if message.agent in self._agents:
            return self._agents[message.agent]
        if len(self._agents) >= MOST_AGENTS:
            raise HarnessError(f"there are {MOST_AGENTS} agents already")
        names = self._ctx.tools_of(message.role) if message.tools is None else message.tools
        offered = [self._offered(message.agent, name) for name in names]
        agent = self._ctx.agent(message.role, message.prompt, offered)
        self._agents[message.agent] = agent
        self._busy[message.agent] = asyncio.Lock()
        return agent

    def _offered(self, number: int, name: str) -> str | Tool:
        """Give the tool by which a verifier or a chooser reports, which belongs to its agent, or any other's name."""
        if name == REPORT_CHECK.name:
            return self._checks.setdefault(number, ReportCheckTool())
        if name == REPORT_CHOICE.name:
            return self._choices.setdefault(number, ReportChoiceTool())
        return name

    def _refuse_system_call(self, call: RefusedCall) -> None:
        self._refuse("system_call", call.name)
        if call.grave:
            self._fail(TamperedError(f"the orchestration code made the system call `{call.name}`"))

    def _refuse(self, kind: str, detail: str) -> None:
        """Record what the code tried and did not get; endless tries end the attempt."""
        self._refusals += 1
        if self._refusals <= MOST_REFUSED:
            data = {"refused": kind, "detail": detail[:300]}
            text = f"orchestration code was refused: {kind}: {detail[:300]}"
            self._recorder.emit(EventKind.ERROR, agent=_AGENT, name="refused", text=text, data=data)
        else:
            self._fail(AgentCrashedError(f"the orchestration code was refused more than {MOST_REFUSED} times"))

    def _finish(self, text: str) -> None:
        if not self._over.done():
            self._over.set_result(text)

    def _fail(self, error: BaseException) -> None:
        if not self._over.done():
            self._over.set_exception(error)


def _frame(message: Mapping[str, Any]) -> bytes:  # Any: JSON
    text = json.dumps(message).encode()
    return _HEADER.pack(len(text)) + text


def _redacted(text: str) -> str:
    return Redactor(secret_values(os.environ)).text(text)
