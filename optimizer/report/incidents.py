"""What the models' calls met: tries that failed, refusals, other models asked, answers that could not be used."""

from __future__ import annotations

from collections import defaultdict

from optimizer.facts import Facts
from optimizer.ledger import Met
from optimizer.report.text import percent, table
from task_agent.models.incident import MEANINGS, IncidentKind

COLUMNS = ("role", "incident", "what it is", "times", "met by")
ARM_COLUMNS = ("candidate", "ended attempts", "refused or blocked", "put to another model")
NONE_MET = "None: every call was answered at its first try, by the model asked, and could be used."
NOTE = (
    "A failed try was made again by itself, and costs time alone; where all tries fail, the attempt is missing."
    " A refusal that no other model answered counts as reward 0, for every candidate alike."
)
REFUSED = (IncidentKind.REFUSAL, IncidentKind.SAFETY_BLOCK)


def incidents(facts: Facts) -> str:
    """Tell by role and kind what was met, and by candidate what was refused."""
    rows = incident_rows(facts)
    if not rows:
        return NONE_MET
    arms = arm_rows(facts)
    return "\n\n".join([table(COLUMNS, rows), *([table(ARM_COLUMNS, arms)] if arms else []), NOTE])


def incident_rows(facts: Facts) -> list[list[str]]:
    """List the kinds each role met, in the order of their table; nothing when there was none."""
    found: dict[tuple[str, str], list[Met]] = defaultdict(list)
    for row in facts.tallies.met:
        found[row.role, row.kind].append(row)
    ended = _ended(facts)
    return [
        [role, kind.value, MEANINGS[kind], f"{sum(row.times for row in met):,}", _met_by(role, met, ended)]
        for role in dict.fromkeys(role for role, _ in found)
        for kind in IncidentKind
        if (met := found.get((role, kind.value)))
    ]


def arm_rows(facts: Facts) -> list[list[str]]:
    """List each candidate's refusals and fallbacks beside its ended attempts; nothing when there was neither."""
    refused: dict[str, int] = defaultdict(int)
    passed_on: dict[str, int] = defaultdict(int)
    for row in (row for row in facts.tallies.met if row.role == "task"):
        if row.kind in REFUSED:
            refused[row.candidate] += row.held
        elif row.kind == IncidentKind.FALLBACK:
            passed_on[row.candidate] += row.held
    rows = []
    for candidate in sorted({*refused, *passed_on}):
        ended = _ended(facts, candidate)
        rows.append([candidate, f"{ended:,}", _share(refused[candidate], ended), _share(passed_on[candidate], ended)])
    return rows


def _ended(facts: Facts, candidate: str | None = None) -> int:
    rows = (row for row in facts.tallies.attempts if candidate in (None, row.candidate))
    return sum(row.attempts for row in rows if row.state != "planned")


def _met_by(role: str, met: list[Met], ended: int) -> str:
    held = sum(row.held for row in met)
    if role == "task":
        return f"{_share(held, ended)} of {ended:,} attempts"
    return f"{held:,} session{'s' if held != 1 else ''}"


def _share(held: int, ended: int) -> str:
    return f"{held:,} ({percent(held / ended)})" if held and ended else f"{held:,}"
