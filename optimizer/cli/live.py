"""Chooses how a run's events are drawn: a live view, plain lines, JSON lines, or not at all."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import StrEnum
from typing import Annotated, Protocol, TextIO

import typer

from optimizer.cli.manner import COLUMNS, NOW, on_terminal
from optimizer.cli.output import tell
from optimizer.cli.watch.pulse import HEARTBEAT_S
from optimizer.telling.progress import Listener, Progress, silent


class Display(StrEnum):
    """Name the ways of drawing events."""

    AUTO = "auto"
    RICH = "rich"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


ShowAs = Annotated[
    Display,
    typer.Option(
        "--display", help="How events are drawn: rich on a terminal, plain or json lines, or none; auto chooses."
    ),
]


class View(Protocol):
    """Draw events as they come."""

    def __call__(self, progress: Progress) -> None:
        """Draw an event."""
        ...

    def catch_up(self, progress: Progress) -> None:
        """Take note of an event of the past, without drawing it by itself."""
        ...


class Blank:
    """Draw nothing."""

    def __call__(self, progress: Progress) -> None:
        """Do nothing."""

    def catch_up(self, progress: Progress) -> None:
        """Do nothing."""


@contextmanager
def listener(display: Display = Display.AUTO) -> Iterator[Listener]:
    """Draw a run's events on stderr while it is driven; its summary alone goes to stdout."""
    display = Display.NONE if NOW.quiet else settled(display, sys.stderr)
    if display is Display.NONE:
        yield silent
        return
    from optimizer.cli.watch.aside import Aside

    stack = ExitStack()
    aside = Aside(stack.enter_context(drawn(display, sys.stderr)))
    try:
        yield aside
    finally:
        if aside.end():
            with suppress(OSError):
                stack.close()


@contextmanager
def drawn(
    display: Display,
    stream: TextIO,
    *,
    clock: Callable[[], float] = time.time,
    heading: str = "",
    keep: bool = False,
    heartbeat_s: float = HEARTBEAT_S,
) -> Iterator[View]:
    """Draw events on a stream.

    Args:
        display: The way; a live view falls back to lines where the stream is no terminal.
        stream: Where to.
        clock: The time on which the events happen, Unix seconds.
        heading: Said at the top of a live view.
        keep: Leave the last live view on the screen.
        heartbeat_s: The longest silence of lines; 0 for no heartbeat.
    """

    def write(text: str) -> None:
        stream.write(f"{text}\n")
        stream.flush()

    match settled(display, stream):
        case Display.RICH:
            from rich.console import Console

            from optimizer.cli.watch.terminal import Terminal

            console = Console(file=stream, highlight=False)
            with Terminal(console, clock=clock, heading=heading, keep=keep) as terminal:
                yield terminal
        case Display.JSON:
            from optimizer.cli.watch.lines import JsonLines

            with JsonLines(write, heartbeat_s=heartbeat_s, clock=clock) as lines:
                yield lines
        case Display.NONE:
            yield Blank()
        case _:
            from optimizer.cli.watch.plain import Plain

            with Plain(write, columns=columns(stream), heartbeat_s=heartbeat_s, clock=clock) as plain:
                yield plain


def settled(display: Display, stream: TextIO) -> Display:
    """Settle what `auto` means for a stream, and whether a live view is possible on it."""
    fits = on_terminal(stream) and os.environ.get("TERM") not in ("dumb", "unknown")
    if display is Display.AUTO:
        return Display.RICH if fits else Display.PLAIN
    if display is Display.RICH and not fits:
        tell("--display rich needs a terminal that can move its cursor; plain lines are written instead")
        return Display.PLAIN
    return display


def columns(stream: TextIO) -> int:
    """Give the width lines are broken at: the terminal's, or `COLUMNS`, or 80."""
    if on_terminal(stream):
        return os.get_terminal_size(stream.fileno()).columns or COLUMNS
    return shutil.get_terminal_size((COLUMNS, 24)).columns if "COLUMNS" in os.environ else COLUMNS
