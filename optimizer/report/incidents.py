"""What the models' calls met: tries that failed, refusals, other models asked, answers that could not be used."""

from __future__ import annotations

from collections import defaultdict

from optimizer.facts import Facts
from optimizer.ledger import Met
from optimizer.report.text import percent, table
from task_agent.models.incident import MEANINGS, IncidentKind

COLUMNS = ("role", "incident", "what it is", "times", "met by")
ARM_COLUMNS = ("candidate", "ended attempts", "refused", "blocked", "put to another model")
NONE_MET = "None: every call was answered at its first try, by the model asked, and could be used."
NOTE = (
    "A failed try was made again by itself, and costs time alone; where all tries fail, the attempt is missing."
    " A refusal that no other model answered counts as reward 0, for every candidate alike."
)
_OF_AN_ARM = (IncidentKind.REFUSAL, IncidentKind.SAFETY_BLOCK, IncidentKind.FALLBACK)


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
    found = {
        (row.candidate, row.kind): row.held
        for row in facts.tallies.met
        if row.role == "task" and row.kind in _OF_AN_ARM
    }
    rows = []
    for candidate in sorted({candidate for candidate, _ in found}):
        ended = _ended(facts, candidate)
        shares = (_share(found.get((candidate, kind.value), 0), ended) for kind in _OF_AN_ARM)
        rows.append([candidate, f"{ended:,}", *shares])
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
