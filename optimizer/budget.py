"""Money: what the next stage will cost, set aside before it starts."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_SAMPLES = 16
"""More baseline attempts than this for one of the champion's are not paid."""


def price_per_attempt(costs: Sequence[float]) -> float:
    """Estimate one attempt's price, carefully: the 95th percentile of those seen, 0 while none was.

    Far below what `max_tokens` would allow, so a night is not stopped by money it would never spend.
    """
    if not costs:
        return 0.0
    ordered = sorted(costs)
    return ordered[math.ceil(0.95 * len(ordered)) - 1]


def fits(price_usd: float, *, spent_usd: float, kept_back_usd: float, budget_usd: float | None) -> bool:
    """Say whether a stage of this price leaves what certifying needs."""
    return budget_usd is None or spent_usd + price_usd + kept_back_usd <= budget_usd
