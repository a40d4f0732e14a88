"""What a request costs: dated prices from a file, and sums that say "unpriced" rather than guess."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from task_agent.models._rates import Price
from traces.event import TokenUsage

_SNAPSHOT = re.compile(r"-\d{8}$")


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Answer what a request cost on its day.

    `prices` maps a model id to its prices, newest first. A dated snapshot id
    (`claude-haiku-4-5-20251001`) falls back to its plain id; no other guess is made.
    """

    prices: Mapping[str, tuple[Price, ...]]
    checked: date | None = None

    @classmethod
    def load(cls, path: Path) -> PriceTable:
        """Read a price file.

        Raises:
            NotFoundError: There is no such file.
            ConfigError: The file is not YAML of the right shape.
        """
        from task_agent.models._price_file import read_prices  # pydantic: 0.2 s that only loading needs

        checked, prices = read_prices(path)
        return cls(prices=prices, checked=checked)

    def price(self, model: str, on: date) -> Price | None:
        """Give the price that holds for `model` on a day (UTC), or None when there is none."""
        prices = self.prices.get(model) or self.prices.get(_SNAPSHOT.sub("", model), ())
        return next((price for price in prices if price.since <= on), None)

    def cost(self, model: str, usage: TokenUsage, on: date, *, stored_1h: int = 0) -> float | None:
        """Give what one request cost in USD, or None for "unpriced".

        Call it once per request, never on a sum: bands depend on the length of each prompt.

        Args:
            model: The model's id.
            usage: The request's tokens.
            on: The day of the request (UTC).
            stored_1h: How many of `usage.cache_write` were stored for an hour rather than 5 minutes.
        """
        price = self.price(model, on)
        if price is None:
            return None
        prompt = usage.input + usage.cache_read + usage.cache_write
        return price.rates_for(prompt).cost(usage, stored_1h=stored_1h)
