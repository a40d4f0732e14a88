"""Decided candidates with what was known of them at that moment: nothing in it changes as the run goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from optimizer.ledger._connection import connect
from optimizer.ledger.tallies import TRAIN_EVIDENCE
from optimizer.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """Hold one decided candidate; the baseline has no verdict, and stands once it was measured.

    `score`, `scored` and `planned` count train attempts that were planned before the verdict.
    """

    candidate: str
    parent: str | None
    harness: str
    title: str
    hypothesis: str
    evidence: tuple[str, ...]
    fixes: tuple[str, ...]
    at_risk: tuple[str, ...]
    proposed_at: float
    verdict: Verdict | None
    public: str
    decided_at: float
    score: float | None
    scored: int
    planned: int
    proposed: bool = True


_DECIDED = """
SELECT c.id, c.parent, c.harness, c.title, c.hypothesis, c.evidence, c.fixes, c.at_risk, c.created_at,
       v.verdict, coalesce(v.public, '') AS public, coalesce(v.decided_at, b.concluded_at) AS ended_at,
       coalesce(v.after_attempt, b.last) AS last, c.slot IN (SELECT slot FROM slots) AS proposed
FROM candidates c
LEFT JOIN verdicts v ON v.candidate = c.id
LEFT JOIN (SELECT concluded_at, (SELECT max(number) FROM attempts WHERE purpose = 'baseline') AS last
           FROM conclusions WHERE phase = 'baseline') b ON c.slot = 0
WHERE ended_at IS NOT NULL ORDER BY c.slot
"""
_TRAIN = f"""
SELECT avg(mean), coalesce(sum(scored), 0), coalesce(sum(planned), 0) FROM (
    SELECT avg(CASE WHEN state = 'scored' THEN reward END) AS mean, sum(state = 'scored') AS scored, count(*) AS planned
    FROM attempts WHERE candidate = ? AND number <= ? AND split = 'train' AND purpose IN {TRAIN_EVIDENCE} GROUP BY task)
"""


def read_decisions(path: Path, *, but: Collection[str] = ()) -> tuple[Decision, ...]:
    """Read the ledger at `path` beside a living driver or after it, in the order of slots, `but` left out."""
    with closing(connect(path, read_only=True)) as db:
        return tuple(_decisions(db, but))


def _decisions(db: sqlite3.Connection, but: Collection[str]) -> Iterator[Decision]:
    for row in [row for row in db.execute(_DECIDED) if row["id"] not in but]:
        score, scored, planned = db.execute(_TRAIN, (row["id"], row["last"])).fetchone()
        evidence, fixes, at_risk = (tuple(json.loads(row[key])) for key in ("evidence", "fixes", "at_risk"))
        yield Decision(
            candidate=row["id"],
            parent=row["parent"],
            harness=row["harness"],
            title=row["title"],
            hypothesis=row["hypothesis"],
            evidence=evidence,
            fixes=fixes,
            at_risk=at_risk,
            proposed_at=row["created_at"],
            verdict=Verdict(row["verdict"]) if row["verdict"] else None,
            public=row["public"],
            decided_at=row["ended_at"],
            score=score,
            scored=scored,
            planned=planned,
            proposed=bool(row["proposed"]),
        )


def finished_at(path: Path) -> float | None:
    """Give the time the run was finished, Unix seconds; None before."""
    with closing(connect(path, read_only=True)) as db:
        row = db.execute("SELECT concluded_at FROM conclusions WHERE phase = 'finish'").fetchone()
    return float(row[0]) if row else None
