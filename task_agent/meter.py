"""What an attempt may use, and what it has used: one meter for all its agents."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from task_agent.errors import OutOfMoneyError, OutOfTimeError, OutOfTokensError, OutOfTurnsError
from task_agent.models.base import ModelReply
from traces.event import TokenUsage

GRACE_S = 2.0
"""Seconds the model client and the sandbox get to end a call by themselves once time is up."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Bound an attempt; None is no bound."""

    turns: int | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Remaining:
    """Say what is left of a budget; None is no bound."""

    turns: int | None
    tokens: int | None
    cost_usd: float | None
    time_s: float | None


class Meter:
    """Count turns, tokens, money and time; read it after an attempt, however it ended.

    A request without a known price adds to `unpriced_requests` and nothing to the money.

    Args:
        budget: The bounds.
        clock: Gives seconds that only grow; time counts from `start`, or from the first use.
        grace_s: How long after the end of time a call that does not end itself is cancelled.
    """

    def __init__(
        self, budget: Budget, clock: Callable[[], float] = time.monotonic, *, grace_s: float = GRACE_S
    ) -> None:
        self.budget = budget
        self.turns = 0
        self.usage = TokenUsage()
        self.unpriced_requests = 0
        self._requests = 0
        self._priced_usd = 0.0
        self._clock = clock
        self._grace_s = grace_s
        self._started: float | None = None

    def start(self) -> None:
        """Let time run, unless it runs already."""
        if self._started is None:
            self._started = self._clock()

    def charge(self, reply: ModelReply) -> None:
        """Count one model call."""
        self.turns += 1
        self.charge_beside(reply)

    def charge_beside(self, reply: ModelReply) -> None:
        """Count what a call used that is no turn of an agent, such as a judge's."""
        self._requests += 1
        self.usage += reply.usage
        if reply.cost_usd is None:
            self.unpriced_requests += 1
        else:
            self._priced_usd += reply.cost_usd

    @property
    def cost_usd(self) -> float | None:
        """Money of the priced requests; None when there were requests and none had a price."""
        return None if self.unpriced_requests and self.unpriced_requests == self._requests else self._priced_usd

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start; 0 before it."""
        return 0.0 if self._started is None else self._clock() - self._started

    @property
    def time_left_s(self) -> float:
        """Seconds left, not below 0; infinite without a bound."""
        return math.inf if self.budget.time_s is None else max(0.0, self.budget.time_s - self.elapsed_s)

    @property
    def remaining(self) -> Remaining:
        """Everything that is left."""
        bound = self.budget
        return Remaining(
            turns=None if bound.turns is None else max(0, bound.turns - self.turns),
            tokens=None if bound.tokens is None else max(0, bound.tokens - self.usage.total),
            cost_usd=None if bound.cost_usd is None else max(0.0, bound.cost_usd - self._priced_usd),
            time_s=None if bound.time_s is None else self.time_left_s,
        )

    def check(self) -> None:
        """Refuse a further step when something is used up.

        Raises:
            OutOfTimeError, OutOfTurnsError, OutOfTokensError, OutOfMoneyError: That is used up.
        """
        bound = self.budget
        self.check_time()
        if bound.turns is not None and self.turns >= bound.turns:
            raise OutOfTurnsError(f"all {bound.turns} turns are used")
        if bound.tokens is not None and self.usage.total >= bound.tokens:
            raise OutOfTokensError(f"{self.usage.total:,} tokens are used, of {bound.tokens:,}")
        if bound.cost_usd is not None and self._priced_usd >= bound.cost_usd:
            raise OutOfMoneyError(f"{self._priced_usd:.4f} USD are used, of {bound.cost_usd:.4f}")

    def check_time(self) -> None:
        """Refuse a further step when time is up.

        Raises:
            OutOfTimeError: It is.
        """
        self.start()
        if self.time_left_s <= 0:
            raise OutOfTimeError(f"all {self.budget.time_s:g} s are used")

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Cancel what runs inside soon after time is up.

        Raises:
            OutOfTimeError: Time was up.
        """
        self.start()
        left = self.time_left_s
        try:
            async with asyncio.timeout(None if left == math.inf else left + self._grace_s) as limit:
                yield
        except TimeoutError:
            if limit.expired():
                raise OutOfTimeError(f"all {self.budget.time_s:g} s are used") from None
            raise
