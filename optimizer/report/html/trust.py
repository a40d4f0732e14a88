"""How far to trust it all: overfitting, held-out looks, noise, drift, the limits of the number."""

from __future__ import annotations

from optimizer.report.html.element import Child, Element, h
from optimizer.report.html.parts import bullet_list, folded, grid, prose, section
from optimizer.report.html.reading import Reading
from optimizer.report.numbers import (
    FOR_YOU,
    FOR_YOU_WHY,
    GATE_COLUMNS,
    gate_rows,
    limits_text,
    no_gate_records,
    overfitting_lines,
)
from optimizer.report.preflight import NO_PREFLIGHT, preflight_lines


def trust(reading: Reading) -> Element:
    """Tell what speaks for and against the night's number."""
    facts = reading.facts
    noise = preflight_lines(facts)
    return section(
        "trust",
        "How far to trust it",
        h("h3", "Signs of overfitting"),
        bullet_list(overfitting_lines(facts)),
        h("h3", "Noise, and what this night could find"),
        bullet_list(noise) if noise else h("p", NO_PREFLIGHT),
        h("h3", "Gate tests on held-out tasks"),
        _gate(reading),
        h("h3", "Drift"),
        _drift(reading),
        h("h3", "Limits of the number"),
        h("p", prose(limits_text(facts))),
    )


def _gate(reading: Reading) -> list[Child]:
    head = h("p", h("b", FOR_YOU), f" {FOR_YOU_WHY}")
    if missing := no_gate_records(reading.facts):
        return [head, h("p", missing)]
    rows = [[cell if at != 1 else h("a", cell, href=f"#{cell}") for at, cell in enumerate(row)]
            for row in gate_rows(reading.facts)]  # fmt: skip
    return [head, folded(rows, grid(GATE_COLUMNS, rows))]


def _drift(reading: Reading) -> Element:
    seen = [note for note in reading.facts.notices if note["kind"] == "drift"]
    if not seen:
        return h("p", "No drift of the champion's held-out scores was noticed within a gate test.")
    return bullet_list(reading.words(note["text"]) for note in seen[-reading.caps.listed :])
