"""What pruning took out at the end, what that saved, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from optimizer.facts import Facts
from optimizer.report.text import bullets, inline, points, table
from optimizer.words import about, money

Record = Mapping[str, Any]  # Any: JSON

COLUMNS: Final = ("without", "candidate", "difference", "interval", "carries at most", "margin", "found")
FOUND: Final[Mapping[str, str]] = {
    "spare": "no worse without it",
    "stays": "may be worse without it",
    "unjudged": "cannot be judged",
}
NOT_YET = "Kept changes are tried without each other at the end of the night."
NOT_ASKED = "Not asked for: `prune.enabled` is off in the run file."


def pruning(facts: Facts) -> str:
    """Tell what was taken out, and every comparison it rests on."""
    if missing := not_pruned(facts):
        return inline(missing)
    rows = pruning_rows(facts)
    parts = [bullets(pruning_lines(facts)), *([table(COLUMNS, rows)] if rows else [])]
    return "\n\n".join(parts)


def not_pruned(facts: Facts) -> str:
    """Say why nothing can be told of pruning; empty when something can."""
    if facts.pruning is not None:
        return ""
    return NOT_YET if facts.finish is None else NOT_ASKED


def pruning_lines(facts: Facts) -> list[str]:
    """Say in sentences what was taken out, what it saved, and what it rests on."""
    record: Record = facts.pruning or {}
    lines = [_outcome(facts, record)]
    if record.get("saved"):
        lines.append(_saved(record["saved"]))
    if record.get("runs"):
        lines.append(_rests_on(record))
    lines += [f"{name} cannot be taken out alone: {why}" for name, why in (record.get("stuck") or {}).items()]
    if record.get("removed") and record.get("note"):
        lines.append(record["note"])
    return lines


def _outcome(facts: Facts, record: Record) -> str:
    removed = record["removed"]
    if not removed:
        why = f": {record['note']}" if record.get("note") else ": no kept change was shown to carry nothing"
        return f"nothing was taken out{why}"
    titles = {row.id: row.title for row in facts.candidates}
    named = " and ".join(f"{name} ({titles.get(name, '')})" for name in removed)
    it = "it" if len(removed) == 1 else "them"
    return f"taken out: {named}. The champion is {record['champion']}: {record['anchor']} without {it}"


def _saved(saved: Record) -> str:
    parts = [_instead("an attempt costs", saved["usd"], _price), _instead("it takes", saved["tokens"], _tokens)]
    back = f", {_count(saved['lines_in'], 'line')} back" if saved["lines_in"] else ""
    lines = f"{_count(saved['lines_out'], 'line')} of harness{back}, in {_count(saved['files'], 'file')}"
    return "; ".join([f"saved: {lines}", *filter(None, parts)])


def _instead(what: str, pair: Sequence[float | None], write: Callable[[float], str]) -> str:
    before, after = pair
    if before is None or after is None or not before:
        return ""
    return f"{what} {write(after)} instead of {write(before)} ({100 * (after / before - 1):+.0f}%)"


def _price(usd: float) -> str:
    return f"${usd:,.4f}"


def _tokens(count: float) -> str:
    return f"{count:,.0f} tokens"


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _rests_on(record: Record) -> str:
    return (
        f"rests on {record['attempts']:,} fresh attempts ({money(record['usd'])}) on {record['tasks']} held-out tasks,"
        f" up to {record['runs']} of each in each arm, drawn together, about {about(record['target'])};"
        f" a change that is worth its whole margin is taken out at most {100 * record['level']:.3g} times in 100"
    )


def pruning_rows(facts: Facts) -> list[list[str]]:
    """List what was tried: the champion without one change, or without several."""
    record: Record = facts.pruning or {}
    return [_row(name, weighed) for name, weighed in record["weighed"].items()]


def _row(name: str, weighed: Record) -> list[str]:
    estimate = weighed["estimate"] or {}
    low, high, margin = estimate.get("lower"), estimate.get("upper"), weighed["margin"]
    cause = f": {weighed['cause']}" if weighed["cause"] else ""
    return [
        " and ".join(weighed["without"]),
        name,
        points(estimate.get("difference")),
        "" if low is None else f"{100 * estimate['level']:.3g}%: {points(low)} to {points(high)}",
        "" if low is None else f"{-100 * low:.1f} points",
        "" if margin is None else f"{100 * margin:.1f} points",
        FOUND[weighed["outcome"]] + cause,
    ]
