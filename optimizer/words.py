"""Sentences that stand the same on every surface: terminal, report, export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from optimizer.facts import Facts
from optimizer.ledger import VerdictRow

SIMULATED_BANNER = (
    "SIMULATED MODEL: every score and gain below comes from a seeded stand-in with configured slips.\n"
    "It shows that the optimizer works; it says nothing about any real model."
)

SHORT: Final[Mapping[str, str]] = {
    "better": "better beyond noise",
    "simpler": "no worse without it",
    "needed": "may be worse without it",
    "other_taken": "no worse, another was taken",
    "not_better": "not better beyond noise",
    "worse_on_train": "clearly worse on train tasks",
    "leak": "holds text of particular tasks",
    "overfit": "judged to help these tasks only",
    "duplicate": "was decided before",
    "outside_surface": "changes what the run file locks",
    "does_not_load": "does not load",
    "no_change": "changes nothing",
    "smoke_failed": "cannot run a single task",
    "tampered": "its ground was changed",
    "too_many_missing": "too many attempts gave no score",
    "level_exhausted": "the planned tests are used up",
    "money": "no money left for a test",
    "time": "no time left for a test",
    "ended": "the night was ended early",
    "stale": "the champion changed meanwhile",
    "refused": "refused by a person",
    "unreviewed": "ended before a person's word",
}
"""Cause of a verdict -> a reason of at most 32 characters, for a person (a proposer learns less)."""

FINDS: Final[Mapping[bool | None, str]] = {True: "overfitted", False: "worth having", None: "no report"}
"""What a reader of a change found; None is no report."""

_DETAILS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {  # Any: JSON
    "leak": lambda private: f" ({len(private['leaks'])} quoted)" if private.get("leaks") else "",
    "duplicate": lambda private: f" as {private['of']}" if private.get("of") else "",
}


def short_reason(verdict: VerdictRow) -> str:
    """Say in a few words why a candidate was decided so; quotes stand in the report."""
    words = SHORT.get(verdict.cause, verdict.cause)
    detail = _DETAILS.get(verdict.cause)
    return words + detail(verdict.private) if detail else words


def verdict_sentence(facts: Facts) -> str:
    """Say in one sentence what the night's number is."""
    record = facts.certificate
    if record is None:
        return "nothing is certified yet"
    if record.get("difference") is None:
        return record.get("note") or "the gain is unknown: too few attempts of the test split were scored"
    word = "improved" if record["improved"] else "not shown to be improved"
    return (
        f"{word}: certified gain {100 * record['difference']:+.1f} points on {record['tasks']} sealed test tasks,"
        f" {_interval(record)} (about {about(record['target'])}),"
        f" from {100 * record['baseline_mean']:.1f}% to {100 * record['champion_mean']:.1f}%,"
        f" coverage {100 * record['coverage']:.4g}%"
    )


def _interval(record: Mapping[str, Any]) -> str:  # Any: JSON
    low, high = record.get("interval") or (None, None)
    if low is None or high is None:
        return "interval unknown"
    return f"{100 * record['level']:.4g}% interval {100 * low:+.1f} to {100 * high:+.1f}"


def about(target: str) -> str:
    """Say what a number is about."""
    return "tasks like these" if target == "population" else "these very tasks"


def ordinal(number: int) -> str:
    """Write 1st, 2nd, 3rd, 4th."""
    last = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else last}"


def money(usd: float | None, *, unpriced: int = 0) -> str:
    """Write money; requests without a price are said, never taken as 0."""
    if usd is None or (unpriced and not usd):
        return f"unpriced ({unpriced:,} requests)" if unpriced else "unpriced"
    text = f"${usd:,.2f}" if usd >= 0.01 or not usd else f"${usd:.4f}"
    return f"{text} and {unpriced:,} unpriced requests" if unpriced else text


def duration(seconds: float) -> str:
    """Write a time a person can grasp: 34 s, 12 min, 7 h 05 min."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


class NextCommand(NamedTuple):
    """Name a command and what it is for."""

    command: str
    purpose: str


def next_commands(facts: Facts) -> list[NextCommand]:
    """Name the few commands a person most likely wants now."""
    command, champion = facts.folder.command, facts.champion
    report = NextCommand(command("report"), "the whole story, with its limits")
    diff = [
        NextCommand(command("candidates diff", row.id), "the last change that was tried") for row in facts.changes[-1:]
    ]
    if facts.waiting:
        word = NextCommand(command("review", facts.waiting[0]), "look at the evidence and say your word")
        return [word, report]
    if facts.driver_pid is not None and facts.phase != "paused":
        return [NextCommand(command("status"), "how it stands"), report, *diff]
    if facts.phase != "finished":
        return [NextCommand(command("resume"), "go on; nothing is paid twice"), report, *diff]
    audit = NextCommand(command("audit"), "verdicts against the known truth")
    if champion.slot:
        kept = NextCommand(command("candidates diff", champion.id, "--against", "baseline"), "what was kept")
        take = NextCommand(command("export", "-o", f"{facts.folder.id}-harness"), "take the harness and its evidence")
        return [report, take, audit if facts.simulated else kept]
    return [report, *diff, audit if facts.simulated else NextCommand(command("candidates list"), "all")]
