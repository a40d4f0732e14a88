"""What a run tells while it works: one stream of events, logged, and drawn by whoever listens."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

KINDS: Final[Mapping[str, str]] = {
    "started": "a driver took the run up; how the run stands, and its limits",
    "notice": "something a person should know",
    "measured": "preflight or baseline is concluded, with its train score",
    "proposing": "a proposer's session begins",
    "reviewing": "a reviewer's session about a proposal begins",
    "proposed": "it ended, with a candidate or without",
    "reflecting": "a judge's session begins",
    "stage_started": "attempts of a stage are about to start",
    "attempts": "how far they are; comes often",
    "stage_ended": "the stage's attempts are over",
    "look": "one look of a gate test was taken",
    "verdict": "a candidate was decided, with cause, reason and title",
    "pruned": "kept changes that carry nothing were taken out, or why not",
    "certified": "the sealed test split was scored",
    "finished": "the run is over",
    "paused": "the driver waits, or has left the run to be resumed",
    "stopped": "a person or a limit stopped the run; it can be resumed",
    "needs_attention": "the run cannot go on by itself",
    "retrying": "an outage is waited out; the stage is tried again",
}
"""Kind of event -> what it says. Docs hold a table of each kind's data."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Tell one thing.

    `kind` is a key of `KINDS`. `text` and `data` may quote agents: whoever draws them makes them safe.
    The log gives `at` (Unix seconds) and `seq`; without `seq` an event is drawn but not written down.
    """

    kind: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)  # Any: numbers and names, different by kind
    at: float | None = None
    seq: int | None = None


Listener = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Listen to nothing."""


class InTurn:
    """Hand events to a listener one by one, whoever calls, and whenever.

    A signal's handler tells events too, in the middle of whatever the main thread does: an event that
    comes while another is being handled waits for it, and is handled by the same hand.
    """

    def __init__(self, handle: Listener) -> None:
        self._handle = handle
        self._waiting: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()

    def __call__(self, progress: Progress) -> None:
        """Handle the event, or leave it to the one who handles one now."""
        self.do(lambda: self._handle(progress))

    def do(self, work: Callable[[], None]) -> None:
        """Do something in its turn among the events."""
        self._waiting.append(work)
        self._drain()

    def between(self, work: Callable[[], None]) -> None:
        """Do something while no event is handled; left out when one is."""
        if self._lock.acquire(blocking=False):
            try:
                work()
            finally:
                self._lock.release()
            self._drain()

    def _drain(self) -> None:
        while self._waiting and self._lock.acquire(blocking=False):
            try:
                while self._waiting:
                    self._waiting.popleft()()
            finally:
                self._lock.release()
