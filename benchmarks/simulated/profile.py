"""A task as the simulated model knows it, and how likely each slip is on it under a harness."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from benchmarks.simulated.catalogue import GENERIC_SLIPS, SLIPS
from benchmarks.simulated.detector import Finding, Reading
from benchmarks.simulated.draws import uniform
from benchmarks.simulated.script import Step, generic_slip_steps, parse_script, reference
from benchmarks.simulated.slip import Slip
from benchmarks.simulated.structures import structure
from benchmarks.task import Task

RIGHT = "right"
"""What is done when no slip bites."""
LARGEST = 0.97
HARM = 0.35
"""Chance that a slip which the harness asks for is made for that reason alone."""
ANSWER_FACTOR = 0.1
LEAST_FACTOR = 0.03

_NAME = re.compile(r"[\w-]+\.[A-Za-z]\w{0,5}\b")


@dataclass(frozen=True, eq=False)
class TaskProfile:
    """Hold what decides the slips of one task: which, in which order they bite, and how easily."""

    task: Task
    slips: tuple[str, ...]
    base: tuple[float, ...]
    answer_keys: tuple[str, ...]
    names: frozenset[str]


@functools.lru_cache(maxsize=256)
def right_steps(known: TaskProfile) -> tuple[Step, ...]:
    """Give the steps of the reference solution; none when the task has none."""
    return reference(known.task) or ()


def work_steps(known: TaskProfile, done: str, workdir: str) -> tuple[Step, ...]:
    """Give the steps of the work with the slip `done` in it, or the right ones."""
    if done == RIGHT:
        return right_steps(known)
    return own_slip_steps(known, done) or generic_slip_steps(known.task, done, right_steps(known), workdir)


@functools.lru_cache(maxsize=1024)
def own_slip_steps(known: TaskProfile, slip: str) -> tuple[Step, ...]:
    """Give the steps of the task's own script for a slip; none when it has none."""
    content = known.task.solution.get(f"slips/{slip}.sh")
    return parse_script(content) if content is not None else ()


def profile(task: Task, slip_scale: float = 1.0) -> TaskProfile:
    """Look at a task: its own slips where it brings their scripts, else the generic ones."""
    own = [str(name) for name in task.metadata.get("slips", ())]
    slips = tuple(name for name in own if name in SLIPS and f"slips/{name}.sh" in task.solution)
    slips = (
        slips or tuple(name for name in GENERIC_SLIPS if uniform(task.id, "applies", name) < 0.7) or GENERIC_SLIPS[:1]
    )
    factor, main = difficulty(task.id) * slip_scale, main_slip(task.id, slips)
    names = {path.rpartition("/")[2].lower() for path in task.environment.files}
    names |= {name.lower() for name in _NAME.findall(task.instruction)}
    return TaskProfile(
        task=task,
        slips=slips,
        base=tuple(min(LARGEST, _likely(SLIPS[name], name == main) * factor) for name in slips),
        answer_keys=tuple(str(key) for key in task.metadata.get("answer_keys", ()) if str(key).strip()),
        names=frozenset(names),
    )


def main_slip(task_id: str, slips: Sequence[str]) -> str:
    """Choose the slip that is the task's own trap: by hash, in proportion to the slips' weights."""
    left = uniform(task_id, "main slip") * sum(SLIPS[name].weight for name in slips)
    for name in slips:
        left -= SLIPS[name].weight
        if left < 0:
            return name
    return slips[-1]


def _likely(slip: Slip, is_main: bool) -> float:
    return slip.base if is_main else slip.side


def difficulty(task_id: str) -> float:
    """Give the factor on every slip of a task: 0.6 (easy) to 1.4 (hard)."""
    return 0.6 + 0.8 * uniform(task_id, "difficulty")


def concerns(finding: Finding, known: TaskProfile) -> bool:
    """Say whether a sentence speaks of this task: of all tasks, or of a file this one knows."""
    return not finding.names or not finding.names.isdisjoint(known.names)


def knows_answer(reading: Reading, known: TaskProfile) -> bool:
    """Say whether the request gives this task's answer away."""
    return any(key in reading.text for key in known.answer_keys)


@functools.lru_cache(maxsize=65_536)
def chances(
    reading: Reading,
    known: TaskProfile,
    working_tools: frozenset[str],
    *,
    shown: bool = False,
    warned: frozenset[str] = frozenset(),
) -> tuple[float, ...]:
    """Compute the probability of each slip of a task, in the task's order.

    `working_tools` are the script tools that gave a result: only those count. `shown` says that the
    first message shows the inputs, `warned` which slips a plan or a report names.
    """
    spread = (1.0 - reading.cost) ** (1.0 / len(known.slips))
    told = knows_answer(reading, known)
    found: list[float] = []
    for name, base in zip(known.slips, known.base, strict=True):
        chance = base * _factor(reading, known, name, working_tools, warned)
        if shown:
            chance *= structure(name).shown
        if any(f.slip == name and not f.helps and concerns(f, known) for f in reading.findings):
            chance = 1.0 - (1.0 - chance) * (1.0 - HARM)
        if told:
            chance *= ANSWER_FACTOR
        found.append(min(LARGEST, 1.0 - (1.0 - chance) * spread))
    return tuple(found)


def _factor(
    reading: Reading, known: TaskProfile, name: str, working_tools: Collection[str], warned: frozenset[str]
) -> float:
    helping = [f for f in reading.findings if f.slip == name and f.helps and concerns(f, known)]
    factor = SLIPS[name].guided if name in warned or any(f.tool is None for f in helping) else 1.0
    if any(f.tool in working_tools for f in helping if f.tool is not None):
        factor *= SLIPS[name].tooled
    return max(LEAST_FACTOR, factor)


def catch_chance(reading: Reading, known: TaskProfile, name: str) -> float:
    """Compute the probability that a checking pass under this (the checker's) request finds a slip."""
    about = [f for f in reading.findings if f.slip == name and concerns(f, known)]
    chance = SLIPS[name].caught_guided if any(f.helps for f in about) else SLIPS[name].caught
    if any(not f.helps for f in about):
        chance *= 0.4
    return chance * (1.0 - reading.cost)
