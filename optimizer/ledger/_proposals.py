"""What proposers were asked and what they answered: slots, contracts, candidates."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from optimizer.ledger._book import Book, Json, settle
from optimizer.ledger.records import Bill, CandidateRow, ProposalRow


class ProposalBook(Book):
    """Read and write what concerns proposals; the ledger is one."""

    def open_proposals(self, rows: list[ProposalRow]) -> None:
        """Record what slots are asked for, before their sessions begin; called again, change nothing."""
        with self._write() as db:
            last = db.execute("SELECT coalesce(max(number), 0) AS n FROM attempts").fetchone()["n"]
            values = [
                (row.slot, row.parent, row.brief, row.author, row.base, row.pivot, last, self._clock()) for row in rows
            ]
            db.executemany("INSERT OR IGNORE INTO proposals VALUES (?,?,?,?,?,?,?,?)", values)

    def proposals(self) -> dict[int, ProposalRow]:
        """Give by slot what it was opened with."""
        query = "SELECT slot, parent, brief, author, base, pivot, after_attempt FROM proposals ORDER BY slot"
        return {row["slot"]: ProposalRow(**row) for row in self._db.execute(query)}

    def record_objection(self, slot: int, digest: str, record: Json, bill: Bill, *, settles: str = "") -> None:
        """Record a paid review of a proposal, by what the reviewer was shown; `settles` its running bill."""
        with self._write() as db:
            settle(db, settles)
            values = (slot, digest, json.dumps(record), bill.tokens, bill.cost_usd, bill.unpriced, self._clock())
            db.execute("INSERT OR IGNORE INTO objections VALUES (?,?,?,?,?,?,?)", values)

    def objections(self, slot: int) -> dict[str, Json]:
        """Give the reviews of a slot's proposals by what was shown, in order."""
        rows = self._db.execute("SELECT digest, record FROM objections WHERE slot = ? ORDER BY rowid", (slot,))
        return {row["digest"]: json.loads(row["record"]) for row in rows}

    def reviewed_slots(self) -> dict[int, Json]:
        """Give by slot what its last review found."""
        rows = self._db.execute("SELECT slot, record FROM objections ORDER BY rowid")
        return {row["slot"]: json.loads(row["record"]) for row in rows}

    def rebase(self, row: CandidateRow) -> None:
        """Record that a candidate's change was carried over to another parent, before anything was made with it."""
        with self._write() as db:
            was = db.execute("SELECT parent, harness FROM candidates WHERE id = ?", (row.id,)).fetchone()
            values = (row.id, was["parent"], was["harness"], self._clock())
            db.execute("INSERT OR IGNORE INTO rebases VALUES (?,?,?,?)", values)
            moved = (row.parent, row.harness, row.normalised, row.id)
            db.execute("UPDATE candidates SET parent = ?, harness = ?, normalised = ? WHERE id = ?", moved)

    def rebases(self) -> dict[str, str]:
        """Give by candidate the parent it was proposed for, where that is another now."""
        return {row["candidate"]: row["parent"] for row in self._db.execute("SELECT candidate, parent FROM rebases")}

    def conclude_slot(
        self, slot: int, candidate: CandidateRow | None, *, reason: str, bill: Bill, settles: str = ""
    ) -> None:
        """Record a proposal's end and its candidate in one step, `settles` its running bill; slot 0 is nobody's."""
        with self._write() as db:
            settle(db, settles)
            if candidate is not None:
                db.execute("INSERT OR IGNORE INTO candidates VALUES (?,?,?,?,?,?,?,?,?,?,?)", self._columns(candidate))
                if candidate.refuted_by:
                    used = json.dumps(list(candidate.lessons_used))
                    contract = (candidate.id, candidate.refuted_by, candidate.lesson, used)
                    db.execute("INSERT OR IGNORE INTO contracts VALUES (?,?,?,?)", contract)
            if slot > 0:
                name = candidate.id if candidate else None
                values = (slot, name, reason, bill.tokens, bill.cost_usd, bill.unpriced, bill.turns, self._clock())
                db.execute("INSERT OR IGNORE INTO slots VALUES (?,?,?,?,?,?,?,?)", values)

    def _columns(self, row: CandidateRow) -> tuple[object, ...]:
        lists = (json.dumps(list(items)) for items in (row.evidence, row.fixes, row.at_risk))
        head = (row.id, row.slot, row.parent, row.harness, row.normalised, row.title, row.hypothesis)
        return (*head, *lists, self._clock())

    def candidates(self) -> list[CandidateRow]:
        """List the candidates in the order of slots; the baseline is slot 0."""
        query = "SELECT c.*, k.refuted_by, k.lesson, k.lessons_used FROM candidates c"
        return [
            _candidate(row)
            for row in self._db.execute(f"{query} LEFT JOIN contracts k ON k.candidate = c.id ORDER BY c.slot")
        ]

    def slots(self) -> list[dict[str, Any]]:  # Any: values of SQLite's own
        """List the concluded proposals."""
        return [dict(row) for row in self._db.execute("SELECT * FROM slots ORDER BY slot")]


def _candidate(row: sqlite3.Row) -> CandidateRow:
    plain = {key: row[key] for key in ("id", "slot", "parent", "harness", "normalised", "title", "hypothesis")}
    evidence, fixes, at_risk, used = (
        tuple(json.loads(row[key] or "[]")) for key in ("evidence", "fixes", "at_risk", "lessons_used")
    )
    refuted_by, lesson = row["refuted_by"] or "", row["lesson"] or ""
    return CandidateRow(
        **plain,
        evidence=evidence,
        fixes=fixes,
        at_risk=at_risk,
        refuted_by=refuted_by,
        lesson=lesson,
        lessons_used=used,
    )
