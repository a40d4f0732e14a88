"""Redraws the live view on a terminal, whatever its size becomes."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from optimizer.cli.watch.board import Board
from optimizer.cli.watch.panel import ASCII, UNICODE, panel
from optimizer.cli.watch.plain import hang
from optimizer.cli.watch.pulse import Pulse
from optimizer.cli.watch.words import clock_time, words
from optimizer.telling.progress import InTurn, Progress

REDRAW_S = 0.25
LASTING: Final = frozenset(
    {"started", "notice", "pruned", "certified", "finished", "paused", "stopped", "needs_attention", "retrying"}
)
"""Kinds that also get a line above the view, which stays when the view moves on."""


class Terminal:
    """Draw events as one view at the bottom of the screen; what must not be missed scrolls above it.

    Args:
        console: The terminal.
        clock: The time on which events happen, Unix seconds.
        heading: Said in the view's first line.
        keep: Leave the last view on the screen at the end.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float], heading: str = "", keep: bool = False) -> None:
        self._console = console
        self._clock = clock
        self._heading = heading
        self._board = Board(doing_since=clock())
        self._glyphs = ASCII if console.options.ascii_only else UNICODE
        self._size = console.size
        self._live = Live(console=console, auto_refresh=False, transient=not keep, vertical_overflow="crop")
        self._in_turn = InTurn(self._draw)
        self._pulse = Pulse(self._beat, REDRAW_S)

    def __enter__(self) -> Terminal:
        self._live.start()
        self._pulse.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pulse.__exit__(kind, error, trace)
        self._refresh()
        self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Follow an event; the next redrawing shows it."""
        self._in_turn(progress)

    def catch_up(self, progress: Progress) -> None:
        """Follow an event of the past without a line for it."""
        self._in_turn.do(lambda: self._take(progress))

    def _take(self, progress: Progress) -> None:
        self._board.take(progress, progress.at if progress.at is not None else self._clock())

    def _draw(self, progress: Progress) -> None:
        self._take(progress)
        if progress.kind in LASTING:
            now = progress.at if progress.at is not None else self._clock()
            line = f"{clock_time(now, now)}  {words(progress)}"
            self._console.print(Text(hang(line, self._console.width, indent=7)))

    def _beat(self) -> None:
        self._in_turn.between(self._refresh)

    def _refresh(self) -> None:
        """Redraw; after a change of size from an empty screen, as old lines may be broken differently now."""
        size = self._console.size
        if size != self._size:
            self._size = size
            self._console.clear()
        width, height = size
        lines = panel(
            self._board, self._clock(), width=width - 1, height=height - 1, glyphs=self._glyphs, heading=self._heading
        )
        self._live.update(Group(*lines), refresh=True)
