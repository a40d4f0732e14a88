from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from task_agent.agent import Agent, AgentSetup
from task_agent.errors import (
    AgentRefusedError,
    AttemptError,
    OutOfMoneyError,
    OutOfTimeError,
    OutOfTokensError,
    OutOfTurnsError,
    SafetyBlockedError,
    SandboxLostError,
)
from task_agent.meter import Budget, Meter
from task_agent.models.base import ModelReply, ModelRequest, ToolSchema
from task_agent.models.scripted import ScriptedModel, Step, call, reply, say
from task_agent.sandbox.base import ExecResult
from task_agent.tools import ScriptedSandbox, ToolResult
from task_agent.tools.bash import BashTool
from task_agent.tools.scripted_sandbox import printed
from traces.event import EventKind, TokenUsage
from traces.recorder import MemoryRecorder


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """An agent with a bash tool over a script, and all that can be looked at."""

    def __init__(
        self,
        *steps: Step,
        budget: Budget | None = None,
        sandbox: ScriptedSandbox | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.model = ScriptedModel(steps)
        self.sandbox = sandbox or ScriptedSandbox(lambda command, _: printed(f"ran {command.text}\n"))
        self.recorder = MemoryRecorder()
        self.meter = Meter(budget or Budget(), self.clock, grace_s=0)
        tools = [BashTool(self.sandbox, self.meter, timeout_s=60)]
        setup = AgentSetup("simulated", "Be brief.", user_id="token", max_tool_output_chars=100)
        self.agent = Agent(setup, tools, client=self.model, recorder=self.recorder, meter=self.meter)

    @property
    def kinds(self) -> list[str]:
        return [str(event.kind) for event in self.recorder.events]

    def answers(self, request: int) -> list[Mapping[str, Any]]:
        return list(self.model.requests[request].messages[-1].content)


async def test_a_run_asks_acts_and_ends_with_the_models_last_words() -> None:
    bench = Bench(call("bash", {"command": "ls"}, text="Let me look."), say("Done."))
    assert await bench.agent.run("Count the files.") == "Done."
    assert [command.text for command in bench.sandbox.commands] == ["ls"]
    assert [message.role for message in bench.model.requests[1].messages] == ["user", "assistant", "user"]
    assert bench.answers(1)[0]["content"] == "ran ls\n[exit code 0]"
    assert "is_error" not in bench.answers(1)[0]


async def test_everything_is_recorded_in_order_with_usage_on_the_model_events() -> None:
    thought = {"type": "thinking", "thinking": "Files first.", "signature": "s"}
    first = call("bash", {"command": "ls"}).content[0]
    bench = Bench(reply([thought, first], usage=TokenUsage(7, 3), cost_usd=0.5), say("Done.", cost_usd=None))
    await bench.agent.run("Count.")
    assert bench.kinds == ["system", "user", "thinking", "model", "tool_call", "tool_result", "model"]
    thinking, model, called, result, last = bench.recorder.events[2:]
    assert thinking.text == "Files first."
    assert (model.usage, model.cost_usd, model.turn) == (TokenUsage(7, 3), 0.5, 1)
    assert called.data["input"] == {"command": "ls"}
    assert (result.text, result.data["exit_code"]) == ("ran ls\n[exit code 0]", 0)
    assert (last.turn, last.cost_usd) == (2, None)
    assert (bench.meter.cost_usd, bench.meter.unpriced_requests) == (0.5, 1)
    assert bench.model.requests[1].messages[1].content[0] == thought


async def test_a_second_run_goes_on_with_the_same_conversation() -> None:
    bench = Bench(say("Done."), say("Mended."))
    await bench.agent.run("Count.")
    assert await bench.agent.run("Look again.") == "Mended."
    assert [message.role for message in bench.model.requests[1].messages] == ["user", "assistant", "user"]
    assert bench.kinds.count("system") == 1


async def test_all_calls_of_one_turn_are_answered_in_order() -> None:
    calls = [call("bash", {"command": name}).content[0] for name in ("a", "b")]
    bench = Bench(reply(calls), say("Done."))
    await bench.agent.run("Go.")
    assert [answer["tool_use_id"] for answer in bench.answers(1)] == [block["id"] for block in calls]


@pytest.mark.parametrize(
    ("name", "tool_input", "said"),
    [
        ("python", {"command": "ls"}, "there is no tool 'python'; there are: bash"),
        ("bash", {}, "`command` is missing"),
        ("bash", {"command": 3}, "`command` must be of type string"),
        ("bash", {"command": "ls", "cwd": "/"}, "unknown `cwd`"),
    ],
)
async def test_a_wrong_call_is_answered_with_an_error_and_the_agent_goes_on(
    name: str, tool_input: dict[str, object], said: str
) -> None:
    bench = Bench(call(name, tool_input), say("Done."))
    await bench.agent.run("Go.")
    assert said in bench.answers(1)[0]["content"]
    assert bench.answers(1)[0]["is_error"] is True
    assert bench.sandbox.commands == []


async def test_input_that_is_no_object_is_answered_with_an_error() -> None:
    broken = {"type": "tool_use", "id": "toolu_1", "name": "bash", "input": "ls"}
    bench = Bench(reply([broken]), say("Done."))
    await bench.agent.run("Go.")
    assert "JSON object" in bench.answers(1)[0]["content"]


async def test_a_call_cut_off_at_the_token_limit_does_not_run() -> None:
    calls = [call("bash", {"command": name}).content[0] for name in ("whole", "rm -rf /tmp/")]
    bench = Bench(reply(calls, stop_reason="max_tokens"), say("Done."))
    await bench.agent.run("Go.")
    assert [command.text for command in bench.sandbox.commands] == ["whole"]
    assert "cut off" in bench.answers(1)[1]["content"]


async def test_text_cut_off_at_the_token_limit_goes_on() -> None:
    half = [{"type": "text", "text": "First"}, {"type": "thinking", "thinking": "hm", "signature": ""}]
    bench = Bench(reply(half, stop_reason="max_tokens"), say("Done."))
    assert await bench.agent.run("Go.") == "Done."
    assert bench.model.requests[1].messages[1].content == half[:1]
    assert "cut off" in bench.answers(1)[0]["text"]


async def test_a_paused_turn_is_sent_back_as_it_is() -> None:
    paused = reply([{"type": "text", "text": "Searching"}], stop_reason="pause_turn")
    bench = Bench(paused, say("Done."))
    await bench.agent.run("Go.")
    assert [message.role for message in bench.model.requests[1].messages] == ["user", "assistant"]


async def test_an_unknown_stop_reason_ends_the_turn_with_a_note() -> None:
    bench = Bench(reply([{"type": "text", "text": "Hm."}], stop_reason="moon_phase"))
    assert await bench.agent.run("Go.") == "Hm."
    assert bench.recorder.events[-1].kind is EventKind.NOTE


async def test_an_empty_reply_leaves_a_conversation_that_can_go_on() -> None:
    bench = Bench(reply([{"type": "text", "text": ""}], stop_reason="end_turn"), say("Now."))
    await bench.agent.run("Go.")
    await bench.agent.run("Say something.")
    assert [block["text"] for block in bench.model.requests[1].messages[0].content] == ["Go.", "Say something."]


@pytest.mark.parametrize(
    ("stop_reason", "error"),
    [("refusal", AgentRefusedError), ("model_context_window_exceeded", OutOfTokensError)],
)
async def test_a_refusal_and_a_full_context_end_the_attempt(stop_reason: str, error: type[Exception]) -> None:
    bench = Bench(reply([], stop_reason=stop_reason))
    with pytest.raises(error):
        await bench.agent.run("Go.")
    assert bench.meter.turns == 1


@pytest.mark.parametrize(
    ("budget", "error"),
    [
        (Budget(turns=2), OutOfTurnsError),
        (Budget(tokens=30), OutOfTokensError),
        (Budget(cost_usd=0.2), OutOfMoneyError),
    ],
)
async def test_what_is_used_up_ends_the_attempt_and_stays_counted(budget: Budget, error: type[Exception]) -> None:
    steps = [call("bash", {"command": "ls"}, cost_usd=0.1) for _ in range(5)]
    bench = Bench(*steps, budget=budget)
    with pytest.raises(error):
        await bench.agent.run("Go.")
    assert bench.meter.turns == 2
    assert bench.meter.usage == TokenUsage(20, 10)
    assert bench.kinds[-1] == "tool_result"


async def test_an_agent_that_ends_on_its_last_turn_is_done_not_out_of_turns() -> None:
    bench = Bench(say("Done."), budget=Budget(turns=1))
    assert await bench.agent.run("Go.") == "Done."


async def test_time_is_told_by_the_clock_given() -> None:
    clock = Clock()

    def slow(*_: object) -> ExecResult:
        clock.now += 11
        return printed("late")

    steps = [call("bash", {"command": "ls"})]
    bench = Bench(*steps, budget=Budget(time_s=10), sandbox=ScriptedSandbox(slow), clock=clock)
    with pytest.raises(OutOfTimeError, match="10 s"):
        await bench.agent.run("Go.")
    assert bench.sandbox.commands[0].timeout_s == 10
    assert bench.model.requests[0].timeout_s == 10


class _HangingModel:
    async def create(self, request: ModelRequest) -> ModelReply:
        await asyncio.sleep(60)
        raise AssertionError(request)

    async def close(self) -> None: ...


async def test_a_model_that_never_answers_is_cancelled_when_time_is_up() -> None:
    recorder, meter = MemoryRecorder(), Meter(Budget(time_s=0.02), grace_s=0.01)
    agent = Agent(AgentSetup("m", "s"), client=_HangingModel(), recorder=recorder, meter=meter)
    with pytest.raises(OutOfTimeError):
        await agent.run("Go.")


async def test_a_lost_sandbox_is_not_turned_into_tool_output() -> None:
    bench = Bench(call("bash", {"command": "ls"}), sandbox=ScriptedSandbox([SandboxLostError("gone")]))
    with pytest.raises(SandboxLostError):
        await bench.agent.run("Go.")
    assert bench.kinds[-1] == "tool_call"


async def test_long_output_is_cut_for_the_model_and_whole_in_the_trace() -> None:
    sandbox = ScriptedSandbox([printed("x" * 5000, exit_code=1)])
    bench = Bench(call("bash", {"command": "ls"}), say("Done."), sandbox=sandbox)
    await bench.agent.run("Go.")
    shown = bench.answers(1)[0]["content"]
    assert len(shown) < 200
    assert "4,900 characters left out" in shown
    assert shown.endswith("[exit code 1]")
    assert bench.recorder.events[-2].text == "x" * 5000 + "\n[exit code 1]"


async def test_a_timed_out_command_is_told_as_such() -> None:
    sandbox = ScriptedSandbox([ExecResult("half", None, 60.0, 4, timed_out=True)])
    bench = Bench(call("bash", {"command": "sleep 99"}), say("Done."), sandbox=sandbox)
    await bench.agent.run("Go.")
    assert bench.answers(1)[0]["content"] == "half\n[timed out after 60 s; the shell was restarted]"
    assert bench.answers(1)[0]["is_error"] is True


class _Finish:
    schema = ToolSchema("finish", "End.", {"type": "object"})

    async def call(self, tool_input: Mapping[str, Any]) -> ToolResult:
        return ToolResult("ended", ends_run=True)


async def test_a_tool_can_end_the_run_without_another_model_call() -> None:
    model, recorder, meter = ScriptedModel([call("finish", {})]), MemoryRecorder(), Meter(Budget())
    agent = Agent(AgentSetup("m", "s"), [_Finish()], client=model, recorder=recorder, meter=meter)
    await agent.run("Go.")
    assert len(model.requests) == 1
    assert agent.messages[-1].content[0]["content"] == "ended"


def test_a_priceless_attempt_has_no_cost_and_an_unused_one_costs_nothing() -> None:
    meter = Meter(Budget())
    assert meter.cost_usd == 0
    meter.charge(say("a", cost_usd=None))
    assert meter.cost_usd is None
    meter.charge(say("b", cost_usd=0.25))
    assert meter.cost_usd == 0.25


def test_the_meter_tells_what_is_left() -> None:
    meter = Meter(Budget(turns=3, tokens=100, cost_usd=1.0))
    meter.charge(say("a", cost_usd=0.25))
    left = meter.remaining
    assert (left.turns, left.tokens, left.cost_usd, left.time_s) == (2, 85, 0.75, None)


def met(bench: Bench) -> list[str | None]:
    return [event.name for event in bench.recorder.events if event.kind is EventKind.INCIDENT]


async def test_what_a_model_gets_wrong_is_an_incident_of_its_own_kind() -> None:
    cut = reply([{"type": "text", "text": "I"}], stop_reason="max_tokens")
    bench = Bench(call("bash", {"comand": "ls"}), call("shell", {}), cut, say("done"))
    await bench.agent.run("go")
    assert met(bench) == ["malformed_input", "unknown_tool", "cut_off"]


@pytest.mark.parametrize(
    ("step", "error", "kind"),
    [
        (reply([], stop_reason="refusal"), AgentRefusedError, "refusal"),
        (SafetyBlockedError("blocked"), AgentRefusedError, "safety_block"),
        (reply([], stop_reason="model_context_window_exceeded"), OutOfTokensError, "context_full"),
        (OutOfTokensError("prompt is too long"), OutOfTokensError, "context_full"),
    ],
    ids=["refusal", "block", "full while answering", "full before"],
)
async def test_what_ends_a_conversation_is_told_before_it_ends(
    step: Step, error: type[AttemptError], kind: str
) -> None:
    bench = Bench(step)
    with pytest.raises(error):
        await bench.agent.run("go")
    assert met(bench) == [kind]
