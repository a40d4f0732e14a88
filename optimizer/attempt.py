"""One attempt: a sandbox, the task agent in it, the verifier after it, and one result whatever happens."""

from __future__ import annotations

import asyncio
import functools
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.artifacts import Kept
from benchmarks.judge import Judging
from benchmarks.phases import place_of, wait_healthy, work_through
from benchmarks.suite import Suite
from benchmarks.task import HealthCheck, Reward, Task
from optimizer.attempt_spec import AttemptResult, AttemptSpec, AttemptStatus
from optimizer.failure import CAUSES, MAX_RETRIES, UNCLASSIFIED, Cause, classify
from optimizer.kept_work import KeptWork
from optimizer.schedule.base import Job
from task_agent.errors import OutOfTimeError, SandboxLostError
from task_agent.harness import HarnessBundle
from task_agent.meter import Budget, Meter
from task_agent.models.base import ModelClient
from task_agent.orchestration import TaskView, budget_for, run_harness
from task_agent.sandbox.base import ExecResult, Sandbox, SandboxKind, SandboxSpec, VerifyRun
from task_agent.sandbox.code_jail import CodeJails
from traces.errors import RatchetError
from traces.event import AttemptKey, EventKind, TokenUsage
from traces.recorder import CountingRecorder, Recorder
from traces.storage import StorageError, storage_error
from traces.writer import TraceWriter

OPENING_S = 120.0
"""How long a sandbox may take to start."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Hold how one try ended: a reward, or the cause there is none; `early` is before the agent's first step."""

    reward: Reward | None
    cause: Cause | None
    detail: str
    meter: Meter
    early: bool = False

    @property
    def value(self) -> float | None:
        """Give the reward that counts; None is missing."""
        if self.reward is not None:
            return self.reward.value
        return 0.0 if self.cause is not None and self.cause.zero else None


class Opened:
    """A sandbox that starts by itself before its first command, so that a failed start is told from a death at work.

    Whatever a command does to the sandbox is the agent's doing; that it never started cannot be.
    """

    def __init__(self, sandbox: Sandbox, health: HealthCheck | None = None) -> None:
        self._sandbox = sandbox
        self._health = health
        self.opened = False

    @property
    def kind(self) -> SandboxKind:
        """Name the kind of isolation."""
        return self._sandbox.kind

    def path(self, inside: str) -> str:
        """Give the name that commands use for the absolute path `inside`."""
        return self._sandbox.path(inside)

    async def exec(self, command: str, *, timeout_s: float, stdin: bytes = b"") -> ExecResult:
        """Run a command, after the start."""
        if not self.opened:
            first = await self._sandbox.exec("true", timeout_s=OPENING_S)
            if first.exit_code != 0:
                raise SandboxLostError(f"the {self.kind} sandbox did not start: {first.output[:300]!r}")
            await wait_healthy(self._health, self._sandbox)
            self.opened = True
        return await self._sandbox.exec(command, timeout_s=timeout_s, stdin=stdin)

    async def put(self, files: Mapping[str, bytes], folder: str) -> None:
        """Write files."""
        await self._sandbox.put(files, folder)

    async def get(self, path: str, *, limit_bytes: int = 10_000_000) -> bytes:
        """Read a file."""
        return await self._sandbox.get(path, limit_bytes=limit_bytes)

    async def get_folder(self, path: str, *, limit_bytes: int, limit_files: int) -> dict[str, bytes]:
        """Read a folder."""
        return await self._sandbox.get_folder(path, limit_bytes=limit_bytes, limit_files=limit_files)

    async def verify(
        self, tests: Mapping[str, bytes], command: str, *, timeout_s: float, env: Mapping[str, str]
    ) -> VerifyRun:
        """Grade."""
        return await self._sandbox.verify(tests, command, timeout_s=timeout_s, env=env)

    async def close(self) -> None:
        """Remove every trace, as far as that works: the attempt has its result, leftovers are reaped later."""
        try:
            await self._sandbox.close()
        except (RatchetError, OSError):
            return


