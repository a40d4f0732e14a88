"""Whether tasks can be decided here: solved by their own solution, every time, and not passed by doing nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, TypeAlias

import anyio

from benchmarks.phases import place_of, wait_healthy, work_through
from benchmarks.task import Task
from benchmarks.verify import SandboxFactory, run_solution
from task_agent.errors import ArtifactTooLargeError, SandboxLostError, VerifierBrokenError
from task_agent.sandbox.base import Sandbox
from traces.errors import RatchetError

CheckState: TypeAlias = Literal["ok", "flaky", "broken", "trivial", "needs_network", "unsolved", "error"]

UNDECIDABLE: tuple[CheckState, ...] = ("flaky", "broken", "trivial", "needs_network", "error")
"""States of tasks that cannot tell a good harness from a bad one."""

_SHOWN = 300
_NO_NETWORK = re.compile(
    r"could(?: not|n't) resolve (?:host|proxy|['\"])|temporary failure (?:in name resolution|resolving)"
    r"|name or service not known|network is unreachable"
    r"|failed to lookup address|no address associated|failed to establish a new connection|unable to resolve host"
    r"|network was disabled|network connectivity is disabled|connection refused.*proxy|getaddrinfo",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TaskCheck:
    """Report one task's reward for its own solution and for no work at all.

    `oracle` is the mean over `runs` runs. `state` is `ok` (1 every time, and 0 for nothing), `flaky`
    (1 not every time), `broken` (never 1, or grading yields nothing), `trivial` (doing nothing earns
    something), `needs_network` (never 1, for want of the network), `unsolved` (it brings no solution)
    or `error` (it could not be run); `detail` says why.
    """

    task: str
    oracle: float | None
    noop: float | None
    state: CheckState
    detail: str = ""
    runs: int = 1

    def to_record(self) -> dict[str, object]:
        """Give the row as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Hold what one run came to: a reward, or the kind of failure; `said` is all that was said."""

    value: float | None
    said: str
    kind: Literal["", "broken", "error"] = ""

    @property
    def detail(self) -> str:
        return self.said if self.kind else self.said[-2 * _SHOWN :]


async def _run(task: Task, make_sandbox: SandboxFactory, *, solved: bool) -> _Outcome:
    """Run the solution of every part, or do nothing, in a fresh sandbox."""
    try:
        sandbox = make_sandbox(place_of(task))
    except RatchetError as problem:
        return _Outcome(None, str(problem), "error")
    said: list[str] = []

    async def solve(part: Task) -> None:
        if solved:
            result = await run_solution(part, sandbox)
            ended = "ran out of time" if result.timed_out else f"ended with {result.exit_code}"
            said.append(f"solve.sh {ended}: {result.output.strip()[-_SHOWN:]!r}")

    try:
        _refuse_build(task, sandbox)
        await wait_healthy(task.healthcheck, sandbox)
        reward = await work_through(task, sandbox, solve, make_sandbox)
        said.append(f"the verifier said {reward.output.strip()[-_SHOWN:]!r}")
        return _Outcome(reward.value, "; ".join(said))
    except (VerifierBrokenError, ArtifactTooLargeError) as problem:
        return _Outcome(None, problem.message, "broken")
    except (RatchetError, OSError) as problem:
        return _Outcome(None, str(problem), "error")
    finally:
        await sandbox.close()


def _refuse_build(task: Task, sandbox: Sandbox) -> None:
    if task.environment.build_context is not None and sandbox.kind != "docker":
        raise SandboxLostError(f"its environment has to be built, which a {sandbox.kind} sandbox cannot do")


async def check_task(
    task: Task, make_sandbox: SandboxFactory, *, times: int = 1, with_network: bool = False
) -> TaskCheck:
    """Run the task's own solution `times` times, and nothing at all once, each in a fresh sandbox.

    Args:
        task: What to check.
        make_sandbox: Makes one fresh sandbox for a spec.
        times: How often the solution is run.
        with_network: Try a solution that never earns 1 once more with the network, to learn whether it needs that.
    """
    try:
        return await _checked(task, make_sandbox, times, with_network=with_network)
    except Exception as problem:  # the boundary of one task: whatever is wrong with it, the others are checked
        said = problem.message if isinstance(problem, RatchetError) else f"{type(problem).__name__}: {problem}"
        return TaskCheck(task.id, None, None, "error", said, runs=0)


async def _checked(task: Task, make_sandbox: SandboxFactory, times: int, *, with_network: bool) -> TaskCheck:
    if not all("solve.sh" in part.solution for part in task.parts):
        return TaskCheck(task.id, None, None, "unsolved", "has no solution/solve.sh to check with", runs=0)
    if task.judge is not None:
        said = "is graded by a model, which a check does not ask"
        return TaskCheck(task.id, None, None, "unsolved", said, runs=0)
    solved = [await _run(task, make_sandbox, solved=True) for _ in range(times)]
    if not any(one.value == 1.0 for one in solved):
        online = await _run(_online(task), make_sandbox, solved=True) if with_network else None
        return _never_solved(task, solved, online)
    return _sometimes_solved(task, solved, await _run(task, make_sandbox, solved=False))


def _online(task: Task) -> Task:
    return replace(task, environment=replace(task.environment, network=True, verifier_network=None))


def _mean(outcomes: Sequence[_Outcome]) -> float | None:
    values = [one.value for one in outcomes if one.value is not None]
    return sum(values) / len(values) if values else None


def _never_solved(task: Task, solved: Sequence[_Outcome], online: _Outcome | None) -> TaskCheck:
    first = solved[0]
    state: CheckState = "error" if all(one.kind == "error" for one in solved) else "broken"
    helped = online is not None and online.value == 1.0
    if helped or any(_NO_NETWORK.search(one.said) for one in solved):
        state = "needs_network"
    detail = f"with the network it earns 1; without: {first.detail}" if helped else first.detail
    return TaskCheck(task.id, _mean(solved), None, state, detail, len(solved))


def _sometimes_solved(task: Task, solved: Sequence[_Outcome], idle: _Outcome) -> TaskCheck:
    def row(state: CheckState, detail: str) -> TaskCheck:
        return TaskCheck(task.id, _mean(solved), idle.value, state, detail, len(solved))

    failed = [one for one in solved if one.value != 1.0]
    if failed:
        return row("flaky", f"{len(failed)} of {len(solved)} runs of the solution failed: {failed[0].detail}")
    if idle.kind:
        return row(idle.kind, idle.detail)
    if idle.value:
        return row("trivial", idle.detail)
    return row("ok", "")


async def check_tasks(
    tasks: Sequence[Task],
    make_sandbox: SandboxFactory,
    *,
    concurrency: int = 4,
    times: int = 1,
    with_network: bool = False,
    on_row: Callable[[TaskCheck], None] | None = None,
) -> list[TaskCheck]:
    """Check many tasks, at most `concurrency` at a time; rows come back in the order of the tasks.

    Args:
        tasks: What to check.
        make_sandbox: Makes one fresh sandbox for a spec.
        concurrency: How many tasks are in work at once; as many as in a night, or a flaw of load stays hidden.
        times: How often each solution is run.
        with_network: Try what never earns 1 once more with the network.
        on_row: Called with each row as it is done, in no set order.
    """
    rows: list[TaskCheck | None] = [None] * len(tasks)
    limiter = anyio.CapacityLimiter(concurrency)

    async def check(place: int) -> None:
        async with limiter:
            row = await check_task(tasks[place], make_sandbox, times=times, with_network=with_network)
        rows[place] = row
        if on_row is not None:
            on_row(row)

    async with anyio.create_task_group() as group:
        for place in range(len(tasks)):
            group.start_soon(check, place)
    return [row for row in rows if row is not None]
