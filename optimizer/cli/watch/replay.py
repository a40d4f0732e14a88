"""Plays a run's events again: a clock that runs faster, and events that wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from optimizer.telling.progress import Progress

MOST_GAP_S = 2.0
"""Watching time for a pause in which no driver worked on the run."""


class ReplayClock:
    """Tell the time of the events being replayed.

    Args:
        speed: How many times faster than it was; None does not wait at all.
        sleep: Waits, in real seconds.
        monotonic: Real seconds.
    """

    def __init__(
        self,
        speed: float | None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speed = speed
        self._sleep = sleep
        self._monotonic = monotonic
        self._at = self._until = 0.0
        self._since = monotonic()

    def __call__(self) -> float:
        """Give the replayed time, Unix seconds; it stands still where the next event is late."""
        if self._speed is None:
            return self._at
        return min(self._at + (self._monotonic() - self._since) * self._speed, self._until)

    def wait_for(self, at: float, *, most_s: float | None = None) -> None:
        """Let the time go on until `at`; a longer real wait than `most_s` is cut short."""
        if self._speed is not None and self._at:
            self._until = max(at, self._at)
            wait_s = (self._until - self()) / self._speed
            self._sleep(max(min(wait_s, most_s if most_s is not None else wait_s), 0.0))
        self._at = self._until = at
        self._since = self._monotonic()


def paced(events: Iterable[Progress], clock: ReplayClock) -> Iterator[Progress]:
    """Give each event when the clock has come to it."""
    for event in events:
        if event.at is not None:
            clock.wait_for(event.at, most_s=MOST_GAP_S if event.kind == "started" else None)
        yield event
