"""What one model costs: rates, the day from which they hold, and bands by the length of a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from traces.event import TokenUsage

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Hold one set of rates in USD per million tokens; `cache_read` None means not known."""

    input: float
    output: float
    cache_read: float | None
    cache_write_5m: float
    cache_write_1h: float

    def cost(self, usage: TokenUsage, *, stored_1h: int = 0) -> float | None:
        """Add up one request, or give None when a needed rate is not known."""
        if usage.cache_read and self.cache_read is None:
            return None
        stored_5m = max(usage.cache_write - stored_1h, 0)
        total = (
            usage.input * self.input
            + usage.output * self.output
            + usage.cache_read * (self.cache_read or 0.0)
            + stored_5m * self.cache_write_5m
            + stored_1h * self.cache_write_1h
        )
        return total / MILLION


@dataclass(frozen=True, slots=True)
class Price:
    """Say what one model costs from the day `since` on; `bands` are (prompt longer than, rates), longest first."""

    since: date
    rates: Rates
    bands: tuple[tuple[int, Rates], ...]
    source: str
    nominal: bool

    def rates_for(self, prompt_tokens: int) -> Rates:
        """Pick the rates for a prompt of this length."""
        for above, rates in self.bands:
            if prompt_tokens > above:
                return rates
        return self.rates
