"""Spend, time, failures and notices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from optimizer.report.accounts import (
    FAILURE_COLUMNS,
    NO_FAILURE,
    SPEND_COLUMNS,
    failure_rows,
    notice_lines,
    price_note,
    spend_rows,
)
from optimizer.report.failures import CLUSTER_COLUMNS, NO_CLUSTER, cluster_rows
from optimizer.report.html.chart.bars import Bar, bars
from optimizer.report.html.element import Child, Element, h
from optimizer.report.html.parts import NOT_MEASURED, bullet_list, grid, plural, section
from optimizer.report.html.reading import LEFT_OUT, Reading
from optimizer.report.incidents import ARM_COLUMNS, COLUMNS, NONE_MET, NOTE, arm_rows, incident_rows
from optimizer.words import duration, money


def spend(reading: Reading) -> Element:
    """Tell where money and time went; a request without a price is never 0."""
    facts = reading.facts
    amounts, times = [*_amounts(reading)], [*_times(reading)]
    return section(
        "spend",
        "Spend and time",
        bars(amounts) if amounts else None,
        grid(SPEND_COLUMNS, spend_rows(facts), total=True),
        h("p", price_note(facts), class_="note"),
        h("h3", "Time inside attempts"),
        bars(times) if times else h("p", f"Attempt times: {NOT_MEASURED}."),
        h("p", f"Attempts run side by side; the run was at work for {duration(facts.state.elapsed_s)} in all.",
          class_="note"),
    )  # fmt: skip


def _amounts(reading: Reading) -> Iterator[Bar]:
    tallies = reading.facts.tallies
    usd: dict[str, float] = defaultdict(float)
    unpriced: dict[str, int] = defaultdict(int)
    for row in tallies.attempts:
        usd[f"task: {row.purpose}"] += row.usd
        unpriced[f"task: {row.purpose}"] += row.unpriced
    for name, bills in tallies.roles:
        usd[name] += bills.usd
        unpriced[name] += bills.unpriced
    for name, amount in usd.items():
        yield Bar(name, amount, money(amount, unpriced=unpriced[name]))


def _times(reading: Reading) -> Iterator[Bar]:
    times: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    for row in reading.facts.tallies.attempts:
        if row.state != "planned":
            times[row.purpose] += row.duration_s
            counts[row.purpose] += row.attempts
    for name, seconds in times.items():
        note = f"{plural(counts[name], 'attempt')}, {seconds / counts[name]:.1f} s each"
        yield Bar(name, seconds, duration(seconds), note)


def failures(reading: Reading) -> Element:
    """Tell by cause which attempts ended without the verifier's reward, and what failing train attempts share."""
    rows = failure_rows(reading.facts)
    note = "Missing attempts are no evidence: they count for nothing and against nobody."
    graded: list[Child] = [h("p", note, class_="note"), grid(FAILURE_COLUMNS, rows, wide=False)]
    title = h("h3", "Failing train attempts, by what they have in common")
    return section("failures", "Failures", graded if rows else h("p", NO_FAILURE), title, _clusters(reading))


def _clusters(reading: Reading) -> Child:
    if reading.redacted:
        return h("p", LEFT_OUT)
    rows = cluster_rows(reading.facts)
    return grid(CLUSTER_COLUMNS, rows, wide=False) if rows else h("p", NO_CLUSTER)


def incidents(reading: Reading) -> Element:
    """Tell what the models' calls met, and by candidate what was refused."""
    rows, arms = incident_rows(reading.facts), arm_rows(reading.facts)
    if not rows:
        return section("incidents", "What model calls met", h("p", NONE_MET))
    return section(
        "incidents",
        "What model calls met",
        h("p", NOTE, class_="note"),
        grid(COLUMNS, rows),
        grid(ARM_COLUMNS, arms, wide=False) if arms else None,
    )


def notices(reading: Reading) -> Element:
    """Repeat what was noted on the way."""
    lines: list[str]
    if reading.redacted:
        kinds = [note["kind"] for note in reading.facts.notices]
        lines = [f"{kind}: {plural(kinds.count(kind), 'notice')} {'(text left out)'}" for kind in dict.fromkeys(kinds)]
    else:
        lines = notice_lines(reading.facts)
    told: Child = bullet_list(lines) if lines else h("p", "None.")
    return section("notices", "Notices", told)
