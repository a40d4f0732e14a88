"""Draws in a thread of its own, so that a terminal that is stopped, stuck or gone never stops the night."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from optimizer.telling.progress import Listener, Progress

MOST_WAITING = 1000
"""Events kept for a view that is behind; beyond it, counts of attempts are dropped, as newer ones hold more."""
PATIENCE_S = 2.0


class Aside:
    """Hand events to `draw` in another thread, in order; the caller never waits for it.

    Safe to be called from a signal's handler, in the middle of a call.
    """

    def __init__(self, draw: Listener) -> None:
        self._draw = draw
        self._waiting: SimpleQueue[Progress | None] = SimpleQueue()
        self._gone = False
        self._thread = threading.Thread(target=self._work, name="drawing", daemon=True)
        self._thread.start()

    def __call__(self, progress: Progress) -> None:
        """Have the event drawn."""
        if progress.kind != "attempts" or self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(progress)

    def end(self, patience_s: float = PATIENCE_S) -> bool:
        """Wait until everything is drawn; say whether it was, or whether the view is stuck or gone."""
        self._waiting.put(None)
        self._thread.join(patience_s)
        return not (self._gone or self._thread.is_alive())

    def _work(self) -> None:
        while (progress := self._waiting.get()) is not None:
            if not self._gone:
                try:
                    self._draw(progress)
                except OSError:
                    self._gone = True
