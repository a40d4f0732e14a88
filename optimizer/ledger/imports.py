"""Attempts made elsewhere, taken in for a proposer to read: a table apart, so that nothing counts them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

from optimizer.ledger._book import Book


@dataclass(frozen=True, slots=True)
class ImportRow:
    """Record one imported trial.

    `trial` is its identity wherever it is copied; `agent` (`i001`) stands in its id where a candidate's does.
    `tokens`, `turns` and `cost_usd` are None where its job does not tell.
    """

    trial: str
    job: str
    agent: str
    title: str
    attempt: str
    task: str
    reward: float | None
    cause: str | None
    detail: str
    tokens: int | None
    cost_usd: float | None
    duration_s: float
    turns: int | None


TABLE = """
CREATE TABLE IF NOT EXISTS imports (
    trial TEXT PRIMARY KEY, job TEXT NOT NULL, agent TEXT NOT NULL, title TEXT NOT NULL, attempt TEXT NOT NULL UNIQUE,
    task TEXT NOT NULL, reward REAL, cause TEXT, detail TEXT NOT NULL, tokens INTEGER, cost_usd REAL,
    duration_s REAL NOT NULL, turns INTEGER
)"""
RULE = """
CREATE TRIGGER IF NOT EXISTS imports_stand BEFORE UPDATE ON imports
BEGIN SELECT RAISE(ABORT, 'an import stands'); END"""
_COLUMNS = ", ".join(field.name for field in fields(ImportRow))


class ImportBook(Book):
    """Read and write the table; a ledger from before there were imports has none until the first."""

    def take_in(self, rows: Iterable[ImportRow]) -> None:
        """Record attempts made elsewhere; one that stands already is left as it is."""
        marks = ",".join("?" * len(fields(ImportRow)))
        with self._write() as db:
            db.execute(TABLE)
            db.execute(RULE)
            values = [astuple(row) for row in rows]
            db.executemany(f"INSERT OR IGNORE INTO imports ({_COLUMNS}) VALUES ({marks})", values)

    def imported(self) -> list[ImportRow]:
        """List the attempts made elsewhere, in the order they were taken in; `attempts` holds none of them."""
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'imports'").fetchone():
            return []
        return [ImportRow(*row) for row in self._db.execute(f"SELECT {_COLUMNS} FROM imports ORDER BY rowid")]
