"""Asks analysts for digests of failing train attempts: side by side, each paid once, whatever is killed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from optimizer.ledger import Bill
from optimizer.propose import AttemptView, Digest
from optimizer.propose.analyst import analyse
from optimizer.sessions.session import open_session, run_session
from optimizer.stages.bench import Bench
from optimizer.stages.draws import OutageError
from optimizer.telling.progress import Progress
from task_agent.errors import AttemptError
from task_agent.meter import Budget
from traces.errors import NotFoundError
from traces.event import Event
from traces.segment import TraceDamagedError

TURNS, TOKENS, TIME_S = 4, 200_000, 300.0
"""What one digest may use."""


def digests_for(bench: Bench, slot: int, attempts: Sequence[AttemptView], *, usd: float | None) -> list[Digest]:
    """Give every digest of the run, once the slot's share of the parent's failures has been read.

    Which attempts a slot asks for follows from the attempts and from what earlier slots asked for, never from
    how far this one came before it was killed.

    Args:
        bench: The run.
        slot: The slot about to be proposed for.
        attempts: The parent's train attempts.
        usd: What all of them together may cost; None is no bound.

    Raises:
        OutageError: The analyst's model is out of reach; what was read stands.
    """
    stored = bench.ledger.digests()
    if usd is None or usd > 0:
        before = {row.attempt for row in stored if row.slot != slot}
        share = chosen(attempts, before, bench.config.proposer.digests.per_round)
        owed = [name for name in share if name not in {row.attempt for row in stored}]
        if owed:
            _read(bench, slot, owed, usd)
    return [Digest.from_record(row.attempt, dict(row.record)) for row in bench.ledger.digests()]


def chosen(attempts: Sequence[AttemptView], before: set[str], count: int) -> list[str]:
    """Choose up to `count` failing attempts that nobody has read, one of each task as long as there are tasks."""
    nth: Counter[str] = Counter()
    ranked = []
    for attempt in sorted(attempts, key=lambda each: each.id):
        if attempt.outcome == "failed":
            ranked.append((nth[attempt.task], attempt.id))
            nth[attempt.task] += 1
    return [name for _, name in sorted(ranked) if name not in before][:count]


def _read(bench: Bench, slot: int, owed: Sequence[str], usd: float | None) -> None:
    text = f"slot {slot}: an analyst reads {len(owed)} failing train attempts"
    bench.listen(Progress("notice", text, {"slot": slot, "attempts": len(owed)}))
    budget = Budget(TURNS, TOKENS, None if usd is None else usd / len(owed), TIME_S)
    try:
        run_session(bench, _all(bench, slot, owed, budget))
    except AttemptError as error:
        hint = f"ratchet resume {bench.run}"
        raise OutageError(f"the analyst's model is out of reach: {error}", hint=hint) from error
    finally:
        bench.store.add(bench.traces.seal())


async def _all(bench: Bench, slot: int, owed: Sequence[str], budget: Budget) -> None:
    """Read them side by side; what fails stops none of the others, and is raised when they are done."""
    free = asyncio.Semaphore(bench.config.proposer.digests.at_once)

    async def one(attempt: str) -> None:
        async with free:
            await _one(bench, slot, attempt, budget)

    ended = await asyncio.gather(*map(one, owed), return_exceptions=True)
    for problem in filter(None, ended):
        raise problem


async def _one(bench: Bench, slot: int, attempt: str, budget: Budget) -> None:
    """Read one attempt and write its digest down before anything else."""
    events = _events(bench, attempt)
    if not events:
        nothing = Digest(attempt, None, None, "", "it left no trace that can be read")
        bench.ledger.record_digest(attempt, slot, nothing.to_record(), Bill(), settles="")
        return
    session = open_session(bench, attempt, "analyst", seals=False)
    try:
        found = await analyse(events, session.seat(bench.config.models.roles["analyst"]), budget)
    finally:
        session.close()
    bill = Bill(found.usage.total, found.cost_usd, found.unpriced_requests, found.turns)
    bench.ledger.record_digest(attempt, slot, found.digest.to_record(), bill, settles=session.client.what)


def _events(bench: Bench, attempt: str) -> list[Event]:
    try:
        return bench.store.read_attempt(attempt)
    except (NotFoundError, TraceDamagedError):
        return []
