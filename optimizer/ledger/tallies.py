"""Attempts counted by SQLite itself: a report after every step must not read thousands of rows."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from optimizer.ledger._incidents import read_met
from optimizer.ledger.records import Met


@dataclass(frozen=True, slots=True)
class Tally:
    """Count the attempts of one stage, candidate, state and cause; `usd` leaves unpriced requests out."""

    stage: str
    candidate: str
    split: str
    purpose: str
    state: str
    cause: str | None
    attempts: int
    tokens: int
    usd: float
    unpriced: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class TaskTally:
    """Count one candidate's measured attempts on one train task.

    `passes` are rewards of 1; `failed` ended without the verifier's reward: missing, or 0 by rule.
    """

    candidate: str
    task: str
    planned: int
    scored: int
    passes: int
    total: float
    failed: int = 0

    @property
    def mean(self) -> float | None:
        """Average the rewards; None when nothing was scored."""
        return self.total / self.scored if self.scored else None


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Aggregate one candidate's held-out attempts: the mean of its tasks' means, and of their squares.

    For people only, once nothing can be proposed any more.
    """

    candidate: str
    tasks: int
    attempts: int
    mean: float
    squares: float


@dataclass(frozen=True, slots=True)
class Bills:
    """Add up what one meta-agent role used."""

    sessions: int
    tokens: int
    usd: float
    unpriced: int


@dataclass(frozen=True, slots=True)
class Tallies:
    """Hold the counts of one reading.

    `afresh` are the champion's attempts beside a candidate's screen, under the candidate's name.
    """

    attempts: tuple[Tally, ...]
    train: tuple[TaskTally, ...]
    proposer: Bills
    reviewer: Bills
    analyst: Bills
    reflector: Bills
    lost: Bills
    afresh: tuple[TaskTally, ...] = ()
    held_out: tuple[HeldOut, ...] = ()
    met: tuple[Met, ...] = ()

    @property
    def roles(self) -> tuple[tuple[str, Bills], ...]:
        """Name the meta-agent's bills: proposer and reflector always, the others where there are any."""
        always = (("proposer", self.proposer), ("reflector", self.reflector))
        others = (("analyst", self.analyst), ("reviewer", self.reviewer), ("lost sessions", self.lost))
        return (*always, *((name, bills) for name, bills in others if bills.sessions))


TRAIN_EVIDENCE = ("baseline", "screen")
"""Purposes of train attempts that make a score; a single smoke attempt makes none."""

_ATTEMPTS = """
SELECT stage, candidate, split, purpose, state, cause, count(*), sum(tokens), coalesce(sum(cost_usd), 0),
       sum(unpriced), sum(duration_s)
FROM attempts GROUP BY stage, candidate, split, purpose, state, cause ORDER BY min(number)
"""
_TRAIN = f"""
SELECT candidate, task, count(*), sum(state = 'scored'), sum(state = 'scored' AND reward >= 1),
       coalesce(sum(CASE WHEN state = 'scored' THEN reward END), 0), sum(cause IS NOT NULL)
FROM attempts WHERE split = 'train' AND purpose IN {TRAIN_EVIDENCE} GROUP BY candidate, task ORDER BY min(number)
"""
_AFRESH = """
SELECT substr(stage, 8), task, count(*), count(*), sum(reward >= 1), sum(reward), sum(cause IS NOT NULL)
FROM (SELECT CASE instr(stage, '+') WHEN 0 THEN stage ELSE substr(stage, 1, instr(stage, '+') - 1) END AS stage,
             number, task, reward, cause FROM attempts WHERE purpose = 'lesson' AND state = 'scored')
GROUP BY stage, task ORDER BY min(number)
"""
_HELD_OUT = """
SELECT candidate, count(*), sum(n), avg(mean), avg(mean * mean)
FROM (SELECT candidate, avg(reward) AS mean, count(*) AS n FROM attempts
      WHERE split = 'heldout' AND state = 'scored' GROUP BY candidate, task)
GROUP BY candidate
"""


def read_tallies(db: sqlite3.Connection) -> Tallies:
    """Count the attempts and bills of an open ledger."""
    return Tallies(
        attempts=tuple(Tally(*row) for row in db.execute(_ATTEMPTS)),
        train=tuple(TaskTally(*row) for row in db.execute(_TRAIN)),
        proposer=_bills(db, "slots"),
        reviewer=_bills(db, "objections"),
        analyst=_bills(db, "digests"),
        reflector=_bills(db, "judgements", "role <> 'reflection' OR tokens > 0"),
        lost=_bills(db, "bills"),
        afresh=tuple(TaskTally(*row) for row in db.execute(_AFRESH)),
        held_out=tuple(HeldOut(*row) for row in db.execute(_HELD_OUT)),
        met=read_met(db),
    )


def _bills(db: sqlite3.Connection, table: str, where: str = "1") -> Bills:
    sums = "count(*), coalesce(sum(tokens), 0), coalesce(sum(cost_usd), 0), coalesce(sum(unpriced), 0)"
    return Bills(*db.execute(f"SELECT {sums} FROM {table} WHERE {where}").fetchone())
