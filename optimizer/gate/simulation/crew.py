"""Many seeds on many processes, with the same results as on one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

Outcome = TypeVar("Outcome")


def _quiet() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Crew:
    """Play seeds in order; outcomes depend on the seeds alone, never on the number of processes.

    Args:
        processes: How many; 1 plays in this process.
        heard: Is told what is played, and how many of how many seeds are done.
    """

    def __init__(self, processes: int = 1, heard: Callable[[str, int, int], None] | None = None) -> None:
        self._heard = heard or (lambda words, done, of: None)
        # Spawned, not forked: threads of numpy's do not survive a fork.
        self._pool: Pool | None = get_context("spawn").Pool(processes, _quiet) if processes > 1 else None

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()

    def play(self, one: Callable[[int], Outcome], seeds: Sequence[int], words: str = "") -> list[Outcome]:
        """Play every seed; `one` must be importable, or a `partial` of what is."""
        outcomes = []
        for outcome in self._pool.imap(one, seeds) if self._pool is not None else map(one, seeds):
            outcomes.append(outcome)
            self._heard(words, len(outcomes), len(seeds))
        return outcomes
