"""The course of a task: its place is made ready, an agent works, the work is graded, maybe several times."""

from __future__ import annotations

import posixpath
import shlex
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import anyio

from benchmarks.artifacts import Collected, Kept, collect, hand_over, snapshot
from benchmarks.judge import Judging
from benchmarks.task import HealthCheck, Reward, Step, Task
from benchmarks.verify import SandboxFactory, grade
from task_agent.errors import SandboxLostError, VerifierBrokenError
from task_agent.sandbox.base import Sandbox, SandboxKind, SandboxSpec
from task_agent.sandbox.refusals import refusal

Agent: TypeAlias = Callable[[Task], Awaitable[None]]
"""Works on one part of a task: the task itself, or one of its steps."""

Keep: TypeAlias = Callable[[Kept], None]
"""Takes what an attempt left, before it is graded."""

_SETUP_S = 300.0
_ANSWER_BYTES = 200_000


def place_of(task: Task) -> SandboxSpec:
    """Give the place to work on a task in; it is graded apart where its work directory is all that can count."""
    elsewhere = task.needs_image or task.steps or task.verifier_place is not None
    return task.environment if elsewhere else replace(task.environment, apart=True)


def refused_by(kind: SandboxKind, task: Task) -> str:
    """Say what a task asks for that a kind of sandbox cannot give; empty where it holds the task."""
    places = (place_of(task), *task.places[1:])
    return next((why for place in places if (why := refusal(kind, place))), "")


def work_is_all(task: Task) -> bool:
    """Say whether all that can count for the grade is the work directory."""
    return place_of(task).apart and task.judge is None


async def wait_healthy(
    check: HealthCheck | None,
    sandbox: Sandbox,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
) -> None:
    """Run the command until it succeeds.

    Raises:
        SandboxLostError: It failed too often, or the sandbox died.
    """
    start, failures = clock(), 0
    while check is not None:
        done = await sandbox.exec(check.command, timeout_s=check.timeout_s)
        if done.exit_code == 0:
            return
        starting = clock() - start < check.start_period_s
        failures += not starting
        if failures >= check.retries:
            said = done.output.strip()[-300:]
            raise SandboxLostError(f"the place is not healthy: `{check.command}` gave {done.exit_code}: {said!r}")
        await sleep(check.start_interval_s if starting else check.interval_s)


async def located(task: Task, sandbox: Sandbox) -> Task:
    """Give the task at the work directory of its image, where only the image can tell which that is.

    Raises:
        SandboxLostError: The sandbox died, or does not tell.
    """
    if not task.environment.image_workdir:
        return task
    workdir = await where(sandbox)
    return _at(replace(task, steps=tuple(replace(step, task=_at(step.task, workdir)) for step in task.steps)), workdir)


async def where(sandbox: Sandbox) -> str:
    """Ask a fresh sandbox for its work directory.

    Raises:
        SandboxLostError: The sandbox died, or does not tell.
    """
    told = await sandbox.exec("pwd -P", timeout_s=_SETUP_S)
    workdir = told.output.removesuffix("\n")
    if told.exit_code != 0 or not workdir.startswith("/"):
        raise SandboxLostError(f"the sandbox does not tell its work directory: {told.output.strip()[-300:]!r}")
    return workdir


def _at(task: Task, workdir: str) -> Task:
    found = (replace(one, source=posixpath.join(workdir, one.source)) for one in task.artifacts)
    place = replace(task.environment, workdir=workdir, image_workdir=False)
    return replace(task, environment=place, artifacts=tuple(found))


async def work_through(
    task: Task,
    sandbox: Sandbox,
    agent: Agent,
    make_sandbox: SandboxFactory,
    judge: Judging | None = None,
    *,
    keep: Keep | None = None,
    keep_work: bool = False,
) -> Reward:
    """Let an agent do a task's parts, one after the other, and grade each.

    A step that earns less than its least reward is the last one; those after it count as 0.

    Args:
        task: What is to be done.
        sandbox: Where the agent works; not closed here.
        agent: Works on one part.
        make_sandbox: Makes the verifier's own place, for a task that has one.
        judge: Grades answers to a task that has a judge.
        keep: Gets what a task without steps left, also where the grading then fails.
        keep_work: Let that be the work directory too, where it is all that can count.

    Raises:
        VerifierBrokenError: A grading gave no valid reward.
        SandboxLostError: A sandbox died, or the set-up of a step failed.
    """
    task = await located(task, sandbox)
    if not task.steps:
        await agent(task)
        if task.judge:
            return await _judged(task, sandbox, judge)
        return await _graded(task, sandbox, make_sandbox, keep, keep_work=keep_work)
    rewards: list[Reward] = []
    for step in task.steps:
        await _enter(step, sandbox)
        await agent(step.task)
        rewards.append(await _graded(step.task, sandbox, make_sandbox))
        if not _suffices(rewards[-1], step.min_reward):
            break
    return _combined(task, rewards)


