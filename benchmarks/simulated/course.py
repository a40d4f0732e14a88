"""The courses an attempt of the simulated model can take, each with its weight and its model calls."""

from __future__ import annotations

import functools
import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.simulated.detector import Reading
from benchmarks.simulated.profile import RIGHT, TaskProfile, work_steps
from benchmarks.simulated.script import restore_command
from task_agent.orchestration.best_of_n import SPARE_TURNS

CHECK_TURNS = 2
"""Model calls of one check, or of choosing among drafts: a look and a report."""


@dataclass(frozen=True, eq=False)
class HarnessReading:
    """Hold what decides a harness's truth: what its agents are told, how they work together, their turns.

    `rounds` is 0 without a checking pass; `checker` is None then. `advisor` plans or helps beforehand,
    `question` is asked before the end, `drafts` is 1 without a chooser.
    """

    main: Reading
    checker: Reading | None
    rounds: int
    turns: int
    has_bash: bool
    shows: bool = False
    advisor: Reading | None = None
    advisor_looks: bool = False
    delegates: bool = False
    question: Reading | None = None
    drafts: int = 1
    chooser: Reading | None = None

    def shown(self, known: TaskProfile) -> bool:
        """Say whether the agent sees this task's inputs before its first turn."""
        return self.shows and bool(known.task.environment.files)


class Ending(NamedTuple):
    """Say what was done last (a slip, or `right`), and after how many model calls."""

    done: str
    turns: int


