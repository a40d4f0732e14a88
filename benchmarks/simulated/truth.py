"""The true score of a harness, computed by enumeration from the request the agent would send."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.simulated.agent import drawn_slips
from benchmarks.simulated.checker import is_caught
from benchmarks.simulated.detector import Reading, ToolText, read_request
from benchmarks.simulated.profile import RIGHT, TaskProfile, catch_chance, chances, profile, right_steps, work_steps
from benchmarks.simulated.script import restore_command
from benchmarks.simulated.settings import SimulatedSettings
from benchmarks.task import Task
from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.pattern import VerifyThenFinishParams
from task_agent.orchestration.opening import TaskView, render_first_request

CHECK_TURNS = 2
"""Model calls of one check: a look and a report."""

ToolWorks = Callable[[str, Task], bool]
"""Say whether a script tool (by name) gives a result on a task: by having tried it, or by knowing."""


@dataclass(frozen=True, slots=True)
class TrueScore:
    """Hold the chance of success on each task, and their mean."""

    mean: float
    per_task: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class HarnessReading:
    """Hold what decides a harness's truth: what its agents are told, how often work is checked, its turns.

    `rounds` is 0 without a checking pass; `checker` is None then.
    """

    main: Reading
    checker: Reading | None
    rounds: int
    turns: int
    has_bash: bool


def read_harness(bundle: HarnessBundle) -> HarnessReading | None:
    """Read a harness from the very requests its agents would send; None when code orchestrates it."""
    pattern = bundle.spec.orchestration.pattern
    spec = bundle.spec
    if pattern not in {"react", "verify_then_finish"} or spec.context.snapshot.enabled:
        return None
    if spec.orchestration.checks.prompt or spec.orchestration.checks.commands:
        return None
    checker, rounds = None, 0
    if pattern == "verify_then_finish":
        checker = _read(bundle, "verifier")
        rounds = VerifyThenFinishParams.model_validate(bundle.spec.orchestration.params).rounds
    has_bash = "bash" in bundle.spec.tools
    return HarnessReading(_read(bundle, "main"), checker, rounds, bundle.spec.limits.turns, has_bash)


def _read(bundle: HarnessBundle, role: str) -> Reading:
    request = render_first_request(bundle, TaskView(instruction="", workdir="/"), role=role)
    return read_request(request.system, [ToolText(tool.name, tool.description) for tool in request.tools])


def true_score(
    bundle: HarnessBundle,
    tasks: Sequence[Task],
    settings: SimulatedSettings | None = None,
    *,
    tool_works: ToolWorks | None = None,
) -> TrueScore | None:
    """Compute the score that `bundle` would reach with endless attempts on `tasks`.

    Returns None, for unknown, when the harness is orchestrated by code, or when one of its script
    tools claims to help on one of these tasks and `tool_works` is not given.
    """
    read = read_harness(bundle)
    if read is None or not tasks:
        return None
    scale = (settings or SimulatedSettings()).slip_scale
    per_task: dict[str, float] = {}
    for task in tasks:
        known = profile(task, scale)
        helpers = read.main.tools_for(known.slips)
        if helpers and tool_works is None:
            return None
        working = [name for name in helpers if tool_works is not None and tool_works(name, task)]
        per_task[task.id] = success_chance(read, known, working)
    return TrueScore(math.fsum(per_task.values()) / len(per_task), per_task)


def success_chance(read: HarnessReading, known: TaskProfile, working_tools: Collection[str]) -> float:
    """Sum the probability of every set of drawn slips that still ends in the right result."""
    if not read.has_bash or not right_steps(known):
        return 0.0
    likely = chances(read.main, known, frozenset(working_tools))
    total = 0.0
    for drawn in _subsets(known.slips):
        if len(drawn) > read.rounds or _turns(read, known, drawn) > read.turns:
            continue
        weight = math.prod(p if name in drawn else 1.0 - p for name, p in zip(known.slips, likely, strict=True))
        total += weight * math.prod(_caught(read, known, name) for name in drawn)
    return total


def attempt_succeeds(
    read: HarnessReading, known: TaskProfile, user_id: str, working_tools: Collection[str] = ()
) -> bool:
    """Foretell one attempt from its token alone: whether its work will end right."""
    if not read.has_bash or not right_steps(known):
        return False
    drawn = drawn_slips(known, chances(read.main, known, frozenset(working_tools)), user_id)
    if len(drawn) > read.rounds or _turns(read, known, tuple(drawn)) > read.turns:
        return False
    return all(is_caught(user_id, name, _caught(read, known, name)) for name in drawn)


def _subsets(slips: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for size in range(len(slips) + 1):
        yield from itertools.combinations(slips, size)


def _caught(read: HarnessReading, known: TaskProfile, name: str) -> float:
    return catch_chance(read.checker, known, name) if read.checker is not None else 0.0


@functools.lru_cache(maxsize=65_536)
def _turns(read: HarnessReading, known: TaskProfile, drawn: tuple[str, ...]) -> int:
    """Count the model calls of an attempt in which every drawn slip is caught."""
    task, workdir = known.task, known.task.environment.workdir
    works = [len(work_steps(known, done, workdir)) + 1 for done in (*drawn, RIGHT)]
    restores = len(drawn) * (restore_command(task, workdir) is not None) if drawn else 0
    checks = min(len(drawn) + 1, read.rounds)
    return 1 + len(read.main.tools_for(known.slips)) + sum(works) + restores + CHECK_TURNS * checks
