"""Events as JSON lines, the same that stand in the run's log, for programs."""

from __future__ import annotations

from optimizer.cli.watch.renderer import LineRenderer
from optimizer.telling.events import to_line
from optimizer.telling.progress import Progress


class JsonLines(LineRenderer):
    """Write each logged event as one line, and a `heartbeat` without a number where none comes for a while."""

    def _draw(self, progress: Progress) -> None:
        self._take(progress)
        if progress.seq is not None or progress.kind != "attempts":
            self._say(progress)

    def _say_alive(self, now: float) -> None:
        self._say(Progress("heartbeat", self._board.describe(), at=now))

    def _say(self, progress: Progress) -> None:
        self._put(to_line(progress).decode().rstrip("\n"))
