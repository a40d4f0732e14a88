"""What the gate promises, each with its bound: at full size, and in a reduced form with wider bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from optimizer.gate.config import GateConfig, Mode, Target
from optimizer.gate.simulation.changes import LOSSY, NOTHING, OUTLIER, Change
from optimizer.gate.simulation.crew import Crew
from optimizer.gate.simulation.measures import Measure, mean_of, ratio_of, share_of
from optimizer.gate.simulation.nights import NightPlan, play, truth_of
from optimizer.gate.simulation.properties import held
from optimizer.gate.simulation.singles import SinglePlan, at_level, try_once
from optimizer.gate.simulation.worlds import WorldConfig

Sign = Literal["<=", ">=", ">"]
Measuring = Callable[[Sequence[Any]], Measure]  # Any: outcomes are of one class per study


@dataclass(frozen=True, slots=True)
class Promise:
    """Bound one number, at full size and in the reduced form; `target` is its place in the gate's list of nine."""

    target: int
    words: str
    measure: Measuring
    sign: Sign
    full: float
    quick: float

    def kept(self, value: float | None, bound: float) -> bool:
        """Hold a value against a bound; nothing measured keeps nothing."""
        if value is None:
            return False
        return value <= bound if self.sign == "<=" else value >= bound if self.sign == ">=" else value > bound


@dataclass(frozen=True, slots=True)
class Job:
    """Play one thing for this many seeds."""

    one: Callable[[int], object]
    seeds: int


