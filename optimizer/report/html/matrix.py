"""Train tasks against candidates: how often each passed, what flipped, what failed to be graded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from optimizer.ledger import CandidateRow
from optimizer.ledger.tallies import TaskTally
from optimizer.report.climb import FLIPPED, move
from optimizer.report.html.element import Child, Element, h
from optimizer.report.html.lineage import champion_path
from optimizer.report.html.parts import plural, section
from optimizer.report.html.reading import Reading

FILTERS = (
    ("all", "all"),
    ("won", "flipped to win"),
    ("lost", "flipped to loss"),
    ("unstable", "unstable"),
    ("errored", "errored"),
)


class Line(NamedTuple):
    """Hold one task's row: `marks` are the filters that find it."""

    task: str
    cells: Mapping[str, TaskTally]
    move: float | None
    marks: frozenset[str]


def matrix(reading: Reading) -> Element:
    """Show passes of each candidate on each train task, with filters."""
    columns, measured = _columns(reading)
    lines = _lines(reading)
    if not lines:
        return section("matrix", "Tasks and candidates", h("p", "No train task was measured yet."))
    shown = lines[: reading.caps.rows]
    return section(
        "matrix",
        "Tasks and candidates (train)",
        h("p", _counts(reading, lines)),
        h("div", [_button(name, words, lines) for name, words in FILTERS], h("span", id="shown", class_="note"),
          class_="filters", data_js=True, hidden=True),
        h("div", _table(reading, columns, shown), class_="scroll", tabindex="0"),
        _legend(),
        h("p", _cut(columns, measured, shown, lines), class_="note"),
    )  # fmt: skip


def _columns(reading: Reading) -> tuple[list[CandidateRow], int]:
    """Choose the baseline, all that was kept, and the newest of the others that were measured."""
    facts = reading.facts
    known = {row.candidate for row in facts.tallies.train}
    measured = [row for row in facts.candidates if row.id in known]
    first = [row for row in measured if reading.kind(row) in ("baseline", "keep")]
    others = [row for row in measured if row not in first]
    room = max(reading.caps.columns - len(first), 0)
    chosen = {row.id for row in [*first[-reading.caps.columns :], *(others[-room:] if room else [])]}
    return [row for row in measured if row.id in chosen], len(measured)


def _lines(reading: Reading) -> list[Line]:
    facts = reading.facts
    by_task: dict[str, dict[str, TaskTally]] = {}
    for tally in facts.tallies.train:
        by_task.setdefault(tally.task, {})[tally.candidate] = tally
    ends = (facts.candidates[0].id, facts.train_champion.id)
    lines = [_line(task, cells, ends) for task, cells in by_task.items()]
    return sorted(lines, key=lambda line: (line.move is None, -(line.move or 0.0), line.task))


def _line(task: str, cells: Mapping[str, TaskTally], ends: tuple[str, str]) -> Line:
    first, last = (cells.get(name) for name in ends)
    by = move(first, last) if ends[0] != ends[1] else None
    marks = {
        "won": by is not None and by >= FLIPPED,
        "lost": by is not None and by <= -FLIPPED,
        "same": by is not None and abs(by) < FLIPPED,
        "unstable": any(cell is not None and 0 < cell.passes < cell.scored for cell in (first, last)),
        "errored": any(cell.failed for cell in cells.values()),
    }
    return Line(task, cells, by, frozenset(name for name, holds in marks.items() if holds))


def _counts(reading: Reading, lines: Sequence[Line]) -> str:
    first, last = reading.facts.candidates[0].id, reading.facts.train_champion.id
    seen = Counter(mark for line in lines for mark in line.marks)
    unstable = f"{seen['unstable']} unstable (passed and failed by the same harness), {seen['errored']} errored"
    if first == last:
        return f"No change was kept, so no task flipped. {plural(len(lines), 'task')}: {unstable}."
    unknown = sum(line.move is None for line in lines)
    return (
        f"{first} to {last}: {seen['won']} up, {seen['lost']} down, {seen['same']} about the same, {unknown} not"
        f" measured in both; {unstable}. A task flips when the share of its attempts that pass moves by half or more;"
        " with so few attempts of each task, single rows are mostly luck."
    )


