"""The live view as lines of text: a pure function of the board, the time and the size of the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from optimizer.cli.output import one_line
from optimizer.cli.watch.board import Board, Stair
from optimizer.cli.watch.words import about, clock_time, verdict_word
from optimizer.words import duration, money

LABEL = 10
LABEL_NARROW = 7
NARROW = 60
WIDEST = 120
"""A line longer than this is hard to read; wider terminals keep the rest empty."""
LEAST_BAR, MOST_BAR = 8, 40
LEAST_TITLE = 16
MOST_VERDICTS = 6
STYLES: Final = {"keep": "green", "undecided": "yellow", "invalid": "yellow", "running": "bold", "finished": "green"}


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Hold the characters that pictures are made of; `marks` are those of verdicts in the climb."""

    full: str
    half: str
    empty: str
    rule: str
    steps: str
    kept: str
    refused: str
    unknown: str
    ellipsis: str


UNICODE: Final = Glyphs("━", "╸", "─", "─", "▁▂▃▄▅▆▇█", "●", "○", "·", "…")
ASCII: Final = Glyphs("#", "-", ".", "-", "_.-:=+*#", "K", "o", ".", "~")


class Section(NamedTuple):
    """Hold lines that are left out together when the terminal is low; the highest number goes first."""

    rank: int
    lines: list[Text]


def panel(
    board: Board, now: float, *, width: int, height: int, glyphs: Glyphs = UNICODE, heading: str = ""
) -> list[Text]:
    """Lay the board out in at most `height` lines of at most `width` columns.

    Args:
        board: What to show.
        now: The time, on the clock that the board was fed with.
        width: Columns.
        height: Lines.
        glyphs: What pictures are made of.
        heading: Said at the top, such as that this is a replay.
    """
    page = _Page(board, now, min(width, WIDEST), glyphs, heading)
    sections = page.sections()
    room = max(height, 1)
    verdicts = next((section for section in sections if section.rank == VERDICTS), None)
    while sum(len(section.lines) for section in sections) > room and len(sections) > 1:
        worst = max(sections, key=lambda section: section.rank)
        if worst is verdicts and len(worst.lines) > 1:
            worst.lines.pop()
        else:
            sections.remove(worst)
    lines = [line for section in sections for line in section.lines][:room]
    for line in lines:
        _cut(line, width, glyphs)
    return lines


VERDICTS: Final = 5


def _cut(line: Text, width: int, glyphs: Glyphs) -> None:
    if line.cell_len > width:
        line.truncate(max(width - 1, 0))
        line.append(glyphs.ellipsis)


