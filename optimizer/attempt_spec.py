"""What an attempt is asked to do and what it yields: the two records that cross process borders."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from traces.event import TokenUsage


class Purpose(StrEnum):
    """Say what evidence an attempt was drawn for."""

    PREFLIGHT = "preflight"
    BASELINE = "baseline"
    SCREEN = "screen"
    GATE = "gate"
    PRUNE = "prune"
    CERTIFY = "certify"
    SMOKE = "smoke"
    COMPARE = "compare"
    TUNE = "tune"
    PROBE = "probe"
    TRY = "try"
    LESSON = "lesson"
    IMPORT = "import"


class AttemptStatus(StrEnum):
    """Say whether a reward counts: `scored` has one, `missing` has none through infrastructure."""

    SCORED = "scored"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class AttemptSpec:
    """Name one attempt for good: the same spec is never paid twice.

    `candidate` is the id (`c012`), `harness` the bundle's content hash. `replicate` counts per
    (harness, task) and is allocated in the ledger before the attempt starts.
    """

    run: str
    candidate: str
    harness: str
    task: str
    split: str
    replicate: int
    purpose: Purpose

    @property
    def id(self) -> str:
        """Give the short name people use, `c012/<task>/a02`."""
        return f"{self.candidate}/{self.task}/a{self.replicate:02d}"

    def token(self, seed: int) -> str:
        """Derive the attempt's opaque token: HMAC(run seed, spec), the simulated model's only randomness.

        The run's name and the candidate's number are left out, so that equal seeds give equal nights.
        """
        text = f"{self.harness}\0{self.task}\0{self.replicate}"
        return hmac.new(str(seed).encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """Report one attempt.

    `reward` is None exactly when `status` is missing. `cause` names a row of `optimizer.failure`
    or is None. `cost_usd` leaves requests without a price out, and is None when none had one. What all
    tries used is added up. `incidents` counts what its model calls met, by kind.
    """

    spec: AttemptSpec
    status: AttemptStatus
    reward: float | None
    cause: str | None
    detail: str
    usage: TokenUsage
    cost_usd: float | None
    unpriced_requests: int
    duration_s: float
    turns: int
    retries: int = 0
    reward_parts: Mapping[str, float] | None = None
    incidents: Mapping[str, int] = field(default_factory=dict)
