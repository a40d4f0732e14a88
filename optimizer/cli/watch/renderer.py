"""What the renderers that write lines have in common: one event at a time, and a sign of life in a silence."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

from optimizer.cli.watch.board import Board
from optimizer.cli.watch.pulse import HEARTBEAT_S, Pulse
from optimizer.telling.progress import InTurn, Progress

Clock = Callable[[], float]


class LineRenderer(ABC):
    """Write events, and a sign of life where none comes for a while.

    Args:
        write: Takes lines.
        heartbeat_s: The longest silence; 0 for no heartbeat.
        clock: Unix seconds, for events without a time of their own.
    """

    def __init__(
        self, write: Callable[[str], None], *, heartbeat_s: float = HEARTBEAT_S, clock: Clock = time.time
    ) -> None:
        self._write = write
        self._heartbeat_s = heartbeat_s
        self._clock = clock
        self._said_at = clock()
        self._board = Board()
        self._in_turn = InTurn(self._draw)
        self._pulse = Pulse(self.beat, heartbeat_s / 4)

    def __enter__(self) -> Self:
        self._pulse.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pulse.__exit__(kind, error, trace)

    def __call__(self, progress: Progress) -> None:
        """Write what the event has to say."""
        self._in_turn(progress)

    def catch_up(self, progress: Progress) -> None:
        """Follow an event of the past without a line for it."""
        self._in_turn.do(lambda: self._take(progress))

    def beat(self) -> None:
        """Write a sign of life when the last line is long past."""
        self._in_turn.between(self._live_on)

    def _time_of(self, progress: Progress) -> float:
        return progress.at if progress.at is not None else self._clock()

    def _take(self, progress: Progress) -> None:
        self._board.take(progress, self._time_of(progress))

    def _live_on(self) -> None:
        now = self._clock()
        if abs(now - self._said_at) >= self._heartbeat_s:
            self._say_alive(now)

    def _put(self, line: str) -> None:
        self._said_at = self._clock()
        self._write(line)

    @abstractmethod
    def _draw(self, progress: Progress) -> None:
        """Follow an event and write it."""

    @abstractmethod
    def _say_alive(self, now: float) -> None:
        """Write that work goes on."""
