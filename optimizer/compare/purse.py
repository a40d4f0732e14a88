"""Money for a comparison: counted while it is spent, so that launching stops before it is used up."""

from __future__ import annotations

from optimizer.state import Spend
from optimizer.telling.progress import Listener, Progress


class Purse:
    """Listen to a stage's events, and say when one attempt more might cost too much.

    Args:
        budget_usd: All that may be spent; None for no limit.
        listen: Hears what this hears.
    """

    def __init__(self, budget_usd: float | None, listen: Listener) -> None:
        self._budget_usd = budget_usd
        self._listen = listen
        self._spent = self._before = self._price = 0.0
        self._in_flight = self._ended = 0

    def open(self, spent: Spend, price_usd: float) -> None:
        """Take note of what was spent before, and of what an attempt costs as far as that is known."""
        self._spent = self._before = spent.usd
        self._price = price_usd

    def hear(self, progress: Progress) -> None:
        """Count an attempt that ended, with its price."""
        if progress.kind == "attempts":
            self._in_flight = int(progress.data["in_flight"])
            self._spent = max(self._spent, float(progress.data["usd"]))
            self._ended += 1
            self._price = max(self._price, (self._spent - self._before) / self._ended)
        self._listen(progress)

    def is_empty(self) -> bool:
        """Say whether the next attempt must not start; a no counts it as started."""
        if self._budget_usd is not None and self._spent + (self._in_flight + 1) * self._price > self._budget_usd:
            return True
        self._in_flight += 1
        return False
