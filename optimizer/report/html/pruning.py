"""What was taken out again at the end, drawn: each comparison against the loss that is put up with."""

from __future__ import annotations

from collections.abc import Iterator

from optimizer.report.html.chart.intervals import Row, intervals
from optimizer.report.html.diffs import Diffs
from optimizer.report.html.element import Child, h
from optimizer.report.html.parts import badge, bullet_list, folded, grid, section
from optimizer.report.html.reading import Reading
from optimizer.report.pruning import COLUMNS, FOUND, not_pruned, pruning_lines, pruning_rows


def pruning(reading: Reading, diffs: Diffs) -> Child:
    """Tell what was taken out and what it rests on; a night without kept changes says nothing."""
    facts = reading.facts
    if missing := not_pruned(facts):
        return section("pruning", "Taken out again", h("p", missing)) if facts.state.keeps > 1 else None
    rows = pruning_rows(facts)
    return section(
        "pruning",
        "Taken out again",
        bullet_list(reading.words(line[:1].upper() + line[1:]) for line in _lines(reading)),
        _figure(reading) if rows else None,
        folded(rows, grid(COLUMNS, rows)) if rows else None,
        [*_taken(reading, diffs)],
    )


def _lines(reading: Reading) -> list[str]:
    if not reading.redacted:
        return pruning_lines(reading.facts)
    record = reading.facts.pruning or {}
    said = " and ".join(record["removed"]) or "nothing"
    return [f"taken out: {said}. The champion is {record['champion']}"]


def _figure(reading: Reading) -> Child:
    drawn = [*_differences(reading)]
    if not drawn:
        return None
    return h(
        "figure",
        intervals(drawn, zero="no loss"),
        h(
            "figcaption",
            "Points on held-out tasks: the champion without a change, less the champion with it. Bars are"
            f" {_level(reading)} intervals, dashed lines the loss that is put up with. A change can be spared (filled)"
            " when its whole bar lies to the right of its dashed line; what stays was not shown to be spare.",
        ),
    )


def _level(reading: Reading) -> str:
    return f"{100 * (1 - 2 * (reading.facts.pruning or {}).get('level', 0.1)):.3g}%"


def _differences(reading: Reading) -> Iterator[Row]:
    for weighed in ((reading.facts.pruning or {}).get("weighed") or {}).values():
        found = weighed["estimate"] or {}
        if found.get("difference") is None:
            continue
        label = f"without {' and '.join(weighed['without'])}"
        note, margin = FOUND[weighed["outcome"]], weighed["margin"]
        kind = {"spare": "keep", "stays": "reject"}.get(weighed["outcome"], "open")
        yield Row(
            label, note, found["difference"], found.get("lower"), found.get("upper"), kind, -margin if margin else None
        )


def _taken(reading: Reading, diffs: Diffs) -> Iterator[Child]:
    """Show the candidates that pruning made, the one that was kept with its whole change."""
    for row in reading.facts.variants:
        kind = reading.kind(row)
        title = None if reading.redacted else reading.title(row)
        yield h(
            "details",
            h("summary", badge(kind), h("span", row.id, class_="mono"), " ", title),
            h("div", diffs.block(reading, row), class_="body"),
            class_="item",
            id=row.id,
            open=kind == "keep",
        )
