"""Rows of the ledger as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optimizer.attempt_spec import AttemptSpec, Purpose
from optimizer.verdict import Verdict

SIMULATED_SERVER = "simulated server"
"""The kind of the notice that roles of real models are answered by a server of the simulated model."""


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """Record one harness under test, with its author's claim.

    `lesson` is what its author wants remembered, `lessons_used` are the ids of those it stands on.
    """

    id: str
    slot: int
    parent: str | None
    harness: str
    normalised: str
    title: str = ""
    hypothesis: str = ""
    evidence: Sequence[str] = ()
    fixes: Sequence[str] = ()
    at_risk: Sequence[str] = ()
    refuted_by: str = ""
    lesson: str = ""
    lessons_used: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """Record what a slot was opened with, before its session began.

    `parent` is the champion, which a proposal is tested against; `base` what its working copy is, where that is
    another; `pivot` counts the standstills since the last keep. `author` is the model or program asked; `brief` what
    it was asked for, empty where that was left to it. Sessions see attempts up to the row `after_attempt`, however
    long after it they are resumed.
    """

    slot: int
    parent: str
    brief: str
    author: str
    base: str = ""
    pivot: int = 0
    after_attempt: int = 0

    @property
    def start(self) -> str:
        """Name the candidate whose harness the session's working copy is."""
        return self.base or self.parent


@dataclass(frozen=True, slots=True)
class TrialRow:
    """Record one setting the tuner tried, `outcome` None while it is tried.

    `id` (`t007`) stands in its attempts where a candidate's does; `parent` is the champion it was tried against.
    """

    id: str
    slot: int
    parent: str
    harness: str
    setting: Mapping[str, Any]  # Any: values of harness.yaml
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class DigestRow:
    """Record what an analyst made of one train attempt; `slot` is the proposal it was asked for."""

    attempt: str
    slot: int
    record: Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class DrawRequest:
    """Ask for `count` fresh replicates of a candidate on a task."""

    candidate: str
    harness: str
    task: str
    split: str
    purpose: Purpose
    count: int = 1


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """Record one attempt: `state` is planned, scored or missing; `stage` the draw it belongs to."""

    rowid: int
    spec: AttemptSpec
    stage: str
    state: str
    reward: float | None
    cause: str | None
    detail: str
    tokens: int
    cost_usd: float | None
    unpriced: int
    duration_s: float
    turns: int


@dataclass(frozen=True, slots=True)
class LookRow:
    """Record one look of a gate test; `record` is private."""

    candidate: str
    stage: int
    outcome: str
    record: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """Record a verdict: its cause in the table of verdicts, public words, private record."""

    candidate: str
    verdict: Verdict
    cause: str
    public: str
    private: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    after_attempt: int = 0


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """Record a person's word on a candidate; `given_at` is ISO UTC."""

    candidate: str
    accepted: bool
    by: str
    reason: str
    given_at: str


@dataclass(frozen=True, slots=True)
class Bill:
    """Say what a model session used; `cost_usd` is None when a request had no price."""

    tokens: int = 0
    cost_usd: float | None = 0.0
    unpriced: int = 0
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Met:
    """Count one kind of incident in one role and of one candidate; `held` are the attempts or sessions that met it."""

    role: str
    candidate: str
    kind: str
    times: int
    held: int
