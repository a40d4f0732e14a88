"""Events as JSON lines, the same that stand in the run's log, for programs."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from optimizer.cli.watch.board import Board
from optimizer.cli.watch.plain import HEARTBEAT_S
from optimizer.cli.watch.pulse import Pulse
from optimizer.events import to_line
from optimizer.progress import InTurn, Progress


class JsonLines:
    """Write each logged event as one line, and a `heartbeat` without a number where none comes for a while.

    Args:
        write: Takes lines.
        heartbeat_s: The longest silence; 0 for no heartbeat.
        clock: Unix seconds.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        heartbeat_s: float = HEARTBEAT_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._write = write
        self._heartbeat_s = heartbeat_s
        self._clock = clock
        self._said_at = clock()
        self._board = Board()
        self._in_turn = InTurn(self._draw)
        self._pulse = Pulse(self.beat, self._heartbeat_s / 4)

    def __enter__(self) -> JsonLines:
        self._pulse.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pulse.__exit__(kind, error, trace)

    def __call__(self, progress: Progress) -> None:
        """Write the event's line."""
        self._in_turn(progress)

    def catch_up(self, progress: Progress) -> None:
        """Follow an event of the past without a line for it."""
        self._in_turn.do(lambda: self._take(progress))

    def _take(self, progress: Progress) -> None:
        self._board.take(progress, progress.at if progress.at is not None else self._clock())

    def beat(self) -> None:
        """Write a sign of life when the last line is long past."""
        self._in_turn.between(self._say_alive)

    def _draw(self, progress: Progress) -> None:
        self._take(progress)
        if progress.seq is not None or progress.kind != "attempts":
            self._say(progress)

    def _say_alive(self) -> None:
        now = self._clock()
        if abs(now - self._said_at) >= self._heartbeat_s:
            self._say(Progress("heartbeat", self._board.describe(), at=now))

    def _say(self, progress: Progress) -> None:
        self._said_at = self._clock()
        self._write(to_line(progress).decode().rstrip("\n"))
