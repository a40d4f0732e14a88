"""One line per event, for pipes, logs and terminals that can do no more."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from datetime import date, datetime

from optimizer.cli.manner import COLUMNS
from optimizer.cli.watch.pulse import HEARTBEAT_S
from optimizer.cli.watch.renderer import Clock, LineRenderer
from optimizer.cli.watch.words import is_small, words
from optimizer.telling.progress import Progress
from optimizer.words import duration, money

LEAST_COLUMNS = 40
MOST_CHARS = 600
INDENT = 10


class Plain(LineRenderer):
    """Write each event, and a sign of life where none comes for a while.

    Lines are broken between words, with what follows set below the first word. Attempts, and steps of
    a single attempt, are left to the heartbeat.

    Args:
        write: Takes lines.
        columns: The width they are broken at.
        heartbeat_s: The longest silence; 0 for no heartbeat.
        clock: Unix seconds, for events without a time of their own.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        columns: int = COLUMNS,
        heartbeat_s: float = HEARTBEAT_S,
        clock: Clock = time.time,
    ) -> None:
        super().__init__(write, heartbeat_s=heartbeat_s, clock=clock)
        self._columns = columns
        self._begun = self._said_at
        self._day: date | None = None

    def _draw(self, progress: Progress) -> None:
        now = self._time_of(progress)
        line = "" if is_small(progress) else words(progress)
        if progress.kind == "stage_ended" and line and self._board.stage is not None:
            line = f"{line} in {duration(max(now - self._board.stage.begun, 0.0))}{_missing(progress)}"
        self._take(progress)
        if line:
            self._say(line, now)

    def _say_alive(self, now: float) -> None:
        board = self._board
        budget = board.limits.get("budget_usd")
        spent = "" if board.usd is None else f"; {money(board.usd, unpriced=board.unpriced)}"
        spent += f" of {money(budget)} spent" if spent and budget else " spent" if spent else ""
        self._say(f"at work for {duration(board.elapsed_s(now) or now - self._begun)}; {board.describe()}{spent}", now)

    def _say(self, line: str, now: float) -> None:
        moment = datetime.fromtimestamp(now).astimezone()
        if self._day != moment.date():
            if self._day is not None:
                self._write(f"{moment:%A %-d %B %Y}")
            self._day = moment.date()
        self._put(hang(f"{moment:%H:%M:%S}  {line}", self._columns))


def hang(line: str, columns: int, *, indent: int = INDENT) -> str:
    """Wrap a line that begins with the time, its rest below its own first word.

    A word that is wider than a line, such as a path to copy, is left whole.
    """
    text = line if len(line) <= MOST_CHARS else f"{line[:MOST_CHARS]} ..."
    return "\n".join(
        textwrap.wrap(
            text,
            max(columns, LEAST_COLUMNS),
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
            break_long_words=False,
        )
    )


def _missing(progress: Progress) -> str:
    missing = progress.data.get("missing", 0)
    return f", {missing:,} missing" if missing else ""
