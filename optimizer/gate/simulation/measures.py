"""Means over seeds, each with its Monte Carlo error."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Measure:
    """Hold a mean over `count` seeds and its standard error, which a single seed leaves unknown: None is unknown."""

    value: float | None
    error: float | None
    count: int


def mean(values: Sequence[float]) -> Measure:
    """Give the mean and its standard error."""
    count = len(values)
    if not count:
        return Measure(None, None, 0)
    middle = math.fsum(values) / count
    spread = math.fsum((value - middle) ** 2 for value in values)
    return Measure(middle, math.sqrt(spread / (count - 1) / count) if count > 1 else None, count)


def share(flags: Sequence[bool]) -> Measure:
    """Give a share; its error counts one more on either side, so that none of many is not taken for certain."""
    count = len(flags)
    if not count:
        return Measure(None, None, 0)
    shrunk = (sum(flags) + 1) / (count + 2)
    return Measure(sum(flags) / count, math.sqrt(shrunk * (1 - shrunk) / count), count)


def ratio(pairs: Sequence[tuple[float, float]]) -> Measure:
    """Give the sum of the first over the sum of the second, with the error over seeds."""
    whole, count = sum(of for _, of in pairs), len(pairs)
    if not whole:
        return Measure(None, None, count)
    middle = sum(some for some, _ in pairs) / whole
    residual = math.fsum((some - middle * of) ** 2 for some, of in pairs)
    return Measure(middle, math.sqrt(residual * count / (count - 1)) / whole if count > 1 else None, count)


def mean_of(field: str) -> Callable[[Sequence[Outcome]], Measure]:
    """Measure a field's mean over outcomes."""
    return lambda outcomes: mean([float(getattr(outcome, field)) for outcome in outcomes])


def share_of(field: str) -> Callable[[Sequence[Outcome]], Measure]:
    """Measure how often a field is true (or above zero)."""
    return lambda outcomes: share([bool(getattr(outcome, field)) for outcome in outcomes])


def ratio_of(some: str, of: str) -> Callable[[Sequence[Outcome]], Measure]:
    """Measure one count's share of another."""
    return lambda outcomes: ratio([(getattr(outcome, some), getattr(outcome, of)) for outcome in outcomes])
