"""The summary a person reads when a run ends, or asks for with `ratchet status`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from optimizer.cli.output import Colour, clip, escape, one_line, paint, say, width, wrap
from optimizer.facts import Facts, status
from optimizer.words import (
    SHORT,
    SIMULATED_BANNER,
    duration,
    money,
    next_commands,
    short_reason,
    verdict_sentence,
)
from task_agent.models.incident import IncidentKind

MOST_LINES = 24
"""Candidates shown; beyond it the kept ones and the newest."""
ROOMY = 96
LEAST_TITLE = 28
COLOURS: Final[dict[str, Colour]] = {"keep": "green", "undecided": "yellow", "invalid": "yellow", "open": "bold"}
MET: Final = {
    IncidentKind.REFUSAL: ("refusal", "refusals"),
    IncidentKind.SAFETY_BLOCK: ("safety block", "safety blocks"),
    IncidentKind.FALLBACK: ("call put to another model", "calls put to another model"),
}
WORDS: Final = {"keep": "kept", "reject": "refused", "undecided": "undecided", "invalid": "invalid", "open": "open"}


class Change(NamedTuple):
    """Say what became of one proposal."""

    id: str
    verdict: str
    title: str
    reason: str


def write_summary(facts: Facts, runs: Path) -> None:
    """Say what was tried, kept and refused and why, the certified gain, the cost, and what to do next."""
    del runs  # the facts know their folder
    for line in summary(facts, width()):
        say(line)


def summary(facts: Facts, columns: int) -> Iterator[str]:
    """Give the summary's lines, to fit into `columns`."""
    yield ""
    if facts.simulated:
        yield paint(wrap(SIMULATED_BANNER.replace("\n", " "), columns=columns), "yellow")
        yield ""
    reason = f" ({escape(facts.finish['reason'])})" if facts.finish else ""
    yield f"run {facts.folder.id}: {facts.phase}{reason}"
    if facts.attention:
        yield paint(wrap(one_line(facts.attention), columns=columns), "yellow")
    if asked := facts.stopping:
        what = asked["asked"] if asked["asked"] == "pause" else f"stop, after {asked['after']}"
        yield f"asked of its driver: {what}{', and to certify' if asked['certify'] else ''}"
    sentence = wrap(verdict_sentence(facts), columns=columns)
    yield paint(sentence, "green") if (facts.certificate or {}).get("improved") else sentence
    yield ""
    yield from _changes(facts, columns)
    yield ""
    yield from _accounts(facts, columns)
    yield ""
    yield from _next(facts, columns)


def _changes(facts: Facts, columns: int) -> Iterator[str]:
    changes = [_change(facts, slot["slot"], slot["candidate"], slot["reason"], columns) for slot in facts.slots]
    if not changes:
        yield "no change was proposed yet"
        return
    count = Counter(change.verdict for change in changes)
    told = [f"{count[name]} {word}" for name, word in WORDS.items() if count[name]]
    told += [f"{count['none']} without a proposal"] if count["none"] else []
    yield f"{len(changes)} tried: {', '.join(told)}"
    kept = [change for change in changes[:-MOST_LINES] if change.verdict == "keep"]
    shown = [*kept, *changes[-MOST_LINES:]]
    if len(shown) < len(changes):
        hidden = len(changes) - len(shown)
        yield f"  {hidden} earlier ones that were not kept: ratchet candidates list {facts.folder.id}"
    yield from _aligned(shown, columns)
    if facts.pruning and facts.pruning["removed"]:
        removed, champion = " and ".join(facts.pruning["removed"]), facts.pruning["champion"]
        yield f"taken out again: {removed} carried nothing; the champion is {champion}"


def _change(facts: Facts, slot: int, name: str | None, why_none: str, columns: int) -> Change:
    if name is None:
        return Change(f"s{slot:03d}", "none", "no proposal", one_line(why_none))
    title, verdict = one_line(facts.candidate(name).title), facts.verdicts.get(name)
    if verdict is None:
        return Change(name, "open", title, "")
    words = short_reason(verdict) if columns >= ROOMY else SHORT.get(verdict.cause, verdict.cause)
    return Change(name, verdict.verdict.value, title, words)


def _aligned(changes: Sequence[Change], columns: int) -> Iterator[str]:
    """Fit each change into one line; titles give way to reasons, down to a least width."""
    rest = columns - 2 - 6 - 11
    reason = max(len(change.reason) for change in changes)
    title = min(max(len(change.title) for change in changes), max(rest - reason - 2, LEAST_TITLE))
    reason = min(reason, rest - title - 2)
    for change in changes:
        verdict = f"{change.verdict:<9}"
        painted = paint(verdict, COLOURS[change.verdict]) if change.verdict in COLOURS else verdict
        text = f"{clip(change.title, title):<{title}}  {clip(change.reason, reason)}"
        yield f"  {change.id:<4}  {painted}  {text}".rstrip()


def _accounts(facts: Facts, columns: int) -> Iterator[str]:
    data = status(facts)
    attempts, spend, tallies = data["attempts"], data["spend"], facts.tallies
    yield (
        f"attempts  {attempts['scored']:,} scored, {attempts['missing']:,} missing of {attempts['planned']:,} planned,"
        f" in {duration(data['elapsed_s'])}"
    )
    task = money(sum(row.usd for row in tallies.attempts), unpriced=sum(row.unpriced for row in tallies.attempts))
    roles = [f"task agent {task}"]
    for name, bills in tallies.roles:
        if bills.sessions:
            roles.append(f"{name} {money(bills.usd, unpriced=bills.unpriced)}")
    if met := _met(facts):
        yield f"models    {wrap(met, ' ' * 10, columns).lstrip()}"
    total = money(spend["usd"], unpriced=spend["unpriced_requests"])
    nominal = "; nominal: nobody is billed for the simulated model" if facts.simulated else ""
    text = wrap(f"{total} ({', '.join(roles)}){nominal}", " " * 10, columns)
    yield f"spend     {text.lstrip()}"
    if facts.folder.page.exists():
        yield f"report    {facts.folder.page} (for a browser; report.md beside it)"
    else:
        yield f"report    {facts.folder.report}"


def _met(facts: Facts) -> str:
    """Say how often models refused, were blocked, or another was asked in their place; the report says of whom."""
    times = Counter[str]()
    for row in facts.tallies.met:
        times[row.kind] += row.times
    parts = [f"{count:,} {words[count != 1]}" for kind, words in MET.items() if (count := times[kind.value])]
    return f"{', '.join(parts)} (by role and candidate: the report)" if parts else ""


def _next(facts: Facts, columns: int) -> Iterator[str]:
    commands = next_commands(facts)
    column = max(len(each.command) for each in commands)
    roomy = column + max(len(each.purpose) for each in commands) + 6 <= columns
    yield "next"
    for each in commands:
        yield f"  {each.command:<{column}}{paint(f'  # {each.purpose}', 'dim')}" if roomy else f"  {each.command}"