class AttemptRunner:
    """Run attempts in one worker, many at once.

    Args:
        suite: Where tasks are looked up.
        client: Answers for the task role.
        model: The task role's model id.
        effort: How hard it thinks.
        make_sandbox: Prepares a sandbox for a task's environment; it starts at its first command.
        traces: The worker's trace writer.
        seed: The run's seed, from which attempt tokens derive.
        artifacts: Where files that tasks have copied out are kept; nowhere when left out.
        keep_work: Keep work directories there too, to be graded again.
        judge: Grades answers to tasks that a model grades.
        jails: Where orchestration code runs; a harness that brings some cannot be attempted when left out.
    """

    def __init__(
        self,
        suite: Suite,
        client: ModelClient,
        *,
        model: str,
        effort: str | None,
        make_sandbox: Callable[[SandboxSpec], Sandbox],
        traces: TraceWriter,
        seed: int,
        artifacts: Path | None = None,
        keep_work: bool = False,
        judge: Judging | None = None,
        jails: CodeJails | None = None,
    ) -> None:
        self._judge = judge
        self._jails = jails
        self._archive = KeptWork(artifacts) if artifacts is not None else None
        self._keep_work = keep_work
        self._suite = suite
        self._client = client
        self._model = model
        self._effort = effort
        self._make_sandbox = make_sandbox
        self._traces = traces
        self._seed = seed
        self._closing: set[asyncio.Task[None]] = set()

    async def run(self, job: Job) -> AttemptResult:
        """Run one attempt, again where infrastructure failed before the agent's first step."""
        started = time.monotonic()
        tries: list[Ended] = []
        met: Counter[str] = Counter()
        while True:
            try:
                ended = await self._once(job, len(tries), met)
            except StorageError as error:  # the trace cannot be written: nothing can count, the attempt stays owed
                ended = _failed(error, Meter(Budget()), None)
            tries.append(ended)
            again = ended.cause is not None and ended.cause.retry and ended.early
            if not again or len(tries) > MAX_RETRIES:
                return replace(_result(job.spec, tries, time.monotonic() - started), incidents=dict(met))

    async def flush(self) -> list[dict[str, Any]]:
        """Wait for sandboxes to be gone and seal the traces."""
        await asyncio.gather(*self._closing)
        return [segment.to_record() for segment in self._traces.seal()]

    async def close(self) -> None:
        """Release everything; safe to call twice."""
        await asyncio.gather(*self._closing)
        if self._jails is not None:
            await self._jails.close()
        await self._client.close()
        self._traces.close()

    async def _once(self, job: Job, number: int, met: Counter[str]) -> Ended:
        spec = job.spec
        trace = self._traces.attempt(AttemptKey(spec.run, spec.candidate, spec.task, spec.split, spec.id))
        recorder = CountingRecorder(trace, met)
        recorder.emit(EventKind.ATTEMPT_START, name=spec.purpose.value, data={"harness": spec.harness, "try": number})
        meter, sandbox = Meter(Budget()), None
        try:
            task = self._suite.task(spec.task)
            bundle: HarnessBundle = job.bundle
            meter = Meter(budget_for(bundle.spec, time_s=task.agent_timeout_s))
            sandbox = Opened(self._make_sandbox(place_of(task)), task.healthcheck)
            reward = await self._work(task, bundle, sandbox, recorder, meter, spec)
            ended = Ended(reward, None, "", meter)
        except Exception as error:  # the attempt boundary: whatever it is becomes a result
            ended = _failed(error, meter, sandbox)
            shown = "".join(traceback.format_exception(error)) if ended.cause is UNCLASSIFIED else ended.detail
            recorder.emit(EventKind.ERROR, name=ended.cause.name if ended.cause else None, text=shown)
        finally:
            self._tear_down(sandbox)
        data = {"reward": ended.value, "cause": ended.cause.name if ended.cause else None}
        recorder.emit(EventKind.ATTEMPT_END, data=data)
        return ended

    async def _work(
        self, task: Task, bundle: HarnessBundle, sandbox: Sandbox, recorder: Recorder, meter: Meter, spec: AttemptSpec
    ) -> Reward:
        async def work(part: Task) -> None:
            try:
                async with asyncio.timeout(part.agent_timeout_s if task.steps else None):
                    await run_harness(
                        bundle,
                        TaskView(part.instruction, sandbox.path(part.environment.workdir)),
                        client=self._client,
                        model=self._model,
                        effort=self._effort,
                        sandbox=sandbox,
                        recorder=recorder,
                        user_id=spec.token(self._seed),
                        meter=meter,
                        jails=self._jails,
                    )
            except TimeoutError:
                raise OutOfTimeError(f"all {part.agent_timeout_s:g} s of {part.id} are used") from None

        keep = functools.partial(self._keep, spec)
        reward = await work_through(
            task, sandbox, work, self._make_sandbox, self._judge, keep=keep, keep_work=self._keep_work
        )
        if reward.bill is not None:
            meter.charge_beside(reward.bill)
        recorder.emit(EventKind.VERIFIER, text=reward.output, data=_graded(reward))
        if task.steps:
            keep(Kept(reward.artifacts))
        return reward

    def _keep(self, spec: AttemptSpec, kept: Kept) -> None:
        if self._archive is not None:
            self._archive.put(spec.id, kept)

    def _tear_down(self, sandbox: Opened | None) -> None:
        """Free the slot at once; the sandbox goes in the background."""
        if sandbox is not None:
            task = asyncio.get_running_loop().create_task(sandbox.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _graded(reward: Reward) -> dict[str, Any]:  # Any: JSON
    """Say in the trace what a grading came to."""
    data: dict[str, Any] = {"reward": reward.value, "parts": dict(reward.parts)}
    if reward.tests:
        data["tests"] = dict(reward.tests)
    if reward.artifacts:
        data["artifacts"] = {name: len(entry.data) for name, entry in reward.artifacts.items() if entry.is_file}
    if reward.left_out:
        data["artifacts_too_large"] = list(reward.left_out)
    return data


def _failed(error: Exception, meter: Meter, sandbox: Opened | None) -> Ended:
    """Say how a try that raised ended; a sandbox fails early as long as no command reached it."""
    opened = sandbox is not None and sandbox.opened
    early = not opened if isinstance(error, SandboxLostError) else not meter.turns
    cause = classify(error, started=not early)
    if isinstance(error, OSError) and cause is CAUSES[StorageError]:
        error = storage_error(error, Path(tempfile.gettempdir())) or error
    detail = f"{type(error).__name__}: {error}" if cause is UNCLASSIFIED else f"{error}"
    return Ended(None, cause, detail[:1000], meter, early)


def _result(spec: AttemptSpec, tries: Sequence[Ended], duration_s: float) -> AttemptResult:
    """Report the last try, and what all of them used."""
    ended, meters = tries[-1], [each.meter for each in tries]
    asked = [meter.cost_usd for meter in meters if meter.turns]
    paid = [usd for usd in asked if usd is not None]
    return AttemptResult(
        spec=spec,
        status=AttemptStatus.MISSING if ended.value is None else AttemptStatus.SCORED,
        reward=ended.value,
        cause=ended.cause.name if ended.cause else None,
        detail=ended.detail,
        usage=sum((meter.usage for meter in meters), TokenUsage()),
        cost_usd=sum(paid) if paid or not asked else None,
        unpriced_requests=sum(meter.unpriced_requests for meter in meters),
        duration_s=duration_s,
        turns=ended.meter.turns,
        retries=len(tries) - 1,
        reward_parts=ended.reward.parts if ended.reward else None,
    )
