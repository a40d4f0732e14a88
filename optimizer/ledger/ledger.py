"""Reads and writes of the ledger; every write is one transaction and can be repeated without harm."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optimizer.attempt_spec import AttemptResult, AttemptSpec, Purpose
from optimizer.ledger._book import Json, settle
from optimizer.ledger._connection import BUSY_S, check, connect, create, identity, replaced
from optimizer.ledger._incidents import meet
from optimizer.ledger._proposals import ProposalBook
from optimizer.ledger._readings import ReadingBook
from optimizer.ledger._schema import SCHEMA, SCHEMA_VERSION
from optimizer.ledger.imports import ImportBook
from optimizer.ledger.lock import RunLockedError
from optimizer.ledger.records import (
    AttemptRow,
    Bill,
    CandidateRow,
    DrawRequest,
    LookRow,
    ReviewRow,
    TrialRow,
    VerdictRow,
)
from optimizer.ledger.tallies import Tallies, read_tallies
from optimizer.state import CandidateState, OpenTest, Phase, RunState, Spend
from optimizer.verdict import Verdict
from traces.errors import UsageError


class LedgerError(UsageError):
    """Say that a ledger belongs to something else than it is wanted for."""


class Ledger(ProposalBook, ReadingBook, ImportBook):
    """Hold one run's record.

    Args:
        path: The SQLite file; `:memory:` serves tests.
        clock: Unix seconds, for the moments that stand in the record.
        ticks: Seconds that never jump, for working time.
        read_only: Open without the right to write, beside a living driver.
        busy_s: How long to wait for another process that holds the file.

    Raises from every method: `LedgerUnusableError` when the file or its disk does not do what it must.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        read_only: bool = False,
        busy_s: float = BUSY_S,
    ) -> None:
        self._clock = clock
        self._ticks = ticks
        self._opened: tuple[int, float] | None = None
        self._path = None if path == ":memory:" else Path(path)
        if self._path is not None and not read_only:
            create(self._path, SCHEMA)
        self._db = connect(self._path, read_only=read_only, busy_s=busy_s)
        try:
            self._set_up(read_only=read_only)
        except BaseException:
            self._db.close()
            raise
        self._file = identity(self._path)

    def _set_up(self, *, read_only: bool) -> None:
        if self._path is None:
            self._db.executescript(SCHEMA)
            return
        self._check_version()
        if not read_only:
            check(self._db)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")

    def _check_version(self) -> None:
        row = self._db.execute("SELECT schema_version FROM run").fetchone()
        if row is not None and row["schema_version"] != SCHEMA_VERSION:
            age = "an earlier" if row["schema_version"] < SCHEMA_VERSION else "a later"
            raise LedgerError(
                f"{self._path} was written by {age} version of Ratchet (schema {row['schema_version']}, here it is"
                f" {SCHEMA_VERSION})",
                hint="read it, or resume its run, with the version that wrote it",
            )

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._db.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all reads inside see one moment, whatever a driver writes meanwhile."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._roll_back()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        self._check_place()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._check_session()
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        """End a transaction without a trace; SQLite has ended it by itself where the disk was full."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _check_place(self) -> None:
        """Refuse to go on writing into a file that no longer has its name: all of it would be lost."""
        if self._path is not None and identity(self._path) != self._file:
            raise replaced(self._path)

    def _check_session(self) -> None:
        """Refuse to write once another driver has begun a session: the lock alone may have been removed."""
        if self._opened is None:
            return
        newest = self._db.execute("SELECT number, pid FROM sessions ORDER BY number DESC LIMIT 1").fetchone()
        if newest["number"] != self._opened[0]:
            raise RunLockedError(
                f"process {newest['pid']} has taken over the run; this one stops", hint="leave it to that process"
            )

    # The run and its sessions -------------------------------------------------

    def begin(self, run: str, lock: Json) -> None:
        """Record the run and the hashes it stands on; called again, compare them.

        Raises:
            LedgerError: The run was begun with other hashes.
        """
        with self._write() as db:
            row = db.execute("SELECT lock FROM run").fetchone()
            if row is None:
                values = (run, SCHEMA_VERSION, self._clock(), json.dumps(lock, sort_keys=True))
                db.execute("INSERT INTO run VALUES (?, ?, ?, ?)", values)
                return
        was = json.loads(row["lock"])
        changed = sorted(key for key in {*was, *lock} if was.get(key) != lock.get(key))
        if changed:
            raise LedgerError(
                f"run {run!r} was begun with other {', '.join(changed)}",
                hint="start a new run, or put back what changed",
            )

    @property
    def lock(self) -> Json:
        """Give the hashes the run was begun with."""
        row = self._db.execute("SELECT lock FROM run").fetchone()
        return dict(json.loads(row["lock"])) if row else {}

    @property
    def created_at(self) -> float:
        """Give the time the run was begun, Unix seconds."""
        row = self._db.execute("SELECT created_at FROM run").fetchone()
        return float(row["created_at"]) if row else 0.0

    def open_session(self) -> None:
        """Record that a driver works on the run from now on."""
        self._opened = None
        with self._write() as db:
            now = self._clock()
            opened = db.execute(
                "INSERT INTO sessions (pid, started_at, seen_at) VALUES (?,?,?)", (os.getpid(), now, now)
            )
        self._opened = int(opened.lastrowid or 0), self._ticks()

    def heartbeat(self) -> None:
        """Record that the driver is alive; a run's working time is the sum over its sessions."""
        with self._write() as db:
            self._seen(db)

    def _seen(self, db: sqlite3.Connection) -> None:
        """Move the session's end on by steady seconds: the machine's clock may jump by hours, either way."""
        if self._opened is not None:
            number, since = self._opened
            worked = self._ticks() - since
            db.execute("UPDATE sessions SET seen_at = max(seen_at, started_at + ?) WHERE number = ?", (worked, number))

    @property
    def elapsed_s(self) -> float:
        """Add up the working time of all sessions."""
        row = self._db.execute("SELECT coalesce(sum(seen_at - started_at), 0) AS s FROM sessions").fetchone()
        return float(row["s"])

    # Trials and stages --------------------------------------------------------

    def open_trial(self, row: TrialRow) -> None:
        """Record a setting of the tuner before its first attempt."""
        with self._write() as db:
            values = (row.id, row.slot, row.parent, row.harness, json.dumps(dict(row.setting)), self._clock())
            db.execute("INSERT OR IGNORE INTO trials VALUES (?,?,?,?,?,?,NULL,NULL)", values)

    def end_trial(self, trial: str, outcome: str) -> None:
        """Record that no further attempt is made for a setting."""
        with self._write() as db:
            values = (outcome, self._clock(), trial)
            db.execute("UPDATE trials SET outcome=?, ended_at=? WHERE id=? AND outcome IS NULL", values)

    def trials(self) -> list[TrialRow]:
        """List the settings the tuner tried, in order."""
        rows = self._db.execute("SELECT id, slot, parent, harness, setting, outcome FROM trials ORDER BY rowid")
        return [TrialRow(**{**row, "setting": json.loads(row["setting"])}) for row in rows]

    def conclude_stage(self, candidate: str, stage: str, record: Json) -> None:
        """Record that a candidate passed a stage before the gate."""
        with self._write() as db:
            values = (candidate, stage, json.dumps(record), self._clock())
            db.execute("INSERT OR IGNORE INTO passed VALUES (?,?,?,?)", values)

    def stage_records(self, candidate: str) -> dict[str, Json]:
        """Give what was recorded at each stage the candidate passed, in the order it passed them."""
        rows = self._db.execute("SELECT stage, record FROM passed WHERE candidate = ? ORDER BY rowid", (candidate,))
        return {row["stage"]: json.loads(row["record"]) for row in rows}

    # Attempts -----------------------------------------------------------------

    def plan(self, run: str, stage: str, requests: Iterable[DrawRequest]) -> list[AttemptRow]:
        """Allocate fresh replicates for `stage`, once; called again, return the same rows.

        Replicates count per (harness, task) over the whole run, so evidence is never used twice.
        """
        with self._write() as db:
            if not db.execute("SELECT 1 FROM attempts WHERE stage = ? LIMIT 1", (stage,)).fetchone():
                self._allocate(db, stage, requests)
        return self.attempts(run, stage=stage)

    def _allocate(self, db: sqlite3.Connection, stage: str, requests: Iterable[DrawRequest]) -> None:
        used: dict[tuple[str, str], int] = {
            (row["harness"], row["task"]): row["n"]
            for row in db.execute("SELECT harness, task, max(replicate) + 1 AS n FROM attempts GROUP BY harness, task")
        }
        values = []
        for ask in requests:
            for _ in range(ask.count):
                replicate = used.get((ask.harness, ask.task), 0)
                used[ask.harness, ask.task] = replicate + 1
                values.append(
                    (ask.candidate, ask.harness, ask.task, ask.split, replicate, ask.purpose.value, stage, "planned")
                )
        db.executemany(
            "INSERT INTO attempts (candidate, harness, task, split, replicate, purpose, stage, state)"
            " VALUES (?,?,?,?,?,?,?,?)",
            values,
        )

    def reserve(self, rowids: Sequence[int], usd: float) -> None:
        """Set money aside for attempts about to start; their results settle it."""
        with self._write() as db:
            db.executemany(
                "UPDATE attempts SET reserved_usd = ? WHERE number = ? AND state = 'planned'",
                [(usd, n) for n in rowids],
            )

    def record(self, results: Iterable[AttemptResult]) -> None:
        """Record attempts that ended; a result that stands already is left as it is."""
        with self._write() as db:
            self._seen(db)
            for result in results:
                spec = result.spec
                ended = db.execute(
                    "UPDATE attempts SET state=?, reserved_usd=0, reward=?, cause=?, detail=?, tokens=?, cost_usd=?,"
                    " unpriced=?, duration_s=?, turns=?, retries=?, parts=?, ended_at=?"
                    " WHERE harness=? AND task=? AND replicate=? AND state='planned'",
                    (
                        result.status.value, result.reward, result.cause, result.detail[:2000], result.usage.total,
                        result.cost_usd, result.unpriced_requests, result.duration_s, result.turns, result.retries,
                        json.dumps(dict(result.reward_parts)) if result.reward_parts else None, self._clock(),
                        spec.harness, spec.task, spec.replicate,
                    ),
                )  # fmt: skip
                if ended.rowcount:
                    meet(db, "task", spec.id, spec.candidate, result.incidents)

    def meet(self, role: str, session: str, incidents: Mapping[str, int], *, whole: bool = False) -> None:
        """Count what a meta-agent's session met; one that is held again adds to it, unless it tells the whole again."""
        with self._write() as db:
            if whole:
                db.execute("DELETE FROM incidents WHERE role = ? AND who = ?", (role, session))
            meet(db, role, session, "", incidents)

    def attempts(self, run: str = "", **where: str | int) -> list[AttemptRow]:
        """List attempts by equal columns: stage, candidate, harness, split, state, task, purpose."""
        clause = " AND ".join(f"{column} = ?" for column in where) or "1"
        query = f"SELECT * FROM attempts WHERE {clause} ORDER BY number"  # columns are ours, values are bound
        return [_attempt(run, row) for row in self._db.execute(query, tuple(where.values()))]

    def prices_paid(self) -> list[float]:
        """List what attempts cost, unpriced and free ones left out."""
        return [row["cost_usd"] for row in self._db.execute("SELECT cost_usd FROM attempts WHERE cost_usd > 0")]

    def last_attempt(self) -> int:
        """Give the number of the newest attempt row, 0 when there is none."""
        row = self._db.execute("SELECT coalesce(max(number), 0) AS n FROM attempts").fetchone()
        return int(row["n"])

    # Gate ---------------------------------------------------------------------

    def reserve_test(self, candidate: str, parent: str, level: float) -> int:
        """Reserve a level for a gate test, on disk before its first attempt; return the test's number."""
        with self._write() as db:
            last = db.execute("SELECT coalesce(max(number), 0) AS n FROM attempts").fetchone()["n"]
            db.execute(
                "INSERT OR IGNORE INTO tests (candidate, parent, level, after_attempt, reserved_at) VALUES (?,?,?,?,?)",
                (candidate, parent, level, last, self._clock()),
            )
        row = self._db.execute("SELECT number FROM tests WHERE candidate = ?", (candidate,)).fetchone()
        return int(row["number"])

    def tests(self) -> list[dict[str, Any]]:
        """List the gate tests in the order their levels were reserved."""
        return [dict(row) for row in self._db.execute("SELECT * FROM tests ORDER BY number")]

    def record_look(self, look: LookRow) -> None:
        """Record one look of a gate test."""
        with self._write() as db:
            values = (look.candidate, look.stage, look.outcome, json.dumps(look.record), self._clock())
            db.execute("INSERT OR IGNORE INTO looks VALUES (?,?,?,?,?)", values)

    def looks(self, candidate: str) -> list[LookRow]:
        """List a test's looks in order."""
        rows = self._db.execute("SELECT * FROM looks WHERE candidate = ? ORDER BY stage", (candidate,))
        return [LookRow(row["candidate"], row["stage"], row["outcome"], json.loads(row["record"])) for row in rows]

    def decide(self, row: VerdictRow) -> None:
        """Record a verdict for good."""
        with self._write() as db:
            last = db.execute("SELECT coalesce(max(number), 0) AS n FROM attempts").fetchone()["n"]
            values = (row.candidate, row.verdict.value, row.cause, row.public, json.dumps(row.private))
            db.execute("INSERT OR IGNORE INTO verdicts VALUES (?,?,?,?,?,?,?)", (*values, last, self._clock()))

    def verdicts(self) -> dict[str, VerdictRow]:
        """Give the verdicts by candidate, in the order they fell."""
        rows = self._db.execute("SELECT * FROM verdicts ORDER BY rowid")
        return {
            row["candidate"]: VerdictRow(
                row["candidate"], Verdict(row["verdict"]), row["cause"], row["public"],
                json.loads(row["private"]), row["after_attempt"],
            )
            for row in rows
        }  # fmt: skip

    # Phases -------------------------------------------------------------------

    def enter_review(self, row: ReviewRow) -> None:
        """Record a person's word on a candidate, once."""
        with self._write() as db:
            values = (row.candidate, row.accepted, row.by, row.reason, row.given_at, self._clock())
            db.execute("INSERT OR IGNORE INTO reviews VALUES (?,?,?,?,?,?)", values)

    def reviews(self) -> dict[str, ReviewRow]:
        """Give what people said, by candidate."""
        rows = self._db.execute("SELECT candidate, accepted, by, reason, given_at FROM reviews")
        return {row["candidate"]: ReviewRow(row[0], bool(row[1]), *row[2:]) for row in rows}

    def conclude(self, phase: Phase, record: Json) -> None:
        """Record that a phase is over, with its numbers."""
        with self._write() as db:
            values = (phase.value, json.dumps(record), self._clock())
            db.execute("INSERT OR IGNORE INTO conclusions VALUES (?,?,?)", values)

    def conclusion(self, phase: Phase) -> Json | None:
        """Give a phase's numbers, or None while it is open."""
        row = self._db.execute("SELECT record FROM conclusions WHERE phase = ?", (phase.value,)).fetchone()
        return dict(json.loads(row["record"])) if row else None

    def bill(self, what: str, bill: Bill) -> None:
        """Record what a session has cost so far; it stands for good when the session comes to nothing."""
        with self._write() as db:
            settle(db, what)
            values = (what, bill.tokens, bill.cost_usd, bill.unpriced)
            db.execute("INSERT INTO bills (what, tokens, cost_usd, unpriced) VALUES (?,?,?,?)", values)

    def note(self, kind: str, text: str) -> None:
        """Record something a person should find in the report: a choice made, an outage, a stop."""
        with self._write() as db:
            db.execute("INSERT INTO notices (kind, text, noted_at) VALUES (?,?,?)", (kind, text, self._clock()))

    def notices(self) -> list[dict[str, Any]]:
        """List the notices in order."""
        return [dict(row) for row in self._db.execute("SELECT * FROM notices ORDER BY number")]

    def tallies(self) -> Tallies:
        """Count attempts and bills, without reading every row."""
        return read_tallies(self._db)

    # State --------------------------------------------------------------------

    def state(self, *, stop: str = "", ceiling: bool = False) -> RunState:
        """Derive the run's state; nothing of it is stored."""
        verdicts = self.verdicts()
        candidates = self.candidates()
        tests = {test["candidate"]: test for test in self.tests()}
        reviews = self.reviews()
        slots = [row["slot"] for row in self.slots()]
        proposed = [row for row in candidates if row.slot in slots]
        kept = [row.slot for row in proposed if _is_keep(verdicts.get(row.id))]
        return RunState(
            concluded=frozenset(phase for phase in Phase if self.conclusion(phase) is not None),
            champion=next((row.id for row in reversed(candidates) if _is_keep(verdicts.get(row.id))), "c000"),
            candidates=tuple(self._candidate_state(row, tests, verdicts, reviews) for row in proposed),
            slots=len(slots),
            since_keep=sum(slot > max(kept, default=0) for slot in slots),
            tests_used=len(tests),
            keeps=len(kept),
            spend=self.spend(),
            elapsed_s=self.elapsed_s,
            ceiling=ceiling,
            stop=stop,
            open_slots=tuple(slot for slot in self.proposals() if slot not in slots),
        )

    def _candidate_state(
        self,
        row: CandidateRow,
        tests: Mapping[str, Json],
        verdicts: Mapping[str, VerdictRow],
        reviews: Mapping[str, ReviewRow],
    ) -> CandidateState:
        verdict, review = verdicts.get(row.id), reviews.get(row.id)
        return CandidateState(
            id=row.id,
            parent=row.parent or "",
            slot=row.slot,
            harness=row.harness,
            passed=frozenset(self.stage_records(row.id)),
            test=self._open_test(tests[row.id]) if row.id in tests else None,
            verdict=verdict.verdict if verdict else None,
            accepted=review.accepted if review else None,
        )

    def _open_test(self, test: Json) -> OpenTest:
        looks = self.looks(test["candidate"])
        return OpenTest(test["number"], test["level"], len(looks), bool(looks) and looks[-1].outcome == "keep")

    def spend(self) -> Spend:
        """Add up money and tokens over attempts, proposals, digests and judgements."""
        total = Spend()
        for table in ("attempts", "slots", "digests", "objections", "judgements", "bills"):
            row = self._db.execute(
                f"SELECT coalesce(sum(cost_usd), 0) AS usd, coalesce(sum(tokens), 0) AS tokens,"
                f" coalesce(sum(unpriced), 0) AS unpriced FROM {table}"
            ).fetchone()
            total = Spend(
                total.usd + row["usd"], total.tokens + row["tokens"], total.unpriced_requests + row["unpriced"]
            )
        held = self._db.execute("SELECT coalesce(sum(reserved_usd), 0) AS usd FROM attempts").fetchone()["usd"]
        return Spend(total.usd, total.tokens, total.unpriced_requests, held)


def _is_keep(row: VerdictRow | None) -> bool:
    return row is not None and row.verdict is Verdict.KEEP


def _attempt(run: str, row: sqlite3.Row) -> AttemptRow:
    purpose = Purpose(row["purpose"])
    spec = AttemptSpec(run, row["candidate"], row["harness"], row["task"], row["split"], row["replicate"], purpose)
    plain = ("reward", "cause", "detail", "tokens", "cost_usd", "unpriced", "duration_s", "turns")
    return AttemptRow(row["number"], spec, row["stage"], row["state"], *(row[name] for name in plain))
