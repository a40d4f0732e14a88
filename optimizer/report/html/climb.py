"""The climb over the iterations: train scores at any time, held-out ones when nothing can be proposed any more."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from optimizer.ledger import CandidateRow
from optimizer.report.climb import staircase as champions
from optimizer.report.html.chart.staircase import Dot, Stair, staircase
from optimizer.report.html.element import Child, Element, h
from optimizer.report.html.parts import plural, section
from optimizer.report.html.reading import Reading
from optimizer.report.text import percent

Z95 = 1.96


class Mean(NamedTuple):
    """Hold a score with its 95% interval over tasks; the ends are None where one task says nothing of the spread."""

    value: float
    low: float | None
    high: float | None
    tasks: int


def mean_of(tasks: int, mean: float, squares: float) -> Mean:
    """Give the interval of a mean over tasks from the means of the values and of their squares."""
    if tasks < 2:
        return Mean(mean, None, None, tasks)
    error = Z95 * math.sqrt(max(squares - mean * mean, 0.0) / (tasks - 1))
    return Mean(mean, max(mean - error, 0.0), min(mean + error, 1.0), tasks)


def train_mean(reading: Reading, candidate: str) -> Mean | None:
    """Give a candidate's train score; None when it was not measured."""
    values = [row.mean for row in reading.facts.train_tasks(candidate).values() if row.mean is not None]
    if not values:
        return None
    return mean_of(len(values), sum(values) / len(values), sum(value * value for value in values) / len(values))


def held_out_mean(reading: Reading, candidate: str) -> Mean | None:
    """Give a candidate's held-out score; None when it was not measured or may not be shown yet."""
    found = reading.held_out.get(candidate)
    return mean_of(found.tasks, found.mean, found.squares) if found else None


def climb(reading: Reading) -> Element:
    """Draw the champion's climb."""
    drawn: list[Child] = [_figure(reading, held_out=False)]
    if reading.held_out:
        drawn.insert(0, _figure(reading, held_out=True))
    return section("climb", "The climb", drawn)


def _figure(reading: Reading, *, held_out: bool) -> Element:
    facts = reading.facts
    measure = held_out_mean if held_out else train_mean
    rows = [facts.candidates[0], *facts.changes]
    means = {row.id: measure(reading, row.id) for row in rows}
    dots = [_dot(reading, row, mean) for row in rows if (mean := means[row.id])]
    if not dots:
        return h("p", "No train attempt was scored yet: there is no score to draw.")
    last = max((slot["slot"] for slot in facts.slots), default=0)
    stairs = [Stair(step.iteration, _value(means.get(step.champion))) for step in champions(facts) if step.step]
    where = "held-out tasks" if held_out else "train tasks"
    style = "" if held_out else "train"
    return h(
        "figure",
        h("h3", f"Score on {where} over iterations"),
        staircase(dots, {style: stairs}, last, f"score on {where} of {plural(len(dots), 'candidate')}"),
        _key(style),
        h("figcaption", _caption(reading, held_out=held_out, shown=len(dots))),
    )


def _value(mean: Mean | None) -> float | None:
    return mean.value if mean else None


def _dot(reading: Reading, row: CandidateRow, mean: Mean) -> Dot:
    kind = reading.kind(row)
    words = f"{row.id}, {kind}: {percent(mean.value)} on {plural(mean.tasks, 'task')}; {reading.title(row, 80)}"
    return Dot(row.slot, row.id, kind, mean.value, mean.low, mean.high, words)


def _caption(reading: Reading, *, held_out: bool, shown: int) -> str:
    unmeasured = 1 + len(reading.facts.changes) - shown
    left = f" {plural(unmeasured, 'candidate')} never came as far and {'is' if unmeasured == 1 else 'are'} not drawn."
    bars = "Bars are 95% intervals over tasks."
    if held_out:
        return (
            f"Held-out tasks, which no proposer saw; shown now that the run is finished. {bars} What earned a"
            " keep was picked for its score, so a kept dot flatters a little: keeps were decided on paired differences,"
            f" listed under trust.{left if unmeasured else ''}"
        )
    until = "" if reading.facts.finish else " Held-out scores are shown when the run is finished."
    return f"Train tasks, which proposers read: these scores flatter. {bars}{until}{left if unmeasured else ''}"


MARKS = (("keep", "kept"), ("reject", "refused"), ("open", "undecided or open"), ("baseline", "baseline"))


def key(marks: Iterable[tuple[str, str]] = MARKS) -> list[Element]:
    """Explain the marks of candidates: filled is kept, hollow refused, grey undecided."""
    return [
        h(
            "li",
            h("svg", h("g", h("circle", class_=f"dot{' hollow' if kind == 'reject' else ''}", cx=11, cy=8, r=5),
                       class_=kind)),
            f" {words}",
        )
        for kind, words in marks
    ]  # fmt: skip


def _key(style: str) -> Element:
    line = h("svg", h("line", class_=f"stair {style}", x1=0, x2=22, y1=8, y2=8))
    return h("ul", key(), h("li", line, " champion"), class_="key")
