"""One attempt: whatever happens comes back as one result, and its trace says how."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from benchmarks.suite import Suite
from benchmarks.task import Task
from optimizer.attempt import AttemptRunner
from optimizer.attempt_spec import AttemptResult, AttemptSpec, AttemptStatus, Purpose
from optimizer.schedule.base import Job
from task_agent.errors import ProviderRateLimitedError, ProviderUnavailableError, SafetyBlockedError, SandboxLostError
from task_agent.harness import HarnessBundle
from task_agent.models.anthropic_client import AnthropicClient
from task_agent.models.base import ModelClient, ModelReply, ModelRequest
from task_agent.models.incident import Incident, IncidentKind
from task_agent.models.prices import PriceTable
from task_agent.models.scripted import ScriptedModel, ScriptedWire, Step, call, reply, say, wire_error, wire_message
from task_agent.sandbox import open_sandbox
from task_agent.sandbox.base import ExecResult, Sandbox, SandboxKind, SandboxSpec, VerifyRun
from task_agent.sandbox.process import ProcessSandbox
from traces.errors import CredentialsError
from traces.event import Event, EventKind, TokenUsage
from traces.store import TraceStore
from traces.writer import TraceWriter

PRICES = Path(__file__).parents[2] / "configs" / "prices.yaml"
GRADE = b'if [ "$(cat out.txt)" = 42 ]; then echo 1; else echo 0; fi > "$LOGS_DIR/verifier/reward.txt"\necho looked\n'
WORK = call("bash", {"command": "echo 42 > out.txt"})
WRONG = call("bash", {"command": "echo 41 > out.txt"})
DONE = say("done")
GONE = SandboxLostError("the engine is gone")
MakeSandbox = Callable[[SandboxSpec], Sandbox]


class Frail(ProcessSandbox):
    """A sandbox that fails where it is told to: `start`, `work`, `grade`, `close`; `slow` closes late."""

    def __init__(self, spec: SandboxSpec, where: str, log: list[str]) -> None:
        super().__init__(spec)
        self._where = where
        self._log = log

    async def exec(self, command: str, *, timeout_s: float, stdin: bytes = b"") -> ExecResult:
        if self._where == "start" or (self._where == "work" and command != "true"):
            raise GONE
        return await super().exec(command, timeout_s=timeout_s, stdin=stdin)

    async def verify(
        self, tests: Mapping[str, bytes], command: str, *, timeout_s: float, env: Mapping[str, str]
    ) -> VerifyRun:
        if self._where == "grade":
            raise GONE
        return await super().verify(tests, command, timeout_s=timeout_s, env=env)

    async def close(self) -> None:
        if self._where == "slow":
            await asyncio.sleep(0.3)
        await super().close()
        self._log.append("closed")
        if self._where == "close":
            raise GONE


class Slow:
    """A model that takes its time."""

    async def create(self, request: ModelRequest) -> ModelReply:
        await asyncio.sleep(30)
        return DONE

    async def close(self) -> None:
        return None


@dataclass
class Lab:
    """Runs single attempts of one task and reads their traces."""

    root: Path
    made: list[AttemptRunner] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def runner(
        self,
        client: ModelClient | Iterable[Step],
        *,
        kind: SandboxKind = "process",
        fails: str = "",
        tests: bytes = GRADE,
        model: str = "simulated",
        time_s: float = 600.0,
    ) -> AttemptRunner:
        task = Task(
            "sum", "Add up.", SandboxSpec(files={"in.csv": b"1,2\n"}), {"test.sh": tests}, agent_timeout_s=time_s
        )
        runner = AttemptRunner(
            Suite("made", (task,)),
            client if hasattr(client, "create") else ScriptedModel(client),
            model=model,
            effort=None,
            make_sandbox=lambda spec: Frail(spec, fails, self.log) if fails else open_sandbox(kind, spec),
            traces=TraceWriter(self.root, f"w{len(self.made)}"),
            seed=7,
        )
        self.made.append(runner)
        return runner

    async def attempt(self, runner: AttemptRunner, limits: str = "", task: str = "sum") -> AttemptResult:
        text = f"name: made\n{limits}".encode()
        bundle = HarnessBundle({"harness.yaml": text, "prompts/system.md": b"Work.\n"})
        spec = AttemptSpec("r", "c000", bundle.hash, task, "train", 0, Purpose.BASELINE)
        return await runner.run(Job(spec, bundle))

    async def of(self, client: ModelClient | Iterable[Step], limits: str = "", **more: object) -> AttemptResult:
        return await self.attempt(self.runner(client, **more), limits)  # type: ignore[arg-type]

    def events(self) -> list[Event]:
        return TraceStore(self.root).read_attempt("c000/sum/a00")


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path / "traces")
    yield made
    for runner in made.made:
        await runner.close()


# Rewards -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        "process",
        pytest.param(
            "bubblewrap", marks=[pytest.mark.bubblewrap, pytest.mark.skipif(not shutil.which("bwrap"), reason="bwrap")]
        ),
    ],
)
@pytest.mark.parametrize(("work", "reward"), [(WORK, 1.0), (WRONG, 0.0)])
async def test_the_reward_is_the_verifiers(kind: SandboxKind, work: ModelReply, reward: float, lab: Lab) -> None:
    result = await lab.of([work, DONE], kind=kind)
    assert (result.status, result.reward, result.cause) == (AttemptStatus.SCORED, reward, None)
    assert (result.turns, result.retries, result.usage) == (2, 0, TokenUsage(20, 10))


async def test_parts_of_a_reward_are_kept(lab: Lab) -> None:
    tests = b"""echo '{"reward": 0.5, "rows": 1.0}' > "$LOGS_DIR/verifier/reward.json"\n"""
    result = await lab.of([DONE], tests=tests)
    assert (result.reward, result.reward_parts) == (0.5, {"reward": 0.5, "rows": 1.0})


async def test_a_trace_has_start_work_verifier_and_end_in_this_order(lab: Lab) -> None:
    await lab.of([WORK, DONE])
    events = lab.events()
    kinds = [event.kind.value for event in events]
    assert kinds[0] == "attempt_start"
    assert kinds[-2:] == ["verifier", "attempt_end"]
    assert kinds.count("model") == 2
    assert (events[-2].data["reward"], events[-2].text) == (1.0, "looked\n")
    assert events[-1].data == {"reward": 1.0, "cause": None}


async def test_the_opening_command_of_a_sandbox_is_no_step_of_the_agent(lab: Lab) -> None:
    await lab.of([WORK, DONE])
    calls = [event.data["input"] for event in lab.events() if event.kind == "tool_call"]
    assert calls == [{"command": "echo 42 > out.txt"}]


async def test_the_model_gets_the_attempts_opaque_token(lab: Lab) -> None:
    model = ScriptedModel([DONE])
    result = await lab.of(model)
    assert {request.user_id for request in model.requests} == {result.spec.token(7)}
    assert result.spec.id not in str(model.requests)


# The agent's own ends count as 0 -----------------------------------------------------------------

AT_WORK = call("bash", {"command": "true"}, cost_usd=0.30)


@pytest.mark.parametrize(
    ("steps", "limits", "cause"),
    [
        ([AT_WORK, AT_WORK, AT_WORK], "limits: {turns: 2}", "out_of_turns"),
        ([AT_WORK, AT_WORK], "limits: {tokens: 12}", "out_of_tokens"),
        ([AT_WORK, AT_WORK], "limits: {cost_usd: 0.25}", "out_of_money"),
        ([AT_WORK, reply([], stop_reason="refusal")], "", "agent_refused"),
        ([AT_WORK, SafetyBlockedError("blocked")], "", "safety_blocked"),
        ([reply([], stop_reason="model_context_window_exceeded")], "", "out_of_tokens"),
    ],
)
async def test_what_the_agent_brought_about_counts_as_zero(
    steps: list[Step], limits: str, cause: str, lab: Lab
) -> None:
    result = await lab.of(steps, limits)
    assert (result.status, result.reward, result.cause) == (AttemptStatus.SCORED, 0.0, cause)
    assert result.retries == 0
    assert result.usage.total == 15 * result.turns > 0
    errors = [event for event in lab.events() if event.kind == "error"]
    assert [error.name for error in errors] == [cause]
    assert lab.events()[-1].data == {"reward": 0.0, "cause": cause}


async def test_a_model_that_answers_too_late_uses_up_the_agents_time(lab: Lab) -> None:
    started = time.monotonic()
    result = await lab.of(Slow(), time_s=0.2)
    assert (result.reward, result.cause) == (0.0, "out_of_time")
    assert time.monotonic() - started < 10


async def test_a_broken_verifier_is_zero_and_named(lab: Lab) -> None:
    result = await lab.of([DONE], tests=b"echo nothing\n")
    assert (result.reward, result.cause) == (0.0, "verifier_broken")
    assert "neither reward.json nor reward.txt" in result.detail


async def test_a_request_the_provider_calls_wrong_is_the_harnesss_fault(lab: Lab) -> None:
    wire = ScriptedWire(wire_error(400, "invalid_request_error", "tools: too many"))
    result = await lab.of(AnthropicClient(wire=wire, prices=PriceTable.load(PRICES), max_retries=0))
    assert (result.reward, result.cause) == (0.0, "request_refused")


# Infrastructure is missing, never zero -------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ProviderUnavailableError("down"), "provider_unavailable"),
        (ProviderRateLimitedError("slow down"), "provider_rate_limited"),
    ],
)
async def test_a_provider_that_fails_before_the_first_step_is_asked_thrice_then_missing(
    error: Exception, cause: str, lab: Lab
) -> None:
    model = ScriptedModel([error] * 9)  # type: ignore[list-item]
    result = await lab.of(model)
    assert (result.status, result.reward, result.cause) == (AttemptStatus.MISSING, None, cause)
    assert (result.retries, len(model.requests), result.usage, result.cost_usd) == (2, 3, TokenUsage(), 0.0)


async def test_a_provider_that_comes_back_in_time_leaves_no_mark_on_the_score(lab: Lab) -> None:
    wire = ScriptedWire(
        wire_error(529, "overloaded_error", "busy"),
        wire_error(500, "api_error", "oops"),
        wire_message(*WORK.content, stop_reason="tool_use"),
        wire_message(),
    )
    result = await lab.of(AnthropicClient(wire=wire, prices=PriceTable.load(PRICES), max_retries=0))
    assert (result.reward, result.cause, result.retries) == (1.0, None, 2)
    starts = [event for event in lab.events() if event.kind == "attempt_start"]
    assert [start.data["try"] for start in starts] == [2]


async def test_a_provider_that_fails_after_the_first_step_is_missing_and_not_asked_again(lab: Lab) -> None:
    model = ScriptedModel([AT_WORK, ProviderUnavailableError("down"), WORK, DONE])
    result = await lab.of(model)
    assert (result.status, result.reward, result.cause) == (AttemptStatus.MISSING, None, "provider_unavailable")
    assert (result.retries, len(model.requests)) == (0, 2)
    assert (result.usage.total, result.cost_usd) == (15, 0.30)


async def test_a_sandbox_that_never_starts_is_missing_however_often_the_model_was_asked(lab: Lab) -> None:
    result = await lab.of([WORK] * 3, fails="start")
    assert (result.status, result.cause, result.retries) == (AttemptStatus.MISSING, "sandbox_lost", 2)
    assert result.usage.total == 3 * 15


@pytest.mark.parametrize("where", ["work", "grade"])
async def test_a_sandbox_that_dies_at_work_counts_as_zero_since_the_agent_may_have_killed_it(
    where: str, lab: Lab
) -> None:
    result = await lab.of([WORK, DONE], fails=where)
    assert (result.reward, result.cause, result.retries) == (0.0, "sandbox_lost_at_work", 0)


async def test_a_refused_key_is_missing_and_not_tried_again(lab: Lab) -> None:
    result = await lab.of([CredentialsError("refused")])
    assert (result.status, result.cause, result.retries) == (AttemptStatus.MISSING, "credentials", 0)


async def test_what_nobody_foresaw_is_missing_and_shows_its_traceback(lab: Lab) -> None:
    def broken(_: ModelRequest) -> ModelReply:
        raise ZeroDivisionError("a bug of ours")

    result = await lab.of([broken])
    assert (result.status, result.reward, result.cause) == (AttemptStatus.MISSING, None, "unclassified")
    assert result.detail == "ZeroDivisionError: a bug of ours"
    assert "Traceback" in next(event.text or "" for event in lab.events() if event.kind == "error")


async def test_a_task_that_is_not_there_comes_back_as_a_result_too(lab: Lab) -> None:
    result = await lab.attempt(lab.runner([DONE]), task="gone")
    assert (result.status, result.cause) == (AttemptStatus.MISSING, "unclassified")
    assert "no task 'gone'" in result.detail


# Money, slots, tear-down -------------------------------------------------------------------------


async def test_an_unpriced_model_costs_unknown_and_is_counted(lab: Lab) -> None:
    wire = ScriptedWire(wire_message(model="made-up"))
    result = await lab.of(AnthropicClient(wire=wire, prices=PriceTable.load(PRICES)), model="made-up")
    assert (result.cost_usd, result.unpriced_requests) == (None, 1)


async def test_an_unpriced_try_is_not_made_free_by_one_that_asked_nothing(lab: Lab) -> None:
    result = await lab.of([ProviderUnavailableError("down"), replace(DONE, cost_usd=None)])
    assert (result.retries, result.cost_usd, result.unpriced_requests) == (1, None, 1)


async def test_a_slot_is_free_before_tear_down_ends_and_flush_waits_for_it(lab: Lab) -> None:
    runner = lab.runner([DONE], fails="slow")
    await lab.attempt(runner)
    assert lab.log == []
    segments = await runner.flush()
    assert lab.log == ["closed"]
    assert [segment["attempts"] for segment in segments] == [["c000/sum/a00"]]


async def test_a_tear_down_that_fails_costs_neither_the_result_nor_the_run(lab: Lab) -> None:
    runner = lab.runner([WORK, DONE], fails="close")
    assert (await lab.attempt(runner)).reward == 1.0
    assert len(await runner.flush()) == 1


async def test_a_cancelled_attempt_leaves_its_trace_so_far_and_no_sandbox(lab: Lab) -> None:
    class Hanging:
        asked = asyncio.Event()

        async def create(self, request: ModelRequest) -> ModelReply:
            self.asked.set()
            await asyncio.sleep(30)
            return DONE

        async def close(self) -> None:
            return None

    model = Hanging()
    runner = lab.runner(model, fails="nowhere")
    work = asyncio.create_task(lab.attempt(runner))
    await model.asked.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await runner.flush()
    assert lab.log == ["closed"]
    assert [event.kind.value for event in lab.events()] == ["attempt_start", "system", "user"]


# Incidents ---------------------------------------------------------------------------------------


async def test_what_all_tries_of_an_attempt_met_is_in_its_result_and_in_its_trace(lab: Lab) -> None:
    def overloaded(request: ModelRequest) -> ModelReply:
        request.hear(Incident(IncidentKind.OVERLOADED, "status 529"))
        raise ProviderUnavailableError("status 529")

    result = await lab.of([overloaded, overloaded, AT_WORK, reply([], stop_reason="refusal")])
    assert (result.reward, result.cause, result.retries) == (0.0, "agent_refused", 2)
    assert result.incidents == {"overloaded": 2, "refusal": 1}
    await lab.made[0].flush()
    assert "refusal" in [event.name for event in lab.events() if event.kind is EventKind.INCIDENT]
