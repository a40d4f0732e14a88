"""A refusal or an outage leads to another model only where a policy says so, and is told each time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from task_agent.agent import Agent, AgentSetup
from task_agent.errors import (
    AgentRefusedError,
    AttemptError,
    OutOfTimeError,
    ProviderUnavailableError,
    SafetyBlockedError,
)
from task_agent.meter import Budget, Meter
from task_agent.models import Fallback, FallbackClient, Message, ModelReply, ModelRequest, PriceTable
from task_agent.models.anthropic_client import AnthropicClient
from task_agent.models.incident import Incident, IncidentKind
from task_agent.models.loopback import Fault, LoopbackServer
from task_agent.models.scripted import ScriptedModel, ScriptedWire, Step, call, reply, say, wire_error, wire_message
from task_agent.tools import ScriptedSandbox
from task_agent.tools.bash import BashTool
from task_agent.tools.scripted_sandbox import printed
from traces.event import Event, EventKind, TokenUsage
from traces.recorder import MemoryRecorder

PRICES = PriceTable.load(Path(__file__).parents[3] / "configs" / "prices.yaml")
TODAY = datetime.now(UTC).date()
FULL = TokenUsage(input=100, output=1)
REFUSED = reply([], stop_reason="refusal", usage=FULL, cost_usd=0.25)
FINE = say("done", usage=TokenUsage(input=10, output=5), cost_usd=0.5)
DOWN = ProviderUnavailableError("status 529")
BLOCKED = SafetyBlockedError("blocked by content filtering policy")
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "first's own"}


class Asked:
    """A client with a policy over a script, one request, and what was told while it was answered."""

    def __init__(self, steps: Sequence[Step], *models: str, on_refusal: bool = True, on_outage: bool = False) -> None:
        self.script = ScriptedModel(steps)
        policy = Fallback(models or ("second", "third"), on_refusal=on_refusal, on_outage=on_outage)
        self.client = FallbackClient(self.script, policy)
        self.heard: list[Incident] = []

    async def ask(self, model: str = "first", *, timeout_s: float = 600.0) -> ModelReply:
        said = [Message("user", [{"type": "text", "text": "hi"}]), Message("assistant", [THOUGHT])]
        request = ModelRequest(
            model=model, system="s", messages=[*said, said[0]], timeout_s=timeout_s, hear=self.heard.append
        )
        return await self.client.create(request)

    @property
    def models(self) -> list[str]:
        return [request.model for request in self.script.requests]

    @property
    def kinds(self) -> list[str]:
        return [incident.kind.value for incident in self.heard]


async def test_an_answer_of_the_model_asked_is_passed_on_as_it_is() -> None:
    asked = Asked([FINE])
    assert await asked.ask() is FINE
    assert (asked.models, asked.kinds) == (["first"], [])


async def test_a_refusal_is_put_to_the_next_models_in_their_order_and_the_answer_names_who_gave_it() -> None:
    asked = Asked([REFUSED, REFUSED, FINE])
    answer = await asked.ask()
    assert (answer.text, answer.model) == ("done", "third")
    assert asked.models == ["first", "second", "third"]
    assert asked.kinds == ["refusal", "fallback", "refusal", "fallback"]
    assert [told.data.get("model") for told in asked.heard] == ["first", "second", "second", "third"]


async def test_what_refusing_models_used_is_in_the_bill_and_unpriced_stays_unpriced() -> None:
    answer = await Asked([REFUSED, FINE]).ask()
    assert (answer.usage.total, answer.cost_usd) == (101 + 15, 0.75)
    unpriced = await Asked([reply([], stop_reason="refusal", cost_usd=None), FINE]).ask()
    assert unpriced.cost_usd is None


async def test_a_refusal_of_all_is_the_last_one_s() -> None:
    asked = Asked([REFUSED, REFUSED], "second")
    answer = await asked.ask()
    assert (answer.stop_reason, answer.model) == ("refusal", "second")
    assert asked.kinds == ["refusal", "fallback"]


async def test_surfacing_asks_nobody_else() -> None:
    asked = Asked([REFUSED], on_refusal=False)
    assert (await asked.ask()).stop_reason == "refusal"
    assert (asked.models, asked.kinds) == (["first"], [])


@pytest.mark.parametrize(
    ("error", "on_refusal", "on_outage", "passed_on"),
    [
        (BLOCKED, True, False, True),
        (BLOCKED, False, True, False),
        (DOWN, True, False, False),
        (DOWN, False, True, True),
        (OutOfTimeError("slow"), True, True, False),
    ],
    ids=["blocked", "blocked, surfaced", "down, waited for", "down", "slow"],
)
async def test_each_failure_follows_its_own_policy(
    error: AttemptError, on_refusal: bool, on_outage: bool, passed_on: bool
) -> None:
    asked = Asked([error, FINE], on_refusal=on_refusal, on_outage=on_outage)
    if passed_on:
        assert (await asked.ask()).model == "second"
        assert asked.kinds[-1] == "fallback"
        return
    with pytest.raises(type(error)):
        await asked.ask()
    assert asked.models == ["first"]


async def test_a_request_for_a_fallback_begins_with_it_and_goes_on_to_the_ones_after() -> None:
    asked = Asked([REFUSED, FINE])
    assert (await asked.ask("second")).model == "third"
    assert asked.models == ["second", "third"]


async def test_another_model_is_not_shown_what_the_first_one_thought() -> None:
    asked = Asked([REFUSED, FINE])
    await asked.ask()
    first, second = asked.script.requests
    assert THOUGHT in first.messages[1].content
    assert not any(THOUGHT in message.content for message in second.messages)


async def test_all_models_share_the_time_of_the_request() -> None:
    asked = Asked([REFUSED, FINE])
    await asked.ask(timeout_s=5)
    first, second = asked.script.requests
    assert 0 < second.timeout_s < first.timeout_s == 5


def played(*steps: Step) -> tuple[Agent, ScriptedModel, MemoryRecorder, Meter]:
    script, recorder, meter = ScriptedModel(steps), MemoryRecorder(), Meter(Budget())
    bash = BashTool(ScriptedSandbox(lambda command, _: printed("ran\n")), meter, timeout_s=60)
    client = FallbackClient(script, Fallback(("second",)))
    agent = Agent(AgentSetup("first", "Work."), [bash], client=client, recorder=recorder, meter=meter)
    return agent, script, recorder, meter


def incidents(events: Sequence[Event]) -> list[str | None]:
    return [event.name for event in events if event.kind is EventKind.INCIDENT]


async def test_a_conversation_stays_with_the_model_that_answered_and_its_trace_names_it() -> None:
    opening = reply([THOUGHT, *call("bash", {"command": "ls"}).content])
    agent, script, recorder, meter = played(opening, REFUSED, call("bash", {"command": "ls"}), FINE)
    assert await agent.run("go") == "done"
    assert [request.model for request in script.requests] == ["first", "first", "second", "second"]
    answered = [event.name for event in recorder.events if event.kind is EventKind.MODEL]
    assert answered == ["first", "second", "second"]
    assert incidents(recorder.events) == ["refusal", "fallback"]
    assert THOUGHT not in [block for message in script.requests[-1].messages for block in message.content]
    assert (meter.turns, meter.cost_usd) == (3, 0.75)


async def test_a_refusal_nobody_answers_ends_the_attempt_and_is_told_once_for_each_model() -> None:
    agent, _, recorder, _ = played(REFUSED, REFUSED)
    with pytest.raises(AgentRefusedError):
        await agent.run("go")
    told = [event for event in recorder.events if event.kind is EventKind.INCIDENT]
    assert [(event.name, event.data.get("model")) for event in told] == [
        ("refusal", "first"),
        ("fallback", "second"),
        ("refusal", "second"),
    ]


async def test_over_a_real_socket_a_refusal_and_a_block_reach_the_fallback_at_its_own_price() -> None:
    detailed = wire_message(model="claude-opus-4-6", stop_reason="refusal")
    details = {"type": "refusal", "category": "cyber", "explanation": "no"}
    refused = type(detailed)(200, {**detailed.body, "content": [], "stop_reason": "refusal", "stop_details": details})
    blocked = wire_error(400, "invalid_request_error", "Output blocked by content filtering policy")
    haiku = wire_message({"type": "text", "text": "done"}, model="claude-haiku-5-5")
    with LoopbackServer(ScriptedWire(refused, blocked, haiku)) as server:
        plain = AnthropicClient(prices=PRICES, api_key="k", base_url=server.base_url)
        client = FallbackClient(plain, Fallback(("claude-sonnet-4-6", "claude-haiku-5-5")))
        heard: list[Incident] = []
        hi = Message("user", [{"type": "text", "text": "hi"}])
        answer = await client.create(
            ModelRequest(model="claude-opus-4-6", system="s", messages=[hi], hear=heard.append)
        )
        await client.close()
        asked = [str(request.body["model"]) for request in server.requests]
    assert asked == ["claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-5-5"]
    kinds = [told.kind for told in heard]
    assert kinds == [IncidentKind.REFUSAL, IncidentKind.FALLBACK, IncidentKind.SAFETY_BLOCK, IncidentKind.FALLBACK]
    assert (heard[0].text, heard[0].data["category"]) == ("no", "cyber")
    assert answer.model == "claude-haiku-5-5"
    opus = PRICES.cost("claude-opus-4-6", TokenUsage(input=10, output=5), on=TODAY)
    haiku_usd = PRICES.cost("claude-haiku-5-5", TokenUsage(input=10, output=5), on=TODAY)
    assert opus is not None
    assert haiku_usd is not None
    assert answer.cost_usd == pytest.approx(opus + haiku_usd)
    assert opus > haiku_usd


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.rate_limited(retry_after_ms=1), "rate_limited"),
        (Fault.overloaded(), "overloaded"),
        (Fault.server_error(), "server_error"),
        (Fault.disconnect(), "no_answer"),
        (Fault.truncated(), "cut_short"),
        (Fault.garbled(), "garbled"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_try_that_failed_is_told_by_its_kind_and_made_again(fault: Fault, kind: str) -> None:
    with LoopbackServer(ScriptedWire(wire_message({"type": "text", "text": "done"})), faults=[fault]) as server:
        client = AnthropicClient(prices=PRICES, api_key="k", base_url=server.base_url, max_retries=1)
        heard: list[Incident] = []
        hi = Message("user", [{"type": "text", "text": "hi"}])
        answer = await client.create(ModelRequest(model="simulated", system="s", messages=[hi], hear=heard.append))
        await client.close()
    assert answer.text == "done"
    assert [(incident.kind.value, incident.data["try"]) for incident in heard] == [(kind, 0)]