@dataclass(frozen=True, slots=True)
class Study:
    """Play one job, whole or reduced, and bound several numbers of it."""

    name: str
    full: Job
    quick: Job
    promises: tuple[Promise, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """State one number, its bound and whether it holds."""

    target: int
    promise: str
    measured: float | None
    error: float | None
    sign: Sign
    bound: float
    kept: bool
    seeds: str


def hold(study: Study, crew: Crew, *, first: int, quick: bool) -> list[Line]:
    """Play a study and hold its numbers against their bounds.

    Args:
        study: What is played.
        crew: Who plays.
        first: The first seed.
        quick: Whether the reduced form is meant.
    """
    job = study.quick if quick else study.full
    outcomes = crew.play(job.one, range(first, first + job.seeds), study.name)
    return list(_lines(study, outcomes, quick=quick, seeds=f"{first}..{first + job.seeds - 1}"))


def _lines(study: Study, outcomes: Sequence[object], *, quick: bool, seeds: str) -> Iterator[Line]:
    for promise in study.promises:
        bound = promise.quick if quick else promise.full
        seen = promise.measure(outcomes)
        holds = promise.kept(seen.value, bound)
        yield Line(promise.target, promise.words, seen.value, seen.error, promise.sign, bound, holds, seeds)


def _gate(mode: Mode, target: Target, tests: int) -> GateConfig:
    return GateConfig(mode=mode, target=target, k_max=tests)


def _nothing(mode: Mode, target: Target, number: int, full: float, quick: float, world: str = "null") -> Study:
    """Count nights without any true effect in which something is kept."""

    def job(nights: int, tests: int, tasks: int) -> Job:
        plan = NightPlan(_gate(mode, target, tests), world, tests, tasks, truth_of(target, tasks), until_false=True)
        return Job(partial(play, plan), nights)

    words = f"{mode}, {target}, {world}: nights that keep anything"
    promise = Promise(number, words, share_of("false"), "<=", full, quick)
    return Study(f"{mode}-{target}-{world}", job(400, 200, 100), job(20, 10, 60), (promise,))


def _single(name: str, plan: SinglePlan, full: int, quick: int, *promises: Promise) -> Study:
    one = partial(try_once, plan)
    return Study(name, Job(one, full), Job(one, quick), promises)


def _mixed() -> Study:
    def job(nights: int, tests: int) -> Job:
        return Job(partial(play, NightPlan(_gate("default", "population", tests), "mixed", tests)), nights)

    promises = (
        Promise(3, "default, mixed: mean share of false keeps", mean_of("false_share"), "<=", 0.12, 0.25),
        Promise(3, "default, mixed: harmful keeps a night", mean_of("harmful"), "<=", 0.10, 0.25),
        Promise(3, "default, mixed: share of leaks kept", ratio_of("leaks_kept", "leaks"), "<=", 0.02, 0.10),
        Promise(3, "default, mixed: true gain", mean_of("true_gain"), ">", 0.03, 0.03),
        Promise(7, "report's 95% interval holds the truth", share_of("covers"), ">=", 0.92, 0.60),
        Promise(7, "report: claimed less true, at most", mean_of("overclaim"), "<=", 0.012, 0.06),
        Promise(7, "report: claimed less true, at least", mean_of("overclaim"), ">=", -0.012, -0.06),
    )
    return Study("mixed", job(200, 100), job(8, 25), promises)


def _autoagent() -> Study:
    words = "AutoAgent's rule on the same stream: mean share of false keeps"
    promise = Promise(9, words, mean_of("false_share"), ">", 0.6, 0.5)
    sizes = ((100, 100), (30, 25))
    full, quick = (Job(partial(play, NightPlan("autoagent", "mixed", tests)), nights) for nights, tests in sizes)
    return Study("autoagent", full, quick, (promise,))


def _power(gain: float, level: float, tasks: int, full: int, quick: int, *promises: Promise) -> Study:
    plan = SinglePlan(Change(gain=gain, spread=0.16), at_level(level), WorldConfig(tasks=tasks))
    return _single(f"power-{100 * gain:.0f}-{tasks}", plan, full, quick, *promises)


def _found(words: str, full: float, quick: float) -> Promise:
    return Promise(4, f"{words}: found", share_of("kept"), ">=", full, quick)


def _kept(target: int, words: str, full: float, quick: float) -> Promise:
    return Promise(target, f"{words}: kept", share_of("kept"), "<=", full, quick)


def _runs(words: str, full: float, quick: float) -> Promise:
    return Promise(4, f"{words}: candidate attempts", mean_of("attempts"), "<=", full, quick)


def _singles() -> Iterator[Study]:
    five = "+5 points, 250 tasks, level .01"
    yield _power(0.05, 0.01, 250, 1000, 15, _found(five, 0.80, 0.55), _runs(five, 2000, 2000))
    eight = "+8 points, 100 tasks, level .01"
    yield _power(0.08, 0.01, 100, 1000, 50, _found(eight, 0.72, 0.72), _runs(eight, 800, 800))
    yield _power(0.12, 0.001, 100, 1000, 30, _found("+12 points, 100 tasks, level .001", 0.84, 0.84))
    null = SinglePlan(NOTHING, at_level(0.05))
    yield _single("nothing", null, 2000, 300, _kept(4, "nothing, level .05", 0.05, 0.12), _runs("nothing", 260, 260))
    lossy = SinglePlan(LOSSY, at_level(0.05))
    yield _single("lossy", lossy, 2000, 60, _kept(5, "loses 5% of its failures, level .05", 0.07, 0.12))
    both = SinglePlan(LOSSY, at_level(0.05), WorldConfig(baseline=LOSSY))
    yield _single("lossy-both", both, 2000, 60, _kept(5, "both arms lose 5% of failures, level .05", 0.07, 0.14))
    crash = SinglePlan(Change(crashes=0.15), at_level(0.05))
    yield _single("crashing", crash, 1000, 40, _kept(5, "crashes in 15% of attempts, level .05", 0.01, 0.0))
    for tasks in (40, 100):
        skewed = SinglePlan(OUTLIER, at_level(0.01), WorldConfig(tasks=tasks, reward="skewed"))
        words = f"skewed, almost no noise, {tasks} tasks, level .01"
        yield _single(f"skewed-{tasks}", skewed, 2000, 60, _kept(6, words, 0.02, 0.05))
    exact: tuple[tuple[float, Target], ...] = ((0.0, "population"), (0.0, "benchmark"), (0.01, "population"))
    for gain, target in exact:
        plan = SinglePlan(Change(gain=gain), at_level(0.05, target), WorldConfig(reward="exact"))
        words = f"no variance at all, {100 * gain:.0f} points everywhere, {target}, level .05"
        yield _single(f"exact-{gain}-{target}", plan, 100, 10, _kept(6, words, 0.0, 0.0))


def _properties() -> Study:
    one = partial(held, GateConfig(k_max=20), 60)
    words = {
        "order_and_resume": "same verdict in any order, with a crash at every turn",
        "one_roll": "the same candidate twice is one test",
        "reserved_first": "the level is reserved before the first attempt",
        "pool_emptied": "a new champion is attempted afresh",
        "silent": "a reason holds no number and says the same for every look",
    }
    promises = tuple(Promise(8, text, share_of(name), ">=", 1.0, 1.0) for name, text in words.items())
    return Study("properties", Job(one, 400), Job(one, 10), promises)


STUDIES: tuple[Study, ...] = (
    _nothing("strict", "population", 1, 0.075, 0.20),
    _nothing("strict", "benchmark", 1, 0.075, 0.20),
    _nothing("strict", "population", 1, 0.075, 0.25, "correlated"),
    _nothing("default", "population", 2, 0.20, 0.40),
    _nothing("default", "benchmark", 2, 0.20, 0.40),
    _mixed(),
    *_singles(),
    _properties(),
    _autoagent(),
)
