"""One test at a time over a grid: what is found by number of tasks, and what is kept by mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from optimizer.gate.simulation.changes import CHURN, NOTHING, Change
from optimizer.gate.simulation.crew import Crew
from optimizer.gate.simulation.measures import Measure, mean_of, share, share_of
from optimizer.gate.simulation.singles import SinglePlan, Tested, at_level, try_once
from optimizer.gate.simulation.worlds import Truth, WorldConfig

About = Literal["population", "benchmark"]
ABOUT: tuple[About, ...] = ("population", "benchmark")
TASKS = (20, 40, 60, 100, 150, 250, 500)
GAINS = (0.03, 0.05, 0.08, 0.12)
FIRST_LEVEL = 0.01
"""The level of a default night's first test when 20 are planned."""
LEVELS = (0.05, 0.01, 0.001)


@dataclass(frozen=True, slots=True)
class Found:
    """State how often a true gain is found at `FIRST_LEVEL`, and what the candidate's attempts cost."""

    target: About
    gain: float
    tasks: int
    found: Measure
    attempts: Measure


def found_by_tasks(crew: Crew, seeds: Sequence[int], tasks: Sequence[int] = TASKS) -> Iterator[Found]:
    """Test true gains of several sizes with few and many tasks."""
    for target in ABOUT:
        truth: Truth = "population" if target == "population" else "heldout"
        for gain in GAINS:
            for count in tasks:
                change, world = Change(gain=gain, spread=0.16), WorldConfig(tasks=count, truth=truth)
                plan = SinglePlan(change, at_level(FIRST_LEVEL, target), world)
                tests = crew.play(partial(try_once, plan), seeds, f"{target}, +{100 * gain:.0f}, {count} tasks")
                yield Found(target, gain, count, share_of("kept")(tests), mean_of("attempts")(tests))


@dataclass(frozen=True, slots=True)
class Useless:
    """Describe a change that is not worth keeping, and where."""

    words: str
    change: Change
    truth: Truth = "population"
    correlation: float = 0.0


USELESS = (
    Useless("the same harness", NOTHING),
    Useless("churn, mean zero on the population", CHURN),
    Useless("churn, mean zero on these tasks", CHURN, "heldout"),
    Useless("the same harness, attempts hang together (.4)", NOTHING, correlation=0.4),
    Useless("holds the answers of 5 held-out tasks", Change(gain=-0.005, spread=0.0, heldout_leaks=5)),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """State how often a useless change passes the whole test, at each level."""

    target: About
    change: str
    tasks: int
    at: Mapping[float, Measure]


def wrongly_kept(crew: Crew, seeds: Sequence[int], tasks: Sequence[int] = (40, 100)) -> Iterator[Kept]:
    """Test useless changes under both targets."""
    for target in ABOUT:
        for useless in USELESS:
            for count in tasks:
                world = WorldConfig(tasks=count, truth=useless.truth, correlation=useless.correlation)
                plan = SinglePlan(useless.change, at_level(LEVELS[0], target), world)
                tests = crew.play(partial(try_once, plan), seeds, f"{target}, {useless.words}, {count} tasks")
                yield Kept(target, useless.words, count, {level: _below(tests, level) for level in LEVELS})


def _below(tests: Sequence[Tested], level: float) -> Measure:
    return share([test.kept and test.p is not None and test.p < level for test in tests])
