"""Writes a verdict down, once, by the table of causes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optimizer.ground import NAMED, GroundMovedError, SplitsRecord
from optimizer.ledger import CandidateRow, VerdictRow
from optimizer.run_folder import RunFolder
from optimizer.stages.bench import Bench
from optimizer.stages.standing import verdict_data
from optimizer.telling.progress import Progress
from optimizer.verdict import ruling


def decide(bench: Bench, candidate: str, cause: str, private: Mapping[str, Any], *, public: str = "") -> None:
    """Record the verdict that `cause` means (`private`, JSON, is never shown to a proposer).

    Raises:
        GroundMovedError: What it was measured on is not what it was; the verdict is `invalid`.
    """
    hold_ground(bench, candidate)
    _write(bench, candidate, cause, private, public)


def hold_ground(bench: Bench, candidate: str | None) -> None:
    """Refuse to go on when what measurements stand on has changed; the candidate under way, if any, is `invalid`.

    Raises:
        GroundMovedError: It has; says what.
    """
    record = SplitsRecord(bench.registry, bench.suite.hash, bench.uid, bench.splits)
    moved = bench.ground.moved(RunFolder(bench.folder), bench.config.suite, record)
    if not moved:
        return
    if candidate is not None:
        _write(bench, candidate, "tampered", {"changed": moved}, "")
    more = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
    named = f"{', '.join(moved[:NAMED])}{more}"
    about = f"; {candidate} is invalid" if candidate is not None else ""
    bench.ledger.note("tampered", f"changed while the run stood on it: {named}{about}")
    raise GroundMovedError(
        f"what this run's measurements stand on was changed under it: {named}{about}",
        hint=f"put back what changed, then: {RunFolder(bench.folder).command('resume')}; or begin a new run on it",
    )


def _write(bench: Bench, candidate: str, cause: str, private: Mapping[str, Any], public: str) -> None:  # Any: JSON
    row = ruling(cause)
    words = public or row.public
    decided = VerdictRow(candidate, row.verdict, cause, words, private)
    bench.ledger.decide(decided)
    data = verdict_data(bench, _row(bench, candidate), decided)
    champion = bench.ledger.state().champion
    bench.listen(Progress("verdict", f"{candidate}: {row.verdict} - {words}", {**data, "champion": champion}))


def _row(bench: Bench, candidate: str) -> CandidateRow:
    return next(row for row in bench.ledger.candidates() if row.id == candidate)
