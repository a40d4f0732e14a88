"""Writes a verdict down, once, by the table of causes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optimizer.bench import Bench
from optimizer.ledger import CandidateRow, VerdictRow
from optimizer.progress import Progress
from optimizer.standing import verdict_data
from optimizer.verdict import ruling


def decide(bench: Bench, candidate: str, cause: str, private: Mapping[str, Any], *, public: str = "") -> None:
    """Record the verdict that `cause` means (`private`, JSON, is never shown to a proposer)."""
    row = ruling(cause)
    words = public or row.public
    decided = VerdictRow(candidate, row.verdict, cause, words, private)
    bench.ledger.decide(decided)
    data = verdict_data(bench, _row(bench, candidate), decided)
    champion = bench.ledger.state().champion
    bench.listen(Progress("verdict", f"{candidate}: {row.verdict} - {words}", {**data, "champion": champion}))


def _row(bench: Bench, candidate: str) -> CandidateRow:
    return next(row for row in bench.ledger.candidates() if row.id == candidate)
