"""How an outage is waited out: longer from time to time, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wait:
    """Say how long to wait before the next try, its number, and how long the outage has lasted."""

    seconds: float
    number: int
    since_s: float


class Patience:
    """Count the tries of one outage after the other.

    Args:
        first_s: The first wait; each further one is twice as long.
        longest_s: The longest wait.
        give_up_s: How long an outage may last; 0 gives up at once.
        clock: Monotonic seconds.
    """

    def __init__(
        self, first_s: float, longest_s: float, give_up_s: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._give_up_s = give_up_s
        self._clock = clock
        self._since: float | None = None
        self._tries = 0

    @property
    def tried(self) -> bool:
        """Say whether an outage is being waited out."""
        return self._since is not None

    def failed(self) -> Wait | None:
        """Say how long to wait after a failure; None means to give up."""
        now = self._clock()
        if self._since is None:
            self._since = now
        lasted = now - self._since
        left = self._give_up_s - lasted
        if left <= 0:
            return None
        wait = min(self._first_s * 2.0 ** min(self._tries, 60), self._longest_s, left)
        self._tries += 1
        return Wait(wait, self._tries, lasted)

    def recovered(self) -> None:
        """Forget the outage: something worked."""
        self._since = None
        self._tries = 0
