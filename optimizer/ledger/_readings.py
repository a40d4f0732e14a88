"""What models read and found: judgements of changes, and digests of attempts, each paid once."""

from __future__ import annotations

import json

from optimizer.ledger._book import Book, Json, settle
from optimizer.ledger.records import Bill, DigestRow

REFLECTION = "reflection"
"""Stands among the roles of readers for what came of them all."""


class ReadingBook(Book):
    """Read and write what models found; the ledger is one."""

    def record_judgement(
        self, candidate: str, record: Json, bill: Bill, *, role: str = REFLECTION, settles: str = ""
    ) -> None:
        """Record a reader's paid finding, or the whole reflection, before anything is decided from it.

        `settles` names its running bill.
        """
        with self._write() as db:
            settle(db, settles)
            values = (candidate, role, json.dumps(record), bill.tokens, bill.cost_usd, bill.unpriced, self._clock())
            db.execute("INSERT OR IGNORE INTO judgements VALUES (?,?,?,?,?,?,?)", values)

    def judgement(self, candidate: str, role: str = REFLECTION) -> Json | None:
        """Give a stored reflection, or what one reader found, so that it is never paid twice."""
        query = "SELECT record FROM judgements WHERE candidate = ? AND role = ?"
        row = self._db.execute(query, (candidate, role)).fetchone()
        return dict(json.loads(row["record"])) if row else None

    def findings(self, candidate: str) -> dict[str, Json]:
        """Give what each reader of a candidate found, by role, in the order they read."""
        query = "SELECT role, record FROM judgements WHERE candidate = ? AND role <> ? ORDER BY rowid"
        rows = self._db.execute(query, (candidate, REFLECTION))
        return {row["role"]: dict(json.loads(row["record"])) for row in rows}

    def record_digest(self, attempt: str, slot: int, record: Json, bill: Bill, *, settles: str) -> None:
        """Record a paid digest; `settles` names its running bill."""
        with self._write() as db:
            settle(db, settles)
            spent = (bill.tokens, bill.cost_usd, bill.unpriced, bill.turns)
            values = (attempt, slot, json.dumps(record), *spent, self._clock())
            db.execute("INSERT OR IGNORE INTO digests VALUES (?,?,?,?,?,?,?,?)", values)

    def digests(self) -> list[DigestRow]:
        """List the digests by attempt, so that none is paid twice."""
        rows = self._db.execute("SELECT attempt, slot, record FROM digests ORDER BY attempt")
        return [DigestRow(row["attempt"], row["slot"], json.loads(row["record"])) for row in rows]
