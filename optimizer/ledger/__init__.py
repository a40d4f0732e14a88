"""The one record of truth of a run: SQLite, one writer; state is derived from it and kept nowhere else."""

from optimizer.ledger._connection import LedgerUnusableError
from optimizer.ledger.imports import ImportRow
from optimizer.ledger.ledger import Ledger, LedgerError
from optimizer.ledger.lock import DriverLock, RunLockedError
from optimizer.ledger.records import (
    SIMULATED_SERVER,
    AttemptRow,
    Bill,
    CandidateRow,
    DigestRow,
    DrawRequest,
    LookRow,
    Met,
    ProposalRow,
    ReviewRow,
    TrialRow,
    VerdictRow,
)

__all__ = [
    "SIMULATED_SERVER",
    "AttemptRow",
    "Bill",
    "CandidateRow",
    "DigestRow",
    "DrawRequest",
    "DriverLock",
    "ImportRow",
    "Ledger",
    "LedgerError",
    "LedgerUnusableError",
    "LookRow",
    "Met",
    "ProposalRow",
    "ReviewRow",
    "RunLockedError",
    "TrialRow",
    "VerdictRow",
]
