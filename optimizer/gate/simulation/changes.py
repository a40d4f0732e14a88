"""What candidates do to a harness in a world of known truth, and streams of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Change:
    """Describe what a candidate does to the rates of its parent.

    `gain` is its exact mean effect, `spread` the standard deviation over tasks before rates are cut to
    [0, 1]. `crashes` is a share of its attempts that end at 0 whatever the task, `lost_failures` a share
    of its failures that come back as missing. `outlier` is the share of tasks that pay for the rest's
    small gains, for skewed worlds. `leaks` counts visible tasks whose answer the change holds,
    `heldout_leaks` held-out ones.
    """

    gain: float = 0.0
    spread: float = 0.0
    crashes: float = 0.0
    lost_failures: float = 0.0
    outlier: float = 0.0
    leaks: int = 0
    heldout_leaks: int = 0


NOTHING = Change()
CHURN = Change(spread=0.16)
LEAK = Change(gain=-0.005, leaks=5)
LOSSY = Change(lost_failures=0.05)
CRASHING = Change(gain=0.02, spread=0.10, crashes=0.15)
OUTLIER = Change(outlier=0.05)


@dataclass(frozen=True, slots=True)
class Kind:
    """Stand for changes of one sort; a gain between `low` and `high`, when given, is drawn for each."""

    share: float
    change: Change
    low: float = 0.0
    high: float = 0.0

    def pick(self, coin: random.Random) -> Change:
        """Make one of them."""
        return replace(self.change, gain=coin.uniform(self.low, self.high)) if self.high > self.low else self.change


_MOVES = Change(spread=0.10)


def harmful(share: float) -> Kind:
    """Stand for changes that cost one to six points."""
    return Kind(share, _MOVES, -0.06, -0.01)


def good(share: float) -> Kind:
    """Stand for changes that gain one to six points."""
    return Kind(share, _MOVES, 0.01, 0.06)


Stream = tuple[Kind, ...]

STREAMS: Mapping[str, Stream] = {
    "null": (Kind(0.5, NOTHING), Kind(0.5, CHURN)),
    "mixed": (Kind(0.35, NOTHING), Kind(0.33, CHURN), harmful(0.12), good(0.12), Kind(0.08, LEAK)),
    "leaky": (Kind(0.20, NOTHING), Kind(0.20, CHURN), harmful(0.10), good(0.10), Kind(0.40, LEAK)),
    "harmful": (Kind(0.20, NOTHING), Kind(0.15, CHURN), harmful(0.60), good(0.05)),
    "lossy": (Kind(1.0, LOSSY),),
    "crashing": (Kind(0.25, NOTHING), good(0.25), Kind(0.50, CRASHING)),
    "outliers": (Kind(1.0, OUTLIER),),
}


def next_change(stream: Stream, coin: random.Random) -> Change:
    """Draw the next change a proposer makes, by the kinds' shares."""
    drawn, reached = coin.random(), 0.0
    for kind in stream:
        reached += kind.share
        if drawn < reached:
            return kind.pick(coin)
    return stream[-1].pick(coin)
