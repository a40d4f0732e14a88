"""What a run has come to, as plain values read from the ledger; `optimizer.loop` decides from it alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from optimizer.verdict import Verdict

HELD = "held"
"""The stage that a candidate enters when it begins to wait for a person's word."""


class Phase(StrEnum):
    """Name the steps of a run that are taken once and concluded in the ledger."""

    PREFLIGHT = "preflight"
    BASELINE = "baseline"
    PRUNE = "prune"
    CERTIFY = "certify"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class OpenTest:
    """Hold one gate test: its level was reserved before its first attempt; `looks` stages are done.

    `passed` says that the last look says keep.
    """

    number: int
    level: float
    looks: int
    passed: bool = False


@dataclass(frozen=True, slots=True)
class CandidateState:
    """Hold how far one candidate has come; `passed` names the free and cheap stages behind it.

    `accepted` is a person's word, None while there is none.
    """

    id: str
    parent: str
    slot: int
    harness: str
    passed: frozenset[str]
    test: OpenTest | None
    verdict: Verdict | None
    accepted: bool | None = None

    @property
    def waits(self) -> bool:
        """Say whether it is held until a person says a word."""
        return HELD in self.passed and self.accepted is None and self.verdict is None


@dataclass(frozen=True, slots=True)
class Spend:
    """Add up what a run has used; `usd` leaves unpriced requests out and counts them instead."""

    usd: float = 0.0
    tokens: int = 0
    unpriced_requests: int = 0
    reserved_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class RunState:
    """Hold everything `decide` looks at.

    `candidates` are the proposed ones; what pruning tries is none. `slots` counts proposals asked for and
    concluded, with or without a candidate; `since_keep` those since the last keep, `keeps` those kept.
    `elapsed_s` is working time over all sessions of the run. `ceiling` says
    that the champion fails no train task. `open_slots` are opened and not concluded: their sessions were broken
    off. `stop` is a stop asked for from outside, or empty.
    """

    concluded: frozenset[Phase]
    champion: str
    candidates: tuple[CandidateState, ...]
    slots: int
    since_keep: int
    tests_used: int
    keeps: int
    spend: Spend
    elapsed_s: float
    ceiling: bool = False
    stop: str = ""
    open_slots: tuple[int, ...] = ()

    @property
    def open_candidate(self) -> CandidateState | None:
        """Give the first candidate that is neither decided nor waiting, in the order of slots."""
        undecided = (candidate for candidate in self.candidates if candidate.verdict is None)
        return next((candidate for candidate in undecided if not candidate.waits), None)

    @property
    def waiting(self) -> tuple[CandidateState, ...]:
        """List the candidates that wait for a person's word, in the order of slots."""
        return tuple(candidate for candidate in self.candidates if candidate.waits)