Chances = Callable[[str], float]
"""Give the chance that a slip is found: by computing it, or 0 or 1 where it is drawn."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """Hold who may find a slip: the agent when it is asked, the verifier, the chooser (with the draft's number)."""

    question: Chances
    verifier: Chances
    chooser: Callable[[int, str], float]


class _Path(NamedTuple):
    weight: float
    place: int
    turns: int
    over: bool = False


def subsets(slips: Sequence[str], likely: Sequence[float]) -> Iterator[tuple[tuple[str, ...], float]]:
    """List every set of drawn slips with its probability."""
    for size in range(len(slips) + 1):
        for drawn in itertools.combinations(slips, size):
            chosen = (p if name in drawn else 1.0 - p for name, p in zip(slips, likely, strict=True))
            yield drawn, math.prod(chosen)


def endings(
    read: HarnessReading, known: TaskProfile, drawn: Mapping[tuple[str, ...], float], eyes: Eyes
) -> Mapping[Ending, float]:
    """Follow the work of one agent from every set of drawn slips to its ends."""
    found: defaultdict[Ending, float] = defaultdict(float)
    for slips, weight in drawn.items():
        if weight > 0.0:
            for path in _paths(read, known, (*slips, RIGHT), weight, eyes):
                found[Ending((*slips, RIGHT)[path.place], path.turns)] += path.weight
    return found


def _paths(
    read: HarnessReading, known: TaskProfile, line: tuple[str, ...], weight: float, eyes: Eyes
) -> Iterator[_Path]:
    """Branch where the agent is asked, and at each check; `line` is what is done one after the other."""
    paths = [_Path(weight, 0, _opening(read, known) + _work(known, line[0]))]
    if read.question is not None:
        paths = [after for path in paths for after in _asked(known, line, path, eyes.question)]
    for _ in range(read.rounds):
        paths = [after for path in paths for after in _checked(known, line, path, eyes.verifier)]
    return iter(paths)


def _asked(known: TaskProfile, line: tuple[str, ...], path: _Path, finds: Chances) -> Iterator[_Path]:
    """Look again at one's own work: it is done anew, or it stays."""
    chance = 0.0 if line[path.place] == RIGHT else finds(line[path.place])
    if chance > 0.0:
        again = path.turns + 1 + _redo(known, line[path.place + 1])
        yield _Path(path.weight * chance, path.place + 1, again)
    if chance < 1.0:
        yield _Path(path.weight * (1.0 - chance), path.place, path.turns + 2)


def _checked(known: TaskProfile, line: tuple[str, ...], path: _Path, finds: Chances) -> Iterator[_Path]:
    if path.over:
        yield path
        return
    chance = 0.0 if line[path.place] == RIGHT else finds(line[path.place])
    turns = path.turns + CHECK_TURNS
    if chance > 0.0:
        yield _Path(path.weight * chance, path.place + 1, turns + _redo(known, line[path.place + 1]))
    if chance < 1.0:
        yield _Path(path.weight * (1.0 - chance), path.place, turns, over=True)


def success(read: HarnessReading, of_draft: Callable[[int], Mapping[Ending, float]], eyes: Eyes) -> float:
    """Add up the courses that end in the right result within the turns there are."""
    if read.drafts == 1:
        ends = of_draft(1).items()
        return math.fsum(weight for end, weight in ends if end.done == RIGHT and end.turns <= read.turns)
    return _best(read, of_draft, eyes)


class _Draftings(NamedTuple):
    """Say how far making drafts has come: turns used, the dearest draft, the first, and the chosen if any is."""

    turns: int
    dearest: int
    first_right: bool
    chosen_right: bool | None


def _best(read: HarnessReading, of_draft: Callable[[int], Mapping[Ending, float]], eyes: Eyes) -> float:
    total = 0.0
    states: dict[_Draftings, float] = {_Draftings(0, 0, False, None): 1.0}
    for number in range(1, read.drafts + 1):
        going: defaultdict[_Draftings, float] = defaultdict(float)
        for state, weight in _drafted(number, states, of_draft(number), eyes):
            if state.turns > read.turns:
                continue
            if number < read.drafts and read.turns - state.turns - SPARE_TURNS >= state.dearest:
                going[state] += weight
            else:
                total += weight * _is_right(state, number, read.turns)
        states = dict(going)
    return total


def _drafted(
    number: int, states: Mapping[_Draftings, float], ends: Mapping[Ending, float], eyes: Eyes
) -> Iterator[tuple[_Draftings, float]]:
    """Add one more draft to every state, and the chooser's opinion of it."""
    for (state, weight), (end, share) in itertools.product(states.items(), ends.items()):
        right = end.done == RIGHT
        doubt = 0.0 if right or state.chosen_right is not None else eyes.chooser(number, end.done)
        turns, dearest = state.turns + end.turns, max(state.dearest, end.turns)
        first = right if number == 1 else state.first_right
        chosen = right if state.chosen_right is None else state.chosen_right
        if doubt < 1.0:
            yield _Draftings(turns, dearest, first, chosen), weight * share * (1.0 - doubt)
        if doubt > 0.0:
            yield _Draftings(turns, dearest, first, None), weight * share * doubt


def _is_right(state: _Draftings, number: int, limit: int) -> bool:
    """Say whether the result is right; an only draft is not chosen, and of none that seems good the first is."""
    if number == 1:
        return state.first_right
    if state.turns + CHECK_TURNS > limit:
        return False
    return state.first_right if state.chosen_right is None else state.chosen_right


def _opening(read: HarnessReading, known: TaskProfile) -> int:
    """Count the model calls before the work: a look, a planner's or helper's, script tools."""
    look = 0 if read.shown(known) else 1
    advice = 0 if read.advisor is None else 1 + read.advisor_looks + read.delegates
    return look + advice + len(read.main.tools_for(known.slips))


@functools.lru_cache(maxsize=65_536)
def _work(known: TaskProfile, done: str) -> int:
    return len(work_steps(known, done, known.task.environment.workdir)) + 1


def _redo(known: TaskProfile, done: str) -> int:
    return _work(known, done) + _restores(known)


@functools.lru_cache(maxsize=4096)
def _restores(known: TaskProfile) -> bool:
    return restore_command(known.task, known.task.environment.workdir) is not None
