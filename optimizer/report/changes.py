"""What was tried: the verdict table, and refusals grouped by reason."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from optimizer.facts import Facts
from optimizer.ledger import CandidateRow, VerdictRow
from optimizer.report.text import code, inline, percent, table
from optimizer.verdict import Verdict
from optimizer.words import SHORT, short_reason

if TYPE_CHECKING:
    from optimizer.propose import TrackRecord

MOST_QUOTES = 3
TITLE_CHARS = 90


def changes(facts: Facts) -> str:
    """Tell every candidate's verdict, reason, and what became of its author's prediction."""
    if not facts.slots:
        return "No change was proposed yet."
    counts = facts.verdict_counts()
    open_ones = len(facts.changes) - sum(counts.values())
    empty = [slot for slot in facts.slots if slot["candidate"] is None]
    told = [f"{n} {name}" for name, n in [*counts.items(), ("open", open_ones), ("no proposal", len(empty))] if n]
    rows = [_row(facts, row) for row in facts.changes]
    rows += [
        [f"s{slot['slot']:03d}", "", "none", f"no proposal: {inline(slot['reason'])}", "", "", ""] for slot in empty
    ]
    columns = ["id", "title", "verdict", "reason", "train score", "prediction", "attempts"]
    return f"{len(facts.slots)} iterations: {', '.join(told)}.\n\n{table(columns, rows)}"


def _row(facts: Facts, row: CandidateRow) -> list[str]:
    verdict = facts.verdicts.get(row.id)
    score = facts.train_score(row.id)
    return [
        row.id,
        inline(row.title, TITLE_CHARS),
        f"**{verdict.verdict}**"
        if verdict and verdict.verdict is Verdict.KEEP
        else (verdict.verdict if verdict else "open"),
        inline(short_reason(verdict)) if verdict else "not decided yet",
        "-" if score is None else f"{percent(score)} ({facts.train_coverage(row.id)})",
        prediction(facts, row),
        f"{facts.attempts_for(row.id):,}",
    ]


def prediction(facts: Facts, row: CandidateRow) -> str:
    """Hold a candidate's prediction against its train attempts, in a few words."""
    if not row.fixes and not row.at_risk:
        return "none made"
    found = facts.prediction_outcome(row)
    if found is None:
        return "not measured"
    return (
        f"fixed {found.fixes.hits} of {found.fixes.named} named ({found.fixes.happened} in all),"
        f" damaged {found.damage.hits} of {found.damage.named} feared ({found.damage.happened} in all)"
    )


def foresight(facts: Facts) -> str:
    """Add up predictions by model and brief: what was named, and how much of it happened."""
    if not facts.track_records:
        return "No proposal of a model was decided yet."
    columns = ["model", "brief", "decided", "kept", "named fixes that were fixed", "named risks that were damaged"]
    return f"{table(columns, [_recorded(each) for each in facts.track_records])}{_luck(facts)}"


def _luck(facts: Facts) -> str:
    """Say what named fixes were held against, where any were."""
    said = fixes_basis(facts)
    return f"\n\n{said}" if said else ""


def fixes_basis(facts: Facts) -> str:
    """Say in a sentence how far luck is in the named fixes that were fixed; empty when none was measured."""
    from optimizer.propose.track_record import basis  # pulls in the whole meta-agent

    records = facts.track_records
    said = basis(sum(each.afresh for each in records), sum(each.measured for each in records))
    return f"Named fixes are held {said}." if said else ""


def _recorded(each: TrackRecord) -> list[str]:
    hits = [
        f"{found.hits} of {found.named} ({percent(found.precision)}); {found.happened} in all" if each.measured else ""
        for found in (each.fixes, each.damage)
    ]
    return [inline(each.author), each.brief, str(each.proposals), str(each.kept), *hits]


def refusals(facts: Facts) -> str:
    """Group what was not kept by its reason, the most frequent first, with what was quoted against it."""
    groups: dict[str, list[VerdictRow]] = defaultdict(list)
    decided = (facts.verdicts[row.id] for row in facts.changes if row.id in facts.verdicts)
    for verdict in decided:
        if verdict.verdict is not Verdict.KEEP:
            groups[verdict.cause].append(verdict)
    if not groups:
        return "Nothing was refused."
    lines = []
    for cause, rows in sorted(groups.items(), key=lambda item: -len(item[1])):
        lines.append(
            f"- **{SHORT.get(cause, inline(cause))}** ({len(rows)}): {', '.join(row.candidate for row in rows)}"
        )
        lines += [f"  - {row.candidate}: {words}" for row in rows for words in _against(row)]
    return "\n".join(lines)


def _against(verdict: VerdictRow) -> list[str]:
    """Quote what a candidate was refused for, beyond the words of its group."""
    private = verdict.private
    if leaks := private.get("leaks"):
        shown = [leak for leak in leaks if leak.get("public")][:MOST_QUOTES]
        quotes = [
            f"{code(str(leak['path']))}:{leak['line']} ({leak['kind'].replace('_', ' ')}) {code(leak['quote'])}"
            for leak in shown
        ]
        more = len(leaks) - len(shown)
        return [*quotes, *([f"and {more} more findings"] if more else [])]
    if judgement := private.get("judgement"):
        quotes = [code(str(quote)) for quote in judgement.get("quotes", [])[:MOST_QUOTES]]
        return [f"{inline(str(judgement.get('reason', '')), 400)} {' '.join(quotes)}".strip()]
    if verdict.cause in ("leak", "overfit"):
        return [inline(verdict.public, 400)]
    return [
        inline(f"{key}: {listed(value)}", 300)
        for key, value in private.items()
        if key in ("error", "violations", "of", "detail", "changed")
    ]


def listed(value: object) -> str:
    """Word a value of a verdict's record; the parts of a list stand with commas."""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
