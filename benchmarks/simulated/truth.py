"""The true score of a harness, computed by enumeration from the request the agent would send."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.simulated.advisor import LOOKS
from benchmarks.simulated.agent import drawn_slips
from benchmarks.simulated.checker import is_caught
from benchmarks.simulated.course import Ending, Eyes, HarnessReading, endings, subsets, success
from benchmarks.simulated.detector import Reading, ToolText, read_request
from benchmarks.simulated.foresight import foresee_chance, is_foreseen, is_reopened, reopen_chance
from benchmarks.simulated.profile import TaskProfile, catch_chance, chances, profile, right_steps
from benchmarks.simulated.settings import SimulatedSettings
from benchmarks.simulated.told import seed_of
from benchmarks.task import Task
from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.pattern import BestOfNParams, DelegateParams, VerifyThenFinishParams
from task_agent.harness.spec import LOOK_AROUND
from task_agent.models.base import ModelRequest
from task_agent.orchestration.opening import TaskView, render_first_request

ToolWorks = Callable[[str, Task], bool]
"""Say whether a script tool (by name) gives a result on a task: by having tried it, or by knowing."""


@dataclass(frozen=True, slots=True)
class TrueScore:
    """Hold the chance of success on each task, and their mean."""

    mean: float
    per_task: Mapping[str, float]


def read_harness(bundle: HarnessBundle) -> HarnessReading | None:
    """Read a harness from the very requests its agents would send.

    None, for unknown, when code orchestrates it, when its forced checks run commands of its own, or when
    its snapshot does: what those print depends on the sandbox.
    """
    spec = bundle.spec
    snapshot, checks = spec.context.snapshot, spec.orchestration.checks
    add = _PATTERNS.get(spec.orchestration.pattern)
    if add is None or checks.commands or (snapshot.enabled and snapshot.commands != LOOK_AROUND):
        return None
    read = HarnessReading(
        main=_read(_request(bundle, "main")),
        checker=None,
        rounds=0,
        turns=spec.limits.turns,
        has_bash="bash" in spec.tools,
        shows=snapshot.enabled,
        question=read_request(checks.prompt, ()) if checks.prompt.strip() else None,
    )
    return add(read, bundle)


def _verified(read: HarnessReading, bundle: HarnessBundle) -> HarnessReading:
    params = VerifyThenFinishParams.model_validate(bundle.spec.orchestration.params)
    return replace(read, checker=_read(_request(bundle, "verifier")), rounds=params.rounds)


def _planned(read: HarnessReading, bundle: HarnessBundle) -> HarnessReading:
    request = _request(bundle, "planner")
    return replace(read, advisor=_read(request), advisor_looks=_looks(request))


def _delegated(read: HarnessReading, bundle: HarnessBundle) -> HarnessReading:
    first = next(iter(DelegateParams.model_validate(bundle.spec.orchestration.params).agents))
    request = _request(bundle, first)
    return replace(read, advisor=_read(request), advisor_looks=_looks(request), delegates=True)


def _drafted(read: HarnessReading, bundle: HarnessBundle) -> HarnessReading:
    params = BestOfNParams.model_validate(bundle.spec.orchestration.params)
    return replace(read, chooser=_read(_request(bundle, "chooser")), drafts=params.n)


_PATTERNS: Mapping[str, Callable[[HarnessReading, HarnessBundle], HarnessReading]] = {
    "react": lambda read, bundle: read,
    "verify_then_finish": _verified,
    "plan_then_act": _planned,
    "delegate": _delegated,
    "best_of_n": _drafted,
}


def _request(bundle: HarnessBundle, role: str) -> ModelRequest:
    return render_first_request(bundle, TaskView(instruction="", workdir="/"), role=role)


def _read(request: ModelRequest) -> Reading:
    return read_request(request.system, [ToolText(tool.name, tool.description) for tool in request.tools])


def _looks(request: ModelRequest) -> bool:
    return any(tool.name in LOOKS for tool in request.tools)


def true_score(
    bundle: HarnessBundle,
    tasks: Sequence[Task],
    settings: SimulatedSettings | None = None,
    *,
    tool_works: ToolWorks | None = None,
) -> TrueScore | None:
    """Compute the score that `bundle` would reach with endless attempts on `tasks`.

    Returns None, for unknown, when `read_harness` does, or when one of its script tools claims to
    help on one of these tasks and `tool_works` is not given.
    """
    read = read_harness(bundle)
    if read is None or not tasks:
        return None
    scale = (settings or SimulatedSettings()).slip_scale
    per_task: dict[str, float] = {}
    for task in tasks:
        known = profile(task, scale)
        if tool_works is None and read.main.tools_for(known.slips):
            return None
        per_task[task.id] = success_chance(read, known, working_tools(read, known, tool_works))
    return TrueScore(math.fsum(per_task.values()) / len(per_task), per_task)


def working_tools(read: HarnessReading, known: TaskProfile, tool_works: ToolWorks | None) -> list[str]:
    """List the script tools that claim to help on a task and give a result there."""
    return [
        name for name in read.main.tools_for(known.slips) if tool_works is not None and tool_works(name, known.task)
    ]


def success_chance(read: HarnessReading, known: TaskProfile, working_tools: Collection[str]) -> float:
    """Sum the probability of every course that still ends in the right result."""
    if not read.has_bash or not right_steps(known):
        return 0.0
    eyes = Eyes(
        question=functools.partial(_reopened, read, known),
        verifier=functools.partial(_caught, read.checker, known),
        chooser=lambda _draft, name: _caught(read.chooser, known, name),
    )
    drawn = dict(subsets(known.slips, _likely(read, known, frozenset(working_tools))))
    ends = endings(read, known, drawn, eyes)
    return success(read, lambda _draft: ends, eyes)


def attempt_succeeds(
    read: HarnessReading, known: TaskProfile, user_id: str, working_tools: Collection[str] = ()
) -> bool:
    """Foretell one attempt from its token alone: whether its work will end right."""
    if not read.has_bash or not right_steps(known):
        return False

    def seen(draft: int) -> Eyes:
        seed = seed_of(user_id, draft)
        return Eyes(
            question=lambda name: float(is_reopened(seed, name, _reopened(read, known, name))),
            verifier=lambda name: float(is_caught(seed, name, _caught(read.checker, known, name))),
            chooser=lambda number, name: float(
                is_caught(seed_of(user_id, number), name, _caught(read.chooser, known, name))
            ),
        )

    def of_draft(draft: int) -> Mapping[Ending, float]:
        seed = seed_of(user_id, draft)
        warned = frozenset(name for name in known.slips if is_foreseen(seed, name, _foreseen(read, known, name)))
        likely = chances(read.main, known, frozenset(working_tools), shown=read.shown(known), warned=warned)
        return endings(read, known, {tuple(drawn_slips(known, likely, seed)): 1.0}, seen(draft))

    return success(read, of_draft, seen(1)) > 0.5


def _likely(read: HarnessReading, known: TaskProfile, working: frozenset[str]) -> list[float]:
    """Compute each slip's probability, over all that a planner or helper may have warned of."""
    shown = read.shown(known)
    alone = chances(read.main, known, working, shown=shown)
    if read.advisor is None:
        return list(alone)
    warned = chances(read.main, known, working, shown=shown, warned=frozenset(known.slips))
    odds = [_foreseen(read, known, name) for name in known.slips]
    return [p * told + (1.0 - p) * untold for p, told, untold in zip(odds, warned, alone, strict=True)]


def _foreseen(read: HarnessReading, known: TaskProfile, name: str) -> float:
    if read.advisor is None:
        return 0.0
    return foresee_chance(read.advisor, known, name, looks=read.advisor_looks)


def _reopened(read: HarnessReading, known: TaskProfile, name: str) -> float:
    return reopen_chance(read.question, known, name) if read.question is not None else 0.0


def _caught(reader: Reading | None, known: TaskProfile, name: str) -> float:
    return catch_chance(reader, known, name) if reader is not None else 0.0
