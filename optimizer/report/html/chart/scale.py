"""Where a number stands along an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """Map numbers between `low` and `high` to shares between 0 and 1."""

    low: float
    high: float
    step: float

    def at(self, value: float) -> float:
        """Give the share of the axis below `value`; what lies outside is put at its end."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def across(self, value: float) -> str:
        """Write the place in percent of the width."""
        return f"{100 * self.at(value):.2f}%"

    @property
    def ticks(self) -> list[float]:
        """List the round numbers along the axis."""
        count = round((self.high - self.low) / self.step)
        return [round(self.low + at * self.step, 6) for at in range(count + 1)]


def fit(values: Iterable[float], *, most_ticks: int = 6, low: float = -math.inf, high: float = math.inf) -> Scale:
    """Choose a scale with round ends round `values`, within the ends that cannot be passed."""
    seen = [*values]
    bottom, top = min(seen, default=0.0), max(seen, default=1.0)
    for step in STEPS:
        start, end = math.floor(bottom / step + 1e-9) * step, math.ceil(top / step - 1e-9) * step
        if end - start <= (most_ticks - 1) * step + 1e-9:
            break
    start, end = max(start, low), min(end, high)
    if end - start < step:
        end = start + step
    return Scale(start, end, step)


def slots(count: int, most: int = 8) -> list[int]:
    """Choose the iterations that get a label: 0, the last, and round numbers between."""
    step = next(step for step in (1, 2, 5, 10, 20, 25, 50, 100, 250, 10**9) if count / step <= most)
    chosen = [*range(0, count + 1, step)]
    if count - chosen[-1] >= max(step // 2, 1):
        chosen.append(count)
    return chosen