def _button(name: str, words: str, lines: Sequence[Line]) -> Element:
    count = len(lines) if name == "all" else sum(name in line.marks for line in lines)
    return h("button", f"{words} {count}", type="button", data_filter=name, aria_pressed=str(name == "all").lower())


def _table(reading: Reading, columns: Sequence[CandidateRow], lines: Sequence[Line]) -> Element:
    path = champion_path(reading)
    heads = [_head(reading, row, path) for row in columns]
    body = [_row(reading, line, columns, path) for line in lines]
    return h(
        "table",
        h("thead", h("tr", h("th", "task", class_="task", scope="col"), h("th", "change", scope="col"), heads)),
        h("tbody", body),
        class_="cells",
    )


def _head(reading: Reading, row: CandidateRow, path: Sequence[str]) -> Element:
    kind = reading.kind(row)
    name = row.id if kind == "baseline" else h("a", row.id, href=f"#{row.id}")
    style = " ".join([kind, *([] if row.id in path else ["extra"])])
    mark = {"baseline": "base ", "keep": "● ", "reject": "○ ", "invalid": "○ "}.get(kind, "◌ ")
    return h("th", h("span", mark, name, class_="v"), scope="col", class_=style, title=reading.title(row, 80))


def _row(reading: Reading, line: Line, columns: Sequence[CandidateRow], path: Sequence[str]) -> Element:
    cells = [_cell(line.cells.get(row.id), extra=row.id not in path) for row in columns]
    name = reading.task(line.task)
    head = h("td", name, class_="task", title=name)
    return h("tr", head, h("td", _moved(line), class_="move"), cells, data_is=" ".join(sorted(line.marks)))


def _moved(line: Line) -> str:
    if line.move is None:
        return ""
    mark = "▲ " if line.move > 0 else "▼ " if line.move < 0 else ""
    return f"{mark}{100 * line.move:+.0f}" if line.move else "0"


def _cell(tally: TaskTally | None, *, extra: bool) -> Element:
    tail = " extra" if extra else ""
    if tally is None:
        return h("td", "·", class_=f"m{tail}")
    failed = " x" if tally.failed else ""
    if not tally.scored:
        return h("td", "–", class_=f"m{failed}{tail}")
    style = "w" if tally.passes == tally.scored else "p" if tally.total > 0 else "l"
    return h("td", f"{tally.passes}/{tally.scored}", class_=f"{style}{failed}{tail}")


def _legend() -> Element:
    marks: Sequence[tuple[str, str, str]] = (
        ("w", "2/2", "every scored attempt passed"),
        ("p", "1/2", "some did, or gained part of the reward"),
        ("l", "0/2", "none did"),
        ("l x", "0/2", "an attempt ended without the verifier's reward"),
        ("m", "–", "nothing scored"),
        ("m", "·", "not measured"),
    )
    cells: Iterator[Child] = (h("td", sample, class_=style) for style, sample, _ in marks)
    row = [[cell, h("th", words)] for cell, (_, _, words) in zip(cells, marks, strict=True)]
    return h("div", [h("table", h("tr", pair), class_="cells") for pair in row], class_="filters legend")


def _cut(columns: Sequence[CandidateRow], measured: int, shown: Sequence[Line], lines: Sequence[Line]) -> str:
    """State the rule by which rows and columns were left out."""
    parts = ["● kept, ○ refused, ◌ undecided or open. A printed page shows the champion's line alone."]
    if len(columns) < measured:
        parts.append(
            f"{len(columns)} of {measured} measured candidates are shown: the baseline, all that were kept and the"
            " newest others."
        )
    if len(shown) < len(lines):
        parts.append(f"{len(shown)} of {len(lines)} tasks are shown: those that rose most first.")
    parts.append("Held-out and sealed test tasks are shown as aggregates only, above and under trust.")
    return " ".join(parts)