class _Page:
    """Lay one moment out.

    Args:
        board: What to show.
        now: The time.
        width: Columns.
        glyphs: What pictures are made of.
        heading: Said at the top.
    """

    def __init__(self, board: Board, now: float, width: int, glyphs: Glyphs, heading: str) -> None:
        self._board = board
        self._now = now
        self._width = width
        self._glyphs = glyphs
        self._heading = heading
        self._narrow = width < NARROW

    def sections(self) -> list[Section]:
        """Give all sections that have something to say, from top to bottom."""
        ranked: list[tuple[int, Callable[[], Iterator[Text]]]] = [
            (0, self._head),
            (2, self._iteration),
            (0, self._doing),
            (1, self._attempts),
            (4, self._arms),
            (2, self._left),
            (1, self._spend),
            (3, self._climb),
            (VERDICTS, self._verdicts),
        ]
        made = [Section(rank, list(make())) for rank, make in ranked]
        return [section for section in made if section.lines]

    def _row(self, label: str, *parts: Text | str, style: str = "dim") -> Text:
        wide = LABEL_NARROW if self._narrow else LABEL
        return Text.assemble((f"{label:<{wide}}", style), *parts)

    def _room(self) -> int:
        return self._width - (LABEL_NARROW if self._narrow else LABEL)

    def _head(self) -> Iterator[Text]:
        board, rule = self._board, self._glyphs.rule
        name = one_line(board.run)
        left = Text.assemble((f"{rule} ", "dim"), (name if self._narrow else f"ratchet {name}".rstrip(), "bold"))
        if self._heading:
            left.append(f"  {self._heading.split()[0] if self._narrow else self._heading}", "bold magenta")
        if board.simulated:
            left.append("  simulated" if self._narrow else "  SIMULATED MODEL", "yellow")
        right = f" {duration(board.elapsed_s(self._now))} at work {rule}"
        gap = self._width - left.cell_len - 1 - len(right)
        if gap >= 1:
            left.append(f" {rule * gap}{right}", "dim")
        yield left

    def _iteration(self) -> Iterator[Text]:
        board, most = self._board, self._board.limits.get("iterations")
        if board.arms:
            return
        text = f"{board.iteration} of {most}" if most else f"{board.iteration}"
        text = text if board.iteration else "before the first"
        decided = board.decided()
        kept = sum(stair.verdict == "keep" for stair in decided)
        counts = [f"{kept} kept of {len(decided)} decided"] if decided else []
        if self._narrow:
            counts = [f"{kept} of {len(decided)} kept"] if decided else []
            yield self._row("iter", "  ".join(filter(None, [text, board.champion, *counts])))
        else:
            champion = [f"champion {board.champion}"] if board.champion else []
            yield self._row("iteration", "   ".join([text, *champion, *counts]))

    def _doing(self) -> Iterator[Text]:
        board = self._board
        if board.state != "running":
            said = board.headline if board.headline.startswith(board.state) else f"{board.state}: {board.headline}"
            yield self._row("state", Text(said, STYLES.get(board.state, "bold yellow")))
            if board.gain:
                yield self._row("gain", board.gain)
            return
        text = Text(board.doing, "bold")
        for_s = 0.0 if board.doing_since is None else self._now - board.doing_since
        if not (board.stage and board.stage.owed) and for_s >= 2:
            text.append(f", {duration(for_s)}", "dim")
        if title := self._open_title():
            rest = self._room() - text.cell_len - 3
            if rest >= LEAST_TITLE:
                text.append(f"   {_clip(title, rest, self._glyphs)}", "italic")
        yield self._row("now", text)

    def _open_title(self) -> str:
        stair = self._board.stairs.get(self._board.iteration)
        return one_line(stair.title) if stair and stair.candidate and not stair.verdict else ""

    def _attempts(self) -> Iterator[Text]:
        stage = self._board.stage
        if stage is None or stage.total < 2:  # a smoke attempt comes and goes
            return
        parts = [f"{stage.done:,} of {stage.total:,}"]
        if stage.owed:
            parts.append(f"{stage.in_flight:,} in flight" if stage.in_flight is not None else self._at_most(stage.owed))
        if stage.missing:
            parts.append(f"{stage.missing:,} missing")
        said = ", ".join(parts)
        yield self._row(
            "done" if self._narrow else "attempts", self._bar(stage.done / stage.total, len(said), "cyan"), said
        )

    def _at_most(self, owed: int) -> str:
        return f"up to {min(owed, self._board.slots):,} in flight" if self._board.slots else "starting"

    def _arms(self) -> Iterator[Text]:
        stage = self._board.stage
        if stage is None or stage.total < 2:
            return
        for name, arm in list(stage.arms.items())[: len(self._board.arms) or 2]:
            role = self._role(name)
            missing = f", {arm['missing']:,} missing" if arm.get("missing") else ""
            said = f"{arm['done']:,} of {arm['total']:,} {role}{missing}"
            share = arm["done"] / arm["total"] if arm["total"] else 0.0
            yield self._row(f"  {name}", self._bar(share, len(said), "blue"), said)

    def _role(self, name: str) -> str:
        if arm := self._board.arms.get(name):
            return one_line(str(arm))
        return "champion" if name == self._board.champion else "baseline" if name == "c000" else "candidate"

    def _left(self) -> Iterator[Text]:
        board, parts = self._board, []
        if board.stage and board.stage.total > 1 and (left := board.stage_left()):
            parts.append(f"about {about(left.typical_s)} (p90 {about(left.slow_s)})")
        if board.pace and not self._narrow and parts:
            parts.append(f"an attempt takes {_short(board.pace.median_s)} (p90 {_short(board.pace.p90_s)})")
        if parts:
            yield self._row("left", "; ".join(parts))
        if end := board.run_end(self._now):
            at = clock_time(self._now + end.in_s, self._now)
            why = "" if self._narrow else f" at this pace: {self._cause(end.because)}"
            yield self._row("ends", f"about {at}{why}")

    def _cause(self, because: str) -> str:
        """Say which limit ends the run, if nothing else does before."""
        if because == "iterations":
            return f"all {self._board.limits['iterations']} iterations, then certifying"
        return {"deadline": "the deadline", "budget": "the budget is spent"}[because]

    def _spend(self) -> Iterator[Text]:
        board = self._board
        if board.usd is None:
            return
        budget, text = board.limits.get("budget_usd"), money(board.usd, unpriced=board.unpriced)
        if budget:
            text += f" of {money(budget)}"
        foretold = board.usd_at_end(self._now)
        if foretold is not None and not self._narrow:
            text += f", about {money(round(foretold, 2))} at the end"
        if board.simulated and not self._narrow:
            text += " (nominal)"
        bar = self._bar(board.usd / budget, len(text), "cyan") if budget else Text()
        yield self._row("spend", bar, text)

    def _climb(self) -> Iterator[Text]:
        steps = self._board.climb()
        scores = [score for score, _ in steps if score is not None]
        if not scores:
            return
        said = f"{100 * scores[0]:.1f}%"
        said = said if len(steps) == 1 else f"{said} to {100 * scores[-1]:.1f}%"
        said += "" if self._narrow else " on train tasks"
        shown = steps[-max(self._room() - len(said) - 2, 8) :]
        low, high = min(scores), max(scores)
        bars = "".join(self._step(score, low, high) for score, _ in shown)
        yield self._row("climb", Text(bars, "green"), f"  {said}")
        if len(steps) > 1:
            marks = Text.assemble(*(self._mark(verdict) for _, verdict in shown))
            legend = "" if self._narrow else f"  {self._glyphs.kept} kept  {self._glyphs.refused} not kept"
            yield self._row("", marks, Text(legend, "dim"))

    def _step(self, score: float | None, low: float, high: float) -> str:
        if score is None:
            return self._glyphs.unknown
        levels = self._glyphs.steps
        share = (score - low) / (high - low) if high > low else 0.0
        return levels[round(share * (len(levels) - 1))]

    def _mark(self, verdict: str) -> tuple[str, str]:
        glyphs = self._glyphs
        if verdict == "baseline":
            return (" ", "")
        if verdict == "none":
            return (glyphs.unknown, "dim")
        return (glyphs.kept, "bold green") if verdict == "keep" else (glyphs.refused, "")

    def _verdicts(self) -> Iterator[Text]:
        decided = self._board.decided()[:MOST_VERDICTS]
        reasons = max((len(one_line(stair.reason)) for stair in decided), default=0)
        for number, stair in enumerate(decided):
            yield self._verdict("" if number else "last", stair, reasons)

    def _verdict(self, label: str, stair: Stair, reasons: int) -> Text:
        word = f"{verdict_word(stair.verdict):<9}"
        line = self._row(label, f"{stair.candidate}  ", Text(word, STYLES.get(stair.verdict, "")), " ")
        rest = self._width - line.cell_len
        reason = _clip(one_line(stair.reason), rest, self._glyphs)
        line.append(reason)
        space = rest - reasons - 2
        if stair.title and space >= LEAST_TITLE:
            line.append(" " * (reasons - cell_len(reason) + 2))
            line.append(_clip(one_line(stair.title), space, self._glyphs), "italic dim")
        return line

    def _bar(self, share: float, beside: int, style: str) -> Text:
        """Draw a bar that leaves room for `beside` columns of words, or nothing where there is no room for one."""
        size = min(self._room() - beside - 2, MOST_BAR)
        if size < LEAST_BAR:
            return Text()
        halves = round(2 * size * min(max(share, 0.0), 1.0))
        full, half = divmod(halves, 2)
        done = self._glyphs.full * full + self._glyphs.half * half
        return Text.assemble((done, style), (self._glyphs.empty * (size - len(done)), "dim"), "  ")


def _clip(text: str, columns: int, glyphs: Glyphs) -> str:
    """Cut text to a number of columns, wide letters counted as two."""
    line = Text(text)
    _cut(line, columns, glyphs)
    return line.plain


def _short(seconds: float) -> str:
    """Write how long an attempt takes, with a decimal where it is short."""
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
