"""What model calls met, counted by kind: of each attempt, and of each session of a meta-agent."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from optimizer.ledger.records import Met

_MET = """
SELECT role, candidate, kind, sum(times), count(*) FROM incidents
GROUP BY role, candidate, kind ORDER BY role, kind, candidate
"""


def meet(db: sqlite3.Connection, role: str, who: str, candidate: str, incidents: Mapping[str, int]) -> None:
    """Count incidents inside an open transaction; `who` is an attempt, or a session: held again, it adds to its own."""
    db.executemany(
        "INSERT INTO incidents VALUES (?,?,?,?,?) ON CONFLICT DO UPDATE SET times = times + excluded.times",
        [(role, who, candidate, kind, times) for kind, times in sorted(incidents.items())],
    )


def read_met(db: sqlite3.Connection) -> tuple[Met, ...]:
    """Add up the incidents by role, candidate and kind."""
    return tuple(Met(*row) for row in db.execute(_MET))
