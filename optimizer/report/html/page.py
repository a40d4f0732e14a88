"""Puts the page together: one file, without network, that fits in a megabyte."""

from __future__ import annotations

import time
from typing import Final

from optimizer.facts import Facts
from optimizer.report.html import accounts, changes, climb, guide, head, lineage, matrix, predictions, pruning, trust
from optimizer.report.html.diffs import Diffs
from optimizer.report.html.element import Child, Element, h
from optimizer.report.html.reading import Caps, Reading
from optimizer.report.html.shell import document

LARGEST: Final = 1_000_000
"""Bytes a page may have; one that would be larger is cut tighter."""

LINKS: Final = (
    ("gain", "Gain"),
    ("climb", "Climb"),
    ("kept", "Kept"),
    ("refused", "Refused"),
    ("lineage", "Lineage"),
    ("matrix", "Tasks"),
    ("predictions", "Predictions"),
    ("trust", "Trust"),
    ("spend", "Spend"),
    ("failures", "Failures"),
    ("incidents", "Incidents"),
    ("guide", "How to read"),
)


def page(facts: Facts, *, now: float | None = None, redacted: bool = False) -> str:
    """Write a run's page as it stands; `now` is Unix seconds."""
    seen = facts.tallies.held_out if facts.finish is not None else ()
    held_out = {row.candidate: row for row in seen}
    caps = Caps()
    while True:
        reading = Reading(facts, time.time() if now is None else now, held_out, redacted, caps)
        text = _document(reading)
        if len(text.encode()) < LARGEST or not caps.rows:
            return text
        caps = caps.tighter()


def mark(facts: Facts) -> str:
    """Name the moment of a run that a page shows: it is written again when this changes."""
    phases = len(facts.state.concluded)
    return f"{phases}.{len(facts.slots)}.{len(facts.verdicts)}.{len(facts.notices)}.{facts.phase}"


def _document(reading: Reading) -> str:
    foot = "Written by Ratchet from the run's ledger, the one record of truth. This page loads nothing."
    return document(
        f"Ratchet run {reading.facts.folder.id}",
        head.top(reading),
        _navigation(),
        h("main", _main(reading), h("footer", foot)),
        mark=mark(reading.facts),
    )


def _main(reading: Reading) -> list[Child]:
    diffs = Diffs(reading.caps.all_diffs)
    return [
        head.verdict(reading),
        head.cards(reading),
        head.next_steps(reading),
        head.gain(reading),
        climb.climb(reading),
        changes.kept(reading, diffs),
        pruning.pruning(reading, diffs),
        changes.refused(reading, diffs),
        lineage.lineage(reading),
        matrix.matrix(reading),
        predictions.predictions(reading),
        trust.trust(reading),
        accounts.spend(reading),
        accounts.failures(reading),
        accounts.incidents(reading),
        accounts.notices(reading),
        guide.guide(reading),
        guide.provenance(reading),
    ]


def _navigation() -> Element:
    return h("nav", h("ul", [h("li", h("a", words, href=f"#{name}")) for name, words in LINKS]), aria_label="sections")
