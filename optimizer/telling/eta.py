"""When something will be over: plain arithmetic on how long attempts and iterations took so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

LEAST_SAMPLES = 4
"""Attempts that must have ended before anything is foretold from them."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Sum up how long attempts took, in seconds."""

    samples: int
    mean_s: float
    median_s: float
    p90_s: float


class Left(NamedTuple):
    """Say how long a stage still takes: as likely longer as shorter, and longer in one case of ten."""

    typical_s: float
    slow_s: float


class End(NamedTuple):
    """Say when a run ends at the latest, and which of its limits ends it."""

    in_s: float
    because: str


def pace(durations_s: Sequence[float]) -> Pace | None:
    """Sum up durations; None when there are none."""
    if not durations_s:
        return None
    ordered = sorted(durations_s)
    mean = sum(ordered) / len(ordered)
    return Pace(len(ordered), mean, _quantile(ordered, 0.5), _quantile(ordered, 0.9))


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def stage_left(seen: Pace | None, *, owed: int, slots: int) -> Left | None:
    """Foretell how long `owed` attempts take when `slots` run at once; None from too few samples.

    All but the last round keep every slot busy, so they take their mean time; the last round takes as
    long as the slowest of those that run at once. What is in flight counts as if it had just begun.
    """
    if owed <= 0:
        return Left(0.0, 0.0)
    if seen is None or seen.samples < LEAST_SAMPLES or slots <= 0:
        return None
    at_once = min(slots, owed)
    queued = owed - at_once
    rounds_s = queued * seen.mean_s / at_once
    luck_s = (seen.p90_s - seen.median_s) * math.sqrt(queued) / at_once
    return Left(rounds_s + _slowest_s(seen, at_once, 0.5), rounds_s + luck_s + _slowest_s(seen, at_once, 0.9))


def _slowest_s(seen: Pace, at_once: int, share: float) -> float:
    """Give the time that the slowest of `at_once` attempts stays below in `share` of the cases.

    As if their spread were a normal distribution's with this median and p90.
    """
    normal = NormalDist()
    deviation_s = (seen.p90_s - seen.median_s) / normal.inv_cdf(0.9)
    return max(seen.median_s + deviation_s * normal.inv_cdf(share ** (1 / at_once)), 0.0)


def iterations_left_s(*, ended: int, worked_s: float, current_s: float, left: int) -> float | None:
    """Foretell how long `left` iterations take, the current one included; None before one has ended.

    Args:
        ended: Iterations that ended in this session.
        worked_s: The time they took together.
        current_s: How long the current one is under way.
        left: Iterations to come, the current one included.
    """
    if ended <= 0:
        return None
    each_s = worked_s / ended
    return max(each_s - current_s, 0.0) + each_s * (left - 1) if left > 0 else 0.0


def money_left_s(*, spent_usd: float, budget_usd: float, begun_usd: float, worked_s: float) -> float | None:
    """Foretell how long the budget lasts at the session's pace; None while nothing was spent in it."""
    rate = (spent_usd - begun_usd) / worked_s if worked_s > 0 else 0.0
    return max(budget_usd - spent_usd, 0.0) / rate if rate > 0 else None


def first_end(ends_s: dict[str, float | None]) -> End | None:
    """Choose the limit that is reached first; None when none can be foretold."""
    known = [End(in_s, because) for because, in_s in ends_s.items() if in_s is not None]
    return min(known, default=None)
