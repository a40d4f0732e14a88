"""One look at a test: go on, stop, keep, or say that it cannot be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

import numpy as np

from optimizer.gate.arms import Arms, Flags, GateTask, Tally, differences, history, tally, together
from optimizer.gate.benchmark import FEW, permutation_p, stratified_z
from optimizer.gate.config import GateConfig
from optimizer.gate.guards import Guard
from optimizer.gate.missing import Missing, included, missing_report
from optimizer.gate.planning import settled
from optimizer.gate.population import Units, e_value, p_above, paired_t, quantile, units_of
from optimizer.gate.statistic import Statistic

Outcome = Literal["continue", "keep", "reject", "invalid", "pending"]

PUBLIC_REASONS: dict[Outcome, str] = {
    "continue": "the test goes on",
    "keep": "better on the held-out tasks, beyond noise",
    "reject": "not shown to be better on the held-out tasks",
    "invalid": "the held-out attempts cannot be judged",
    "pending": "attempts were lost to infrastructure; the test goes on when they can be made",
}
"""All a proposer may learn: one text per outcome, the same whichever look or rule led to it."""


class Cause(StrEnum):
    """Say what led to an outcome; private, since it tells stage and size apart."""

    GOES_ON = "above the futility line"
    BEYOND_NOISE = "beyond noise at the keep look"
    WITHIN_NOISE = "within noise at the keep look"
    FUTILE = "at or below the futility line"
    NO_DIFFERENCE = "every task gave the same result in both arms"
    GUARD = "a guard did not hold"
    OUTAGE = "a stage yielded no scored attempt"
    TOO_FEW_TASKS = "fewer tasks than min_tasks"
    TOO_MANY_MISSING = "more than max_missing is missing"
    UNEQUAL_MISSING = "one arm loses more attempts than the other"
    NOT_A_REWARD = "a reward is not a number in [0, 1]"


@dataclass(frozen=True, slots=True)
class LookRecord:
    """Hold everything a look saw, for the ledger and the report; never for a proposer.

    `units` counts tasks or clusters averaged over, `interval` is two-sided 95%, `e_value` is there
    for the population target only. Fields are None where the look ended before they were computed.
    """

    target: Literal["population", "benchmark"]
    cause: Cause
    stage: int
    runs: int
    level: float
    tasks: int
    excluded: tuple[str, ...] = ()
    candidate_attempts: int = 0
    champion_attempts: int = 0
    missing: Missing | None = None
    kind: Literal["t", "z"] | None = None
    mean: float | None = None
    se: float | None = None
    statistic: float | None = None
    df: int | None = None
    units: int | None = None
    varying: int | None = None
    p: float | None = None
    interval: tuple[float, float] | None = None
    e_value: float | None = None
    guards: tuple[Guard, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Look:
    """Say how a look ended: `reason` may be shown to a proposer, `record` must not."""

    outcome: Outcome
    reason: str
    record: LookRecord


@dataclass(frozen=True, slots=True)
class _View:
    """Hold what one look compares."""

    config: GateConfig
    tasks: Sequence[GateTask]
    stage: int
    level: float
    candidate: Tally
    fresh: Tally
    champion: Tally
    kept: Flags
    open: Flags

    @property
    def last(self) -> bool:
        return self.stage == len(self.config.stages) - 1

    @property
    def drew_anything(self) -> bool:
        """Say whether the candidate has more scored attempts than the stages before could give."""
        if not self.stage:
            return bool(self.candidate.scored.any())
        before = self.config.stages[self.stage - 1] * int(self.open.sum())
        return not self.open.any() or int(self.candidate.scored[self.open].sum()) > before


def look(
    config: GateConfig,
    tasks: Sequence[GateTask],
    arms: Arms,
    *,
    stage: int,
    level: float,
    guards: Sequence[Guard] = (),
) -> Look:
    """Judge one test after a stage.

    Only the last stage can keep, at `level`; the others can only stop. Missing attempts are left
    out, a task that lost more than half of an arm's attempts is excluded for both arms.

    Args:
        config: The night's settings.
        tasks: The gate tasks.
        arms: All attempts of this test so far, and older champion attempts to pool with.
        stage: Index into `config.stages`; all its attempts must have been made.
        level: The level reserved for this test.
        guards: Cost and latency guards; at the keep look all must have passed.
    """
    view = _view(config, tasks, arms, stage, level)
    if (cause := _unfit(view)) is not None:
        outcome: Outcome = "pending" if cause is Cause.OUTAGE else "invalid"
        return _ended(view, outcome, cause)
    missing = missing_report(view.candidate, view.fresh, view.kept)
    if missing.unequal:
        return _ended(view, "invalid", Cause.UNEQUAL_MISSING, missing)
    if missing.too_many(config.max_missing):
        return _ended(view, "invalid", Cause.TOO_MANY_MISSING, missing)
    return _judged(view, missing, tuple(guards))


def _view(config: GateConfig, tasks: Sequence[GateTask], arms: Arms, stage: int, level: float) -> _View:
    ids = [task.id for task in tasks]
    candidate, fresh = tally(ids, arms.candidate), tally(ids, arms.fresh)
    older = history(ids, arms.older)
    champion = together(older, fresh)
    kept, unsettled = included(candidate, champion), ~settled(config, older)
    return _View(config, tasks, stage, level, candidate, fresh, champion, kept, unsettled)


def _unfit(view: _View) -> Cause | None:
    if not (view.candidate.sound and view.champion.sound):
        return Cause.NOT_A_REWARD
    if not view.fresh.scored.any() or not view.drew_anything:
        return Cause.OUTAGE
    return None


def _judged(view: _View, missing: Missing, guards: tuple[Guard, ...]) -> Look:
    units: Units | None = None
    if view.config.target_for(len(view.tasks)) == "population":
        units = units_of(view.tasks, view.kept, differences(view.candidate, view.champion))
        statistic = paired_t(units, view.config.sd_floor)
    else:
        statistic = stratified_z(view.candidate, view.champion, view.kept, view.config.phi)
    if statistic is None or statistic.units < view.config.min_tasks:
        return _ended(view, "invalid", Cause.TOO_FEW_TASKS, missing)
    p = _p(view, statistic) if view.last else None
    outcome, cause = _outcome(view, statistic, p, guards)
    return _ended(view, outcome, cause, missing, statistic, p=p, units=units, guards=guards)


def _p(view: _View, statistic: Statistic) -> float:
    p = p_above(statistic)
    if statistic.kind == "t" or statistic.varying >= FEW:
        return p
    return max(p, permutation_p(view.candidate, view.champion, view.kept))


def _outcome(view: _View, statistic: Statistic, p: float | None, guards: tuple[Guard, ...]) -> tuple[Outcome, Cause]:
    if not differences(view.candidate, view.champion)[view.kept].any():
        return "reject", Cause.NO_DIFFERENCE
    if p is None:
        futile = statistic.value <= view.config.futility[view.stage]
        return ("reject", Cause.FUTILE) if futile else ("continue", Cause.GOES_ON)
    if p >= view.level or statistic.value <= 0:
        return "reject", Cause.WITHIN_NOISE
    if not all(guard.passed for guard in guards):
        return "reject", Cause.GUARD
    return "keep", Cause.BEYOND_NOISE


def _ended(
    view: _View,
    outcome: Outcome,
    cause: Cause,
    missing: Missing | None = None,
    statistic: Statistic | None = None,
    *,
    p: float | None = None,
    units: Units | None = None,
    guards: tuple[Guard, ...] = (),
) -> Look:
    base = LookRecord(
        target=view.config.target_for(len(view.tasks)),
        cause=cause,
        stage=view.stage,
        runs=view.config.stages[view.stage],
        level=view.level,
        tasks=len(view.tasks),
        excluded=tuple(view.tasks[at].id for at in np.flatnonzero(~view.kept).tolist()),
        candidate_attempts=int(view.candidate.scored.sum()),
        champion_attempts=int(view.champion.scored.sum()),
        missing=missing,
        guards=guards,
    )
    record = base if statistic is None else _measured(base, statistic, p, units)
    return Look(outcome, PUBLIC_REASONS[outcome], record)


def _measured(base: LookRecord, statistic: Statistic, p: float | None, units: Units | None) -> LookRecord:
    reach = quantile(0.95, statistic.df) * statistic.se
    return replace(
        base,
        kind=statistic.kind,
        mean=statistic.mean,
        se=statistic.se,
        statistic=statistic.value,
        df=statistic.df,
        units=statistic.units,
        varying=statistic.varying,
        p=p,
        interval=(statistic.mean - reach, statistic.mean + reach),
        e_value=e_value(units) if units is not None and p is not None else None,
    )
