"""Where a page of a trace goes: through a pager on a terminal, bounded into a pipe."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from optimizer.cli.manner import NOW, on_terminal
from optimizer.cli.options import RUNS
from optimizer.cli.output import WIDEST, Colour, paint, say, tell
from traces.reader import laid_out
from traces.styled import Line, Style

MOST_LINES: Final = 400
"""Lines of a page that nobody pages through, and that nobody wanted in full."""
_NARROWEST: Final = 30
_COLOURS: Final[dict[Style, Colour]] = {
    Style.STRONG: "bold",
    Style.FAINT: "dim",
    Style.MATCH: "yellow",
    Style.GOOD: "green",
    Style.BAD: "red",
}


def columns() -> int:
    """Give the columns there are: the terminal's, or those of COLUMNS, or 100."""
    return max(shutil.get_terminal_size((WIDEST, 24)).columns, _NARROWEST)


def wrapping() -> int | None:
    """Give the columns that lines are wrapped to; None for a pipe, which gets them whole."""
    return columns() if on_terminal() or os.environ.get("COLUMNS") else None


def coloured(text: str, style: Style) -> str:
    """Colour text where colours fit."""
    return paint(text, _COLOURS[style]) if style in _COLOURS else text


def show(lines: Iterable[Line], *, width: int | None, paged: bool, bounded: bool, more: str) -> None:
    """Write a page.

    Args:
        lines: The page.
        width: What lines are wrapped to; None leaves them whole.
        paged: Page it where there is a terminal to page on.
        bounded: Stop after `MOST_LINES` where it is not paged.
        more: What shows the rest.
    """
    painted = (each.painted(coloured).rstrip() for each in laid_out(lines, width))
    if paged and _through_pager(painted):
        return
    if not bounded:
        for text in painted:
            say(text)
        return
    for text in islice(painted, MOST_LINES):
        say(text)
    rest = sum(1 for _ in painted)
    if rest:
        tell(f"showing {MOST_LINES:,} of {MOST_LINES + rest:,} lines; add {more}")


def next_commands(runs_dir: Path, *commands: tuple[str, str]) -> None:
    """Name what to do next, on stderr: each a command and what it is good for."""
    where = "" if runs_dir == RUNS else f" --runs-dir {shlex.quote(str(runs_dir))}"
    written = [(f"ratchet {command}{where}", why) for command, why in commands]
    longest = max(len(command) for command, _ in written)
    wide = longest + 6 + max(len(why) for _, why in written) <= columns()
    tell("\nnext")
    for command, why in written:
        tell(f"  {command:<{longest}}  # {why}" if wide else f"  {command}")


def _pager() -> list[str]:
    """Read PAGER, `less` when it is not set; nothing when there is none or none is wanted."""
    wanted = os.environ.get("PAGER", "less")
    if NOW.no_input or not on_terminal() or os.environ.get("TERM", "dumb") == "dumb":
        return []
    try:
        words = shlex.split(wanted)
    except ValueError:
        words = []
    if not words or words == ["cat"]:
        return []
    if shutil.which(words[0]) is None:
        if "PAGER" in os.environ:
            tell(f"PAGER={wanted} is not there, so nothing is paged; `export PAGER=less` or --no-pager")
        return []
    return [*words, "-R"] if Path(words[0]).name == "less" else words


def _through_pager(painted: Iterator[str]) -> bool:
    """Page the lines; False when there is no pager, and then no line is taken."""
    words = _pager()
    if not words:
        return False
    # -F: a page that fits the screen is simply printed; -X: it stays there after the pager has ended.
    env = {"LESS": "FRX", "LESSCHARSET": "utf-8", **os.environ}
    with (
        _undisturbed(),
        subprocess.Popen(words, stdin=subprocess.PIPE, text=True, encoding="utf-8", errors="replace", env=env) as pager,
    ):
        assert pager.stdin is not None  # it was asked for
        try:
            for text in painted:
                pager.stdin.write(f"{text}\n")
            pager.stdin.close()
        except BrokenPipeError:  # whoever reads has seen enough
            pass
    return True


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Leave Ctrl-C to the pager, which reads on after it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