async def _enter(step: Step, sandbox: Sandbox) -> None:
    workdir = sandbox.path(step.task.environment.workdir)
    if step.files:
        await sandbox.put(step.files, step.task.environment.workdir)
    if "setup.sh" in step.files:
        done = await sandbox.exec(f"(cd {shlex.quote(workdir)} && bash setup.sh)", timeout_s=_SETUP_S)
        if done.exit_code != 0:
            raise SandboxLostError(f"setup.sh of {step.task.id!r} failed: {done.output.strip()[-300:]!r}")
    await wait_healthy(step.task.healthcheck, sandbox)


async def _graded(
    task: Task, sandbox: Sandbox, make_sandbox: SandboxFactory, keep: Keep | None = None, *, keep_work: bool = False
) -> Reward:
    for hook in task.hooks:
        await sandbox.exec(hook.command, timeout_s=hook.timeout_s)
    found = await collect(task.artifacts, sandbox)
    files = found.files
    if keep is not None:
        wanted = keep_work and work_is_all(task)
        keep(Kept(files, await snapshot(sandbox, task.environment.workdir) if wanted else None))
    if task.verifier_place is None:
        left_out = tuple(one.source for one in found.too_large)
        return replace(await grade(task, sandbox), artifacts=files, left_out=left_out)
    found.check()
    return replace(await graded_elsewhere(task, task.verifier_place, found, make_sandbox), artifacts=files)


async def graded_elsewhere(task: Task, place: SandboxSpec, found: Collected, make_sandbox: SandboxFactory) -> Reward:
    """Grade artifacts in a fresh place of the verifier's own.

    Raises:
        VerifierBrokenError: No valid reward came of it.
        SandboxLostError: The place died.
    """
    own = make_sandbox(place)
    try:
        await hand_over(found, own, await where(own) if place.image_workdir else place.workdir)
        return await grade(task, own)
    finally:
        await own.close()


async def _judged(task: Task, sandbox: Sandbox, judge: Judging | None) -> Reward:
    if judge is None or task.judge is None:
        raise VerifierBrokenError(f"task {task.id!r} is graded by a model, and none was given")
    try:
        answer = await sandbox.get(sandbox.path(task.judge.answer_path), limit_bytes=_ANSWER_BYTES)
    except (FileNotFoundError, ValueError):
        return Reward(0.0, "there is no answer, or it is too long")
    return await judge(task, answer.decode("utf-8", "replace"))


def _suffices(reward: Reward, least: Mapping[str, float]) -> bool:
    named = {**reward.parts, "reward": reward.value}
    return all(named.get(name, 0.0) >= value for name, value in least.items())


def _combined(task: Task, rewards: Sequence[Reward]) -> Reward:
    """Make one reward of those of the steps that were begun."""
    names = [part.id.rpartition("/")[2] for part in task.parts]
    values = [reward.value for reward in rewards] + [0.0] * (len(names) - len(rewards))
    pairs = list(zip(names, rewards, strict=False))
    return Reward(
        value=values[-1] if task.step_reward == "final" else sum(values) / len(values),
        output="\n".join(f"[{name}] {reward.output}" for name, reward in pairs),
        parts={
            **dict(zip(names, values, strict=True)),
            **{f"{name}/{key}": value for name, reward in pairs for key, value in reward.parts.items()},
        },
        tests={f"{name}/{key}": status for name, reward in pairs for key, status in reward.tests.items()},
        artifacts={f"{name}/{key}": entry for name, reward in pairs for key, entry in reward.artifacts.items()},
        left_out=tuple(source for reward in rewards for source in reward.left_out),
    )
