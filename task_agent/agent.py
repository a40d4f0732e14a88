"""The agent loop: run -> step -> query -> act, until the model is done or something is used up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from task_agent.errors import AgentRefusedError, AttemptError, OutOfTokensError, SafetyBlockedError
from task_agent.harness.spec import Trim
from task_agent.meter import Meter
from task_agent.models.base import Block, Message, ModelClient, ModelReply, ModelRequest, ToolSchema
from task_agent.models.fallback import refusal, without_thoughts
from task_agent.models.incident import Incident, IncidentKind
from task_agent.tools.base import Tool, ToolResult, call_tool, input_problem, join, shorten
from task_agent.trimming import trimmed
from traces.event import EventKind
from traces.recorder import Recorder

REQUEST_TIMEOUT_S = 600.0

_DONE = frozenset({"end_turn", "stop_sequence", "tool_use"})


@dataclass(frozen=True, slots=True)
class AgentSetup:
    """Say who an agent is: its name in the trace, what it is told first, and which model it asks."""

    model: str
    system: str
    name: str = "main"
    effort: str | None = None
    max_tokens: int = 4096
    user_id: str | None = None
    max_tool_output_chars: int = 8000
    trim: Trim = field(default_factory=Trim)


class Agent:
    """Hold one conversation with a model and carry out the tools it calls.

    Everything is recorded as it happens. Two agents share nothing but what they are given: the
    meter counts and bounds all of them together.
    """

    def __init__(
        self, setup: AgentSetup, tools: Sequence[Tool] = (), *, client: ModelClient, recorder: Recorder, meter: Meter
    ) -> None:
        self.setup = setup
        self.messages: list[Message] = []
        self.turn = 0
        self.answer = ""
        self._schemas = tuple(tool.schema for tool in tools)
        self._tools = {tool.schema.name: tool for tool in tools}
        self._client = client
        self._recorder = recorder
        self._meter = meter
        self._held_tokens = 0

    async def run(self, message: str) -> str:
        """Say `message`, let the agent work until it has nothing more to do, and give its last words.

        Call it again to go on with the same conversation.

        Raises:
            AttemptError: The attempt cannot go on; what was done so far is in the trace and the meter.
        """
        if not self.messages:
            self._emit(EventKind.SYSTEM, text=self.setup.system, data={"tools": list(self._tools)})
        self._tell(message)
        async with self._meter.in_time():
            while await self.step():
                pass
        return self.answer

    async def step(self) -> bool:
        """Take one turn: ask the model, then do what it asks; False when the run is over."""
        reply = await self.query()
        self.answer = reply.text
        if reply.stop_reason == "refusal":
            self._meet(refusal(self.setup.model, reply))
            raise AgentRefusedError("the model refused to go on")
        if reply.stop_reason == "model_context_window_exceeded":
            self._meet(Incident(IncidentKind.CONTEXT_FULL, "the model's context is full"))
            raise OutOfTokensError("the model's context is full")
        self._say("assistant", _sendable(reply))
        cut_off = reply.stop_reason == "max_tokens"
        if cut_off:
            self._meet(Incident(IncidentKind.CUT_OFF, f"cut off at {self.setup.max_tokens} tokens"))
        if calls := reply.tool_calls:
            return await self.act(calls, cut_off=cut_off)
        if cut_off:
            self._tell(f"Your reply was cut off at {self.setup.max_tokens} tokens. Go on from there.")
        elif reply.stop_reason not in _DONE and reply.stop_reason != "pause_turn":
            self._emit(EventKind.NOTE, text=f"unknown stop reason {reply.stop_reason!r} taken as the end of the turn")
        return cut_off or reply.stop_reason == "pause_turn"

    async def query(self) -> ModelReply:
        """Ask the model for its next message; record and count it."""
        self._meter.check()
        self._trim()
        self.turn += 1
        timeout_s = min(REQUEST_TIMEOUT_S, self._meter.time_left_s)
        request = build_request(self.setup, self._schemas, self.messages, timeout_s=timeout_s)
        try:
            reply = await self._client.create(replace(request, hear=self._meet))
        except (SafetyBlockedError, OutOfTokensError) as error:
            self._meet(_incident(error))
            raise
        self._meter.charge(reply)
        self._held_tokens = reply.usage.total
        if reply.model is not None:
            self._stay_with(reply.model)
        for block in reply.content:
            if block.get("type") == "thinking":
                self._emit(EventKind.THINKING, text=str(block.get("thinking", "")))
        self._recorder.emit(
            EventKind.MODEL,
            agent=self.setup.name,
            turn=self.turn,
            name=self.setup.model,
            text=reply.text,
            data={"stop_reason": reply.stop_reason, "request_id": reply.request_id, "usage": dict(reply.raw_usage)},
            usage=reply.usage,
            cost_usd=reply.cost_usd,
            duration_ms=reply.duration_ms,
        )
        return reply

    def _stay_with(self, model: str) -> None:
        """Go on with the model that answered instead of the one asked, which would refuse the rest as well."""
        self.setup = replace(self.setup, model=model)
        self.messages = without_thoughts(self.messages)

    async def act(self, calls: Sequence[Block], *, cut_off: bool = False) -> bool:
        """Answer every call of one reply, in order; False when one of them ends the run.

        With `cut_off` the reply hit its limit, so the input of its last call may be incomplete.
        """
        answers: list[Block] = []
        goes_on = True
        for number, call in enumerate(calls, start=1):
            incomplete = cut_off and number == len(calls)
            result = await self._call(call, incomplete=incomplete)
            goes_on = goes_on and not result.ends_run
            answers.append(_answer(call, result, self.setup.max_tool_output_chars))
        self._say("user", answers)
        return goes_on

    async def _call(self, call: Block, *, incomplete: bool) -> ToolResult:
        name, tool_input = str(call.get("name")), call.get("input")
        self._emit(EventKind.TOOL_CALL, name=name, data={"id": call.get("id"), "input": tool_input})
        self._meter.check_time()
        began = self._meter.elapsed_s
        tool = self._tools.get(name)
        if incomplete:
            text = f"this call was cut off at {self.setup.max_tokens} tokens and did not run; make it shorter"
            result = ToolResult(text, is_error=True)
        elif tool is None:
            self._meet(Incident(IncidentKind.UNKNOWN_TOOL, f"there is no tool {name!r}"))
            result = ToolResult(f"there is no tool {name!r}; there are: {', '.join(self._tools)}", is_error=True)
        else:
            if problem := input_problem(tool.schema.input_schema, tool_input):
                self._meet(Incident(IncidentKind.MALFORMED_INPUT, f"{name}: {problem}"))
            result = await call_tool(tool, tool_input)
        self._recorder.emit(
            EventKind.TOOL_RESULT,
            agent=self.setup.name,
            turn=self.turn,
            name=name,
            text=result.text,
            data={"id": call.get("id"), "is_error": result.is_error, **result.data},
            duration_ms=(self._meter.elapsed_s - began) * 1000,
        )
        return result

    def _trim(self) -> None:
        """Take old tool results out once the last request was larger than the harness wants."""
        policy = self.setup.trim
        if policy.above_tokens is None or self._held_tokens <= policy.above_tokens:
            return
        result = trimmed(self.messages, policy.keep_results)
        if result.count:
            self.messages = result.messages
            self._emit(EventKind.NOTE, text=f"{result.count} old tool results left the context")

    def _tell(self, text: str) -> None:
        self._emit(EventKind.USER, text=text)
        self._say("user", [text_block(text)])

    def _say(self, role: str, content: Sequence[Block]) -> None:
        """Add to the conversation; roles alternate, so the same role again adds to its last message."""
        if self.messages and self.messages[-1].role == role:
            content = [*self.messages.pop().content, *content]
        if content:
            self.messages.append(Message(role, content))

    def _meet(self, incident: Incident) -> None:
        self._emit(EventKind.INCIDENT, name=incident.kind, text=incident.text, data=dict(incident.data))

    def _emit(self, kind: EventKind, *, name: str | None = None, text: str | None = None, data: Any = None) -> None:
        # Any: free JSON, as the recorder takes it
        self._recorder.emit(kind, agent=self.setup.name, turn=self.turn, name=name, text=text, data=data)


def build_request(
    setup: AgentSetup,
    tools: Sequence[ToolSchema],
    messages: Sequence[Message],
    *,
    timeout_s: float = REQUEST_TIMEOUT_S,
) -> ModelRequest:
    """Put together the request an agent makes when its conversation stands at `messages`."""
    return ModelRequest(
        model=setup.model,
        system=setup.system,
        messages=tuple(messages),
        tools=tuple(tools),
        max_tokens=setup.max_tokens,
        user_id=setup.user_id,
        effort=setup.effort,
        timeout_s=timeout_s,
    )


def _incident(error: AttemptError) -> Incident:
    """Word what the provider refused to answer: what it blocked, or what is longer than the model's context."""
    blocked = isinstance(error, SafetyBlockedError)
    return Incident(IncidentKind.SAFETY_BLOCK if blocked else IncidentKind.CONTEXT_FULL, str(error))


def text_block(text: str) -> Block:
    """Make a content block of plain text."""
    return {"type": "text", "text": text}


def _answer(call: Block, result: ToolResult, limit: int) -> Block:
    shown = join(shorten(result.output, limit), result.footer)
    answer: dict[str, Any] = {"type": "tool_result", "tool_use_id": call.get("id"), "content": shown}  # Any: JSON
    return {**answer, "is_error": True} if result.is_error else answer


def _sendable(reply: ModelReply) -> list[Block]:
    """Leave out what the API refuses to take back: empty text, and thinking that was cut off unsigned."""
    return [
        block
        for block in reply.content
        if not (block.get("type") == "text" and not str(block.get("text", "")).strip())
        and not (block.get("type") == "thinking" and not block.get("signature") and reply.stop_reason == "max_tokens")
    ]
