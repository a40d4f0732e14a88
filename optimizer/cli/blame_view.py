"""Where the lines of a harness come from, as a terminal shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from optimizer.cli.output import clip, escape, one_line, paint, points, say, tell, wrap
from optimizer.reading.blame import Blamed, BlamedLine, Effect

MOST_LINES = 200
MOST_CHARS = 400
TITLE = 48


def write_blame(found: Blamed, *, full: bool) -> None:
    """Write what each candidate did, and below every line with the one that brought it in."""
    for line in summary(found.effects):
        say(line)
    drawn = list(lines(found.files, found.chain[0]))
    for line in drawn if full else drawn[:MOST_LINES]:
        say(line)
    if not full and len(drawn) > MOST_LINES:
        tell(f"showing {MOST_LINES} of {len(drawn):,} lines; add --file PATH or --full")


def record(found: Blamed) -> dict[str, Any]:  # Any: JSON
    """Give it as JSON."""
    files = {path: [line._asdict() for line in each] for path, each in found.files.items()}
    return {"candidates": [asdict(effect) for effect in found.effects], "files": files}


def summary(effects: Sequence[Effect]) -> Iterator[str]:
    """Say what each candidate was measured to do."""
    for effect in effects:
        yield paint(f"{effect.candidate}  {effect.verdict:<9}  {clip(one_line(effect.title), TITLE)}", "bold")
        told = [f"{effect.lines:,} line{'' if effect.lines == 1 else 's'} left"]
        if effect.gain is not None:
            low, high = effect.interval or (None, None)
            between = "" if low is None or high is None else f" ({100 * low:+.1f} to {100 * high:+.1f})"
            told.append(f"{points(effect.gain)}{between} on held-out tasks in its gate test")
        if effect.train_change is not None:
            told.append(f"{points(effect.train_change)} on train tasks")
        yield wrap(", ".join(told), "      ")


def lines(files: Mapping[str, Sequence[BlamedLine]], baseline: str) -> Iterator[str]:
    """Give every line with its candidate before it; what was there from the beginning is dim."""
    for path, found in files.items():
        yield ""
        yield paint(path, "bold")
        for number, line in enumerate(found, 1):
            text = clip(escape(line.text), MOST_CHARS)
            told = f"{line.candidate}  {number:>4}  {text}".rstrip()
            yield paint(told, "dim") if line.candidate == baseline else told
