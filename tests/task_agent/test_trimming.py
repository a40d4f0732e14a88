from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from task_agent.agent import Agent, AgentSetup
from task_agent.harness.spec import Trim
from task_agent.meter import Budget, Meter
from task_agent.models.base import Message
from task_agent.models.scripted import ScriptedModel, call, say
from task_agent.tools import ScriptedSandbox
from task_agent.tools.bash import BashTool
from task_agent.tools.scripted_sandbox import printed
from task_agent.trimming import LEFT_OUT, trimmed
from traces.event import EventKind, TokenUsage
from traces.recorder import MemoryRecorder


def conversation(sizes: list[int]) -> list[Message]:
    found = [Message("user", [{"type": "text", "text": "Go."}])]
    for number, size in enumerate(sizes):
        found.append(Message("assistant", [{"type": "tool_use", "id": str(number), "name": "bash", "input": {}}]))
        found.append(Message("user", [{"type": "tool_result", "tool_use_id": str(number), "content": "x" * size}]))
    return found


def outputs(messages: list[Message]) -> list[str]:
    return [b["content"] for m in messages for b in m.content if b["type"] == "tool_result"]


@given(st.lists(st.integers(0, 2000), max_size=30), st.integers(1, 8))
def test_trimming_keeps_pairs_the_newest_results_and_the_short_ones(sizes: list[int], keep: int) -> None:
    before = conversation(sizes)
    result = trimmed(before, keep)
    assert [(m.role, len(m.content)) for m in result.messages] == [(m.role, len(m.content)) for m in before]
    ids = [b.get("tool_use_id", b.get("id")) for m in result.messages for b in m.content]
    assert ids == [b.get("tool_use_id", b.get("id")) for m in before for b in m.content]
    assert outputs(result.messages)[-keep:] == outputs(before)[-keep:]
    gone = [size for size, shown in zip(sizes, outputs(result.messages), strict=True) if shown == LEFT_OUT]
    assert len(gone) == result.count
    assert all(size > 400 for size in gone)
    assert result.count == 0 or result.count >= keep
    assert trimmed(result.messages, keep).count == 0


async def test_an_agent_trims_in_steps_and_only_when_its_requests_have_grown_large() -> None:
    usage = [TokenUsage(input=100, cache_read=size) for size in (100, 5000, 5000, 5000, 5000, 5000, 5000)]
    steps = [call("bash", {"command": "cat"}, usage=each) for each in usage]
    model, recorder, meter = ScriptedModel([*steps, say("Done.")]), MemoryRecorder(), Meter(Budget())
    sandbox = ScriptedSandbox([printed(f"{number}" * 1000) for number in range(7)])
    setup = AgentSetup("m", "Work.", trim=Trim(above_tokens=1000, keep_results=2))
    agent = Agent(setup, [BashTool(sandbox, meter, timeout_s=5)], client=model, recorder=recorder, meter=meter)
    await agent.run("Go.")
    left = [outputs(list(request.messages)).count(LEFT_OUT) for request in model.requests]
    assert left == [0, 0, 0, 0, 2, 2, 4, 4]
    notes = [event.text for event in recorder.events if event.kind is EventKind.NOTE]
    assert notes == ["2 old tool results left the context"] * 2


async def test_nothing_is_trimmed_unless_a_harness_asks() -> None:
    steps = [call("bash", {"command": "cat"}, usage=TokenUsage(input=10**9)) for _ in range(12)]
    model, meter = ScriptedModel([*steps, say("Done.")]), Meter(Budget())
    tool = BashTool(ScriptedSandbox([printed("x" * 1000)] * 12), meter, timeout_s=5)
    await Agent(AgentSetup("m", "Work."), [tool], client=model, recorder=MemoryRecorder(), meter=meter).run("Go.")
    assert LEFT_OUT not in outputs(list(model.requests[-1].messages))
