"""What was attempted, what it cost, what failed, and what was noted on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from optimizer.facts import Facts
from optimizer.ledger.tallies import Bills, Tally
from optimizer.report.text import bullets, inline, one_line, percent, table
from optimizer.words import duration, money

MOST_NOTICES = 60


SPEND_COLUMNS = ("role: purpose", "split", "attempts or sessions", "coverage", "tokens", "spend")
FAILURE_COLUMNS = ("cause", "fault", "attempts", "counts as")
NO_FAILURE = "Every finished attempt was graded by its verifier."


def spend(facts: Facts) -> str:
    """Tell attempts, coverage, tokens and money by role and purpose."""
    *rows, total = spend_rows(facts)
    total = [f"**{cell}**" if at in (0, len(total) - 1) else cell for at, cell in enumerate(total)]
    return f"{table(SPEND_COLUMNS, [*rows, total])}\n\n{price_note(facts)}"


def spend_rows(facts: Facts) -> list[list[str]]:
    """List attempts, coverage, tokens and money by role and purpose; the last row is all of it."""
    purposes = list(dict.fromkeys((row.purpose, row.split) for row in facts.tallies.attempts))
    rows = [_purpose(facts, *each) for each in purposes]
    rows += [_role(role, bills) for role, bills in facts.tallies.roles]
    total = facts.state.spend
    coverage = facts.coverage()
    all_of_it = _coverage(coverage.scored, coverage.planned)
    spent = money(total.usd, unpriced=total.unpriced_requests)
    return [*rows, ["all", "", f"{coverage.planned:,}", all_of_it, f"{total.tokens:,}", spent]]


def _purpose(facts: Facts, purpose: str, split: str) -> list[str]:
    rows = [row for row in facts.tallies.attempts if (row.purpose, row.split) == (purpose, split)]
    planned, scored = _count(rows), _count(row for row in rows if row.state == "scored")
    spent = money(sum(row.usd for row in rows), unpriced=sum(row.unpriced for row in rows))
    tokens = sum(row.tokens for row in rows)
    return [f"task: {purpose}", split, f"{planned:,}", _coverage(scored, planned), f"{tokens:,}", spent]


def _role(role: str, bills: Bills) -> list[str]:
    return [role, "", f"{bills.sessions:,}", "", f"{bills.tokens:,}", money(bills.usd, unpriced=bills.unpriced)]


def _coverage(scored: int, planned: int) -> str:
    return f"{percent(scored / planned)} ({scored:,} of {planned:,})" if planned else ""


def _count(rows: Iterable[Tally]) -> int:
    return sum(row.attempts for row in rows)


def price_note(facts: Facts) -> str:
    """Say what the sums of money leave out."""
    total = facts.state.spend
    notes = []
    if facts.simulated:
        notes.append("Money of the simulated model is nominal: nobody is billed.")
    if total.unpriced_requests:
        notes.append(f"{total.unpriced_requests:,} requests had no price and are in no sum: the true spend is higher.")
    if total.reserved_usd:
        notes.append(f"{money(total.reserved_usd)} more is set aside for attempts that are under way.")
    return " ".join(notes) or "Every request had a price."


def failures(facts: Facts) -> str:
    """Tell by cause which attempts ended without the verifier's reward."""
    rows = failure_rows(facts)
    return table(FAILURE_COLUMNS, ([inline(cell) for cell in row] for row in rows)) if rows else NO_FAILURE


def failure_rows(facts: Facts) -> list[list[str]]:
    """List the causes, the most frequent first; nothing when every attempt was graded."""
    state = {row.cause: row.state for row in facts.tallies.attempts if row.cause}
    counts_as = {cause: "reward 0" if ended == "scored" else "missing" for cause, ended in state.items()}
    return [[row["cause"], row["fault"], f"{row['attempts']:,}", counts_as[row["cause"]]] for row in facts.failures()]


def notices(facts: Facts) -> str:
    """Repeat what was noted on the way: the sandbox taken, the suite's past, drift, outages, stops."""
    lines = notice_lines(facts)
    return bullets(lines, 640) if lines else "None."


def notice_lines(facts: Facts) -> list[str]:
    """List the notices, each once with its count; of very many the newest."""
    said = Counter((note["kind"], note["text"]) for note in facts.notices)
    lines = [f"{kind}: {one_line(text, 600)}{f' ({n} times)' if n > 1 else ''}" for (kind, text), n in said.items()]
    hidden = len(lines) - MOST_NOTICES
    return [*lines[-MOST_NOTICES:], *([f"and {hidden} earlier ones in the ledger"] if hidden > 0 else [])]


def standing(facts: Facts) -> str:
    """Say in one line how the run stands."""
    begun = datetime.fromtimestamp(facts.created_at, UTC)
    reason = f" ({inline(facts.finish['reason'])})" if facts.finish else ""
    return (
        f"State: **{facts.phase}**{reason}; begun {begun:%Y-%m-%d %H:%M} UTC,"
        f" at work for {duration(facts.state.elapsed_s)}; champion {facts.champion.id}: {inline(facts.champion.title)}"
    )
