"""The head of a page: which attempt, whose, at what, how it ended, what it used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from optimizer.ledger import AttemptRow
from optimizer.reading.attempt_facts import Naming
from traces.event import Event, EventKind
from traces.reader import duration
from traces.render import tokens
from traces.styled import Line, Span, Style, line
from traces.turns import is_ended, used

_LABEL = 11
PROPOSER = "proposer"
"""The split that meta-agents' own sessions are kept in."""


def heading(events: Sequence[Event], row: AttemptRow | None, naming: Naming) -> Iterator[Line]:
    """Write the head of an attempt's page; `row` is None for a meta-agent's session."""
    key = events[0].key
    yield line(key.attempt, Style.STRONG)
    if key.split == PROPOSER:
        yield _fact("session", f"{key.candidate} {key.task}, a meta-agent's own")
    else:
        yield _fact("candidate", naming.of(key.candidate))
        purpose = "" if row is None else f" · drawn for {row.spec.purpose.value}"
        yield _fact("task", f"{key.task} · {key.split}{purpose}")
    yield _fact("ended", *ending(events, row, naming))
    yield _fact("used", " · ".join(figures(events)))


def ending(events: Sequence[Event], row: AttemptRow | None, naming: Naming) -> tuple[str, Style]:
    """Say how an attempt ended, or that it has not, and how that looks."""
    if not is_ended(events):
        if naming.running:
            return "not yet: it is running, this is what it has written so far", Style.STRONG
        return "cut off: whoever ran it died, or the run was stopped", Style.BAD
    reward = _reward(events) if row is None else row.reward
    cause = "" if row is None or not row.cause else f" · {row.cause}{f': {row.detail}' if row.detail else ''}"
    if reward is None:
        missing = row is not None and row.state == "missing"
        return f"{'missing, so it counts for nothing' if missing else 'without a reward'}{cause}", Style.PLAIN
    return f"reward {reward:g}{cause}", Style.GOOD if reward >= 1 else Style.BAD


def figures(events: Sequence[Event]) -> list[str]:
    """Write what an attempt used: turns, events, tokens, cost, time."""
    total = used(events)
    calls = "1 model call" if total.requests == 1 else f"{total.requests:,} model calls"
    facts = [calls, f"{len(events):,} events"]
    facts += [tokens(total.usage), total.cost] if total.requests else []
    return [*facts, duration(max(event.ts for event in events) - min(event.ts for event in events))]


def _fact(label: str, text: str, style: Style = Style.PLAIN) -> Line:
    return line(text, style).under(Span(f"  {label:<{_LABEL}}", Style.FAINT))


def _reward(events: Sequence[Event]) -> float | None:
    ends = [event.data.get("reward") for event in events if event.kind is EventKind.ATTEMPT_END]
    return float(ends[-1]) if ends and isinstance(ends[-1], int | float) else None
