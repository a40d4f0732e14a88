"""The connection to a ledger's file: SQLite, with its failures said in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from traces.storage import StorageError

BUSY_S: Final = 30.0
"""How long a write waits for another process that holds the file."""

_RESUME = "then resume the run: nothing that was recorded is lost"
_LOST = "put back a copy of the file, or start a new run; traces and candidates beside it stay readable"
_FAULTS: Final[dict[int, tuple[str, str]]] = {
    sqlite3.SQLITE_FULL: ("the disk is full", f"free some space, {_RESUME}"),
    sqlite3.SQLITE_IOERR: ("the disk refuses", f"check its space and health, {_RESUME}"),
    sqlite3.SQLITE_READONLY: ("the disk is read-only", f"make it writable, {_RESUME}"),
    sqlite3.SQLITE_PERM: ("this user may not write there", f"mend its permissions, {_RESUME}"),
    sqlite3.SQLITE_CORRUPT: ("the ledger is damaged", _LOST),
    sqlite3.SQLITE_NOTADB: ("it is not a ledger", _LOST),
    sqlite3.SQLITE_ERROR: ("it is not a whole ledger", _LOST),
}


class LedgerUnusableError(StorageError):
    """Say that the ledger's file is damaged, gone, held by another process, or on a disk that refuses."""


class _Cursor(sqlite3.Cursor):
    """Read and write with errors in words; Any: values of SQLite's own."""

    def execute(self, sql: str, parameters: Any = (), /) -> _Cursor:
        """Run one statement."""
        try:
            super().execute(sql, parameters)
        except sqlite3.Error as error:
            raise _in_words(error, self.connection) from error
        return self

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> _Cursor:
        """Run one statement for each of `parameters`."""
        try:
            super().executemany(sql, parameters)
        except sqlite3.Error as error:
            raise _in_words(error, self.connection) from error
        return self

    def __next__(self) -> Any:
        """Give the next row."""
        try:
            return super().__next__()
        except sqlite3.Error as error:
            raise _in_words(error, self.connection) from error

    def fetchone(self) -> Any:
        """Give the next row or None."""
        try:
            return super().fetchone()
        except sqlite3.Error as error:
            raise _in_words(error, self.connection) from error


class Connection(sqlite3.Connection):
    """Connect to one ledger."""

    path: Path | None = None

    def cursor(self, factory: Any = None) -> Any:  # Any: the base class is typed so
        """Give a cursor that speaks in our words."""
        return super().cursor(factory or _Cursor)

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """Run one statement; the base class takes a plain cursor here, without our words."""
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        """Run one statement for each of `parameters`."""
        return self.cursor().executemany(sql, parameters)


def create(path: Path, schema: str) -> None:
    """Make the ledger's file with all the tables of `schema`, unless it is there; no reader ever sees half of it."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        draft.unlink(missing_ok=True)
        with closing(sqlite3.connect(draft, isolation_level=None)) as made:
            made.executescript(f"BEGIN;{schema}COMMIT;")
        draft.replace(path)
    except sqlite3.Error as error:
        draft.unlink(missing_ok=True)
        raise unusable(path, error) from error


def identity(path: Path | None) -> tuple[int, int] | None:
    """Tell a file from another that took its name; None when there is none."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found is not None else None


def connect(path: Path | None, *, read_only: bool = False, busy_s: float = BUSY_S) -> Connection:
    """Open a ledger's file, or one in memory.

    Raises:
        LedgerUnusableError: It cannot be opened.
    """
    try:
        db: Connection = sqlite3.connect(
            _address(path, read_only=read_only), uri=True, isolation_level=None, timeout=busy_s, factory=Connection
        )
    except sqlite3.OperationalError as error:
        raise unusable(path or Path(":memory:"), error) from error
    db.path = path
    db.row_factory = sqlite3.Row
    return db


def check(db: Connection) -> None:
    """Read the whole file once against its own structure, so that damage is known before anything is paid.

    Raises:
        LedgerUnusableError: It is damaged.
    """
    said = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        raise _error(db.path, f"the ledger is damaged ({said})", _LOST)


def unusable(path: Path, error: sqlite3.Error) -> LedgerUnusableError:
    """Say what SQLite's error means for whoever must mend it."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        reason = f"another process holds it and does not let go{_holders(path)}"
        return _error(path, reason, f"end that process, {_RESUME}")
    if code == sqlite3.SQLITE_CANTOPEN and not path.exists():
        return _error(path, "it is gone", f"put it back, {_RESUME}")
    reason, mend = _FAULTS.get(code, ("it cannot be opened", f"check permissions and `ulimit -n`, {_RESUME}"))
    return _error(path, f"{reason} ({error})", mend)


def replaced(path: Path) -> LedgerUnusableError:
    """Say that the file was taken away from under an open connection."""
    return _error(path, "it was removed or replaced during the run", f"put the run's folder back, {_RESUME}")


def _error(path: Path | None, reason: str, mend: str) -> LedgerUnusableError:
    return LedgerUnusableError(f"cannot use {path}: {reason}", hint=mend)


def _in_words(error: sqlite3.Error, db: sqlite3.Connection) -> Exception:
    """Pass on what is a bug of ours: a broken constraint, a wrong call."""
    path = getattr(db, "path", None)
    faults = (sqlite3.DatabaseError,)
    bugs = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.InternalError)
    if path is None or isinstance(error, bugs) or not isinstance(error, faults):
        return error
    return unusable(path, error)


def _address(path: Path | None, *, read_only: bool) -> str:
    if path is None:
        return ":memory:"
    name = path.resolve().as_uri()
    if not read_only:
        return f"{name}?mode=rw"
    frozen = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
    return f"{name}?mode=ro{'&immutable=1' if frozen else ''}"


def _holders(path: Path) -> str:
    """Name the other processes that have the file open, as far as this user may see."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _has_open(entry, path):
            found.append(entry.name)
    return f" (open in process {', '.join(found[:3])})" if found else ""


def _has_open(process: Path, path: Path) -> bool:
    try:
        return any(link.readlink() == path.resolve() for link in (process / "fd").iterdir())
    except OSError:
        return False
