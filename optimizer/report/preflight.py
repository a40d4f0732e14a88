"""What the pre-flight measured, what the night could find, and what it was going to take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optimizer.facts import Facts
from optimizer.report.text import bullets, points
from optimizer.words import duration

Record = Mapping[str, Any]  # Any: JSON

NO_PREFLIGHT = "No A/A measurement was made."


def preflight(facts: Facts) -> str:
    """Tell what the A/A measurement showed and the smallest gain this night could find."""
    lines = preflight_lines(facts)
    return bullets(lines) if lines else NO_PREFLIGHT


def preflight_lines(facts: Facts) -> list[str]:
    """Say it in sentences; nothing when no measurement was made."""
    record = facts.preflight
    if record is None:
        return []
    head = f"baseline against itself on {record['tasks']} held-out tasks, {record['attempts']:,} attempts"
    design = list(_design(record)) if "reach" in record else []  # runs of earlier versions lack it
    return [head, *_noise(record.get("noise")), *design, *record.get("advice", [])]


def _noise(noise: Record | None) -> Iterator[str]:
    if noise is None:
        yield "noise was not measured: that takes two attempts of each task in each arm"
        return
    off = abs(noise["difference"]) > 2 * noise["difference_se"]
    word = "more than noise explains: look into it" if off else "as it should be"
    yield (
        f"difference between the two equal arms {points(noise['difference'])} points,"
        f" standard error {100 * noise['difference_se']:.1f} ({word})"
    )
    yield f"variance of one attempt within a task {noise['s2']:.3f}, over-dispersion {noise['phi']:.2f}"
    if noise.get("correlation") is not None:
        yield _correlation(noise)


def _correlation(noise: Record) -> str:
    """Say whether the arms' attempts go up and down together, which attempts with a seed of their own do not."""
    chance = 3 / math.sqrt(max(noise["tasks"] * (noise["runs"] - 1), 1))
    fine = abs(noise["correlation"]) <= chance
    word = "about 0, as it should be" if fine else "not 0: the arms share seeds or a cache, look into it"
    return f"correlation between the two arms' attempts at a task {noise['correlation']:+.2f} ({word})"


def _design(record: Record) -> Iterator[str]:
    tau = record["tau"]
    source = (
        "assumed: too few earlier tests of this suite tell" if tau["assumed"] else "from earlier tests of the suite"
    )
    yield f"effect of a change from task to task: standard deviation {100 * tau['value']:.0f} points ({source})"
    yield record["finds"]
    yield from (_reach(mode, record["reach"]) for mode in dict.fromkeys(row["mode"] for row in record["reach"]))
    if better := [f"{row['change']}: {100 * row['smallest_gain']:.1f} points" for row in record["remedies"]]:
        yield f"smaller gains would be found with {'; or '.join(better)}"
    yield _ahead(record["ahead"])


def _reach(mode: str, rows: Sequence[Record]) -> str:
    found = [f"{100 * row['smallest_gain']:.1f} with {row['tasks']}" for row in rows if row["mode"] == mode]
    return f"smallest gain found by `{mode}`, in points, by number of held-out tasks: {', '.join(found)}"


def _ahead(ahead: Record) -> str:
    usd, hours = ahead["usd"], ahead["hours"]
    money = "task attempts unpriced" if usd is None else f"${usd:,.2f} of task attempts"
    time = "an unknown time" if hours is None else duration(hours * 3600)
    return (
        f"ahead of it, at the pace and price of these attempts: about {ahead['attempts']:,} attempts, {time}, {money}"
    )
