"""What the parts of the ledger stand on: the connection, the clock, and one transaction a write."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from optimizer.ledger._connection import Connection

Json = Mapping[str, Any]  # Any: JSON


class Book(ABC):
    """Read and write some tables of the ledger, which is all its books."""

    _db: Connection
    _clock: Callable[[], float]

    @abstractmethod
    def _write(self) -> AbstractContextManager[sqlite3.Connection]:
        """Open a transaction: all that is written inside stands, or nothing of it."""


def settle(db: sqlite3.Connection, what: str) -> None:
    """Drop a running bill whose session is recorded in the same transaction."""
    db.execute("DELETE FROM bills WHERE what = ?", (what,))
