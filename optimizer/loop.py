"""The loop's mind: every next step follows from the run's state alone.

No input or output happens here, so a killed run takes up exactly where its ledger ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from optimizer.state import CandidateState, Phase, RunState

Autonomy = Literal["suggest", "draft", "approve", "auto"]
"""How far a night goes by itself: the earlier, the more waits for a person's word."""


@dataclass(frozen=True, slots=True)
class Stops:
    """Limit a run; None means no limit.

    `keep_back_usd` is what certifying will cost: proposals and tests leave it untouched. `rotate` says that the
    held-out tasks have been asked enough, and that others are in reserve.
    """

    iterations: int = 20
    no_progress: int = 8
    budget_usd: float | None = None
    tokens: int | None = None
    time_s: float | None = None
    k_max: int = 20
    keep_back_usd: float = 0.0
    preflight: bool = True
    rotate: bool = False
    prune: bool = False
    autonomy: Autonomy = "auto"
    pivot_after: int | None = None
    parallel: int = 1


@dataclass(frozen=True, slots=True)
class Measure:
    """Draw the attempts of `preflight` or `baseline` and conclude it."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class Rotate:
    """Begin a gate epoch: hold out tasks of the reserve, and retire those that were held out."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask for changes to be tested against `parent`, one from each of `slots`.

    `pivot` counts the standstills since the last keep: from the first on, sessions start from elsewhere.
    """

    slots: tuple[int, ...]
    parent: str
    pivot: int = 0


@dataclass(frozen=True, slots=True)
class Rebase:
    """Carry a candidate's change over to the champion that came to be since it was proposed."""

    candidate: str


@dataclass(frozen=True, slots=True)
class Examine:
    """Put a candidate through one free or cheap stage: check, reflect or screen."""

    candidate: str
    stage: str


@dataclass(frozen=True, slots=True)
class Reserve:
    """Reserve a level for the candidate's gate test."""

    candidate: str


@dataclass(frozen=True, slots=True)
class LookAt:
    """Draw one stage of a gate test and look at it."""

    candidate: str
    stage: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Leave a candidate undecided for the reason named in the table of verdicts."""

    candidate: str
    cause: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Let a candidate wait for a person's word from now on."""

    candidate: str


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until a person says a word about one of `candidates`."""

    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prune:
    """Take out kept changes that carry nothing, unless `skip` says why not."""

    skip: str = ""


@dataclass(frozen=True, slots=True)
class Certify:
    """Score baseline and champion once on the sealed test split."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Close the run."""

    reason: str


Step = (
    Measure | Rotate | Propose | Rebase | Examine | Reserve | LookAt | GiveUp | Hold | Await | Prune | Certify | Finish
)

ASKED = "asked to end"
ASKED_NOW = "asked to end now"
"""Reasons of a night that a person ends early: after the open candidate is decided, or without it."""

TESTS_USED = "planned tests used"
HOPELESS = "nothing could be decided"
"""Reasons of a night without a test left, and of one whose pre-flight measured too much noise for its design."""

GIVE_UP = {"money": "money", "tokens": "money", "deadline": "time"}
"""Hard stops that leave an open candidate undecided, and the cause that is recorded."""

URGENT = (ASKED_NOW, *GIVE_UP)
"""Stops that leave no room for pruning."""

STAGES = ("check", "reflect", "screen")
"""The stages before the gate, in order: free first, then cheap, then train attempts."""


def decide(state: RunState, stops: Stops) -> Step | None:
    """Choose the next step, or None when the run is finished.

    Example:
        A run with nothing concluded starts with its preflight, then measures the baseline.
    """
    if Phase.FINISH in state.concluded:
        return None
    reason, candidate = stop_reason(state, stops), state.open_candidate
    if stops.rotate and _goes_on(candidate, reason):
        return Rotate()
    for phase in (Phase.PREFLIGHT, Phase.BASELINE):
        wanted = not state.stop and (stops.preflight or phase is not Phase.PREFLIGHT)
        if phase not in state.concluded and wanted:
            return Measure(phase)
    if state.open_slots and reason not in (ASKED, *URGENT):
        return Propose(state.open_slots, state.champion)
    if candidate is not None:
        return _advance(candidate, state, stops, reason)
    if waiting := _wait(state, stops, reason):
        return waiting
    if not reason:
        pivot = state.since_keep // stops.pivot_after if stops.pivot_after else 0
        slots = tuple(range(state.slots + 1, state.slots + 1 + stops.parallel))
        return Propose(slots, state.champion, pivot)
    return _end(state, stops, reason)


def _end(state: RunState, stops: Stops, reason: str) -> Step:
    if Phase.CERTIFY in state.concluded:
        return Finish(reason)
    if stops.prune and Phase.PRUNE not in state.concluded:
        return Prune(skip=reason if reason in URGENT else "")
    return Certify()


def _wait(state: RunState, stops: Stops, reason: str) -> Step | None:
    """Wait for a person where nothing else is left to do, or nothing else may be done."""
    waiting = state.waiting
    if not waiting:
        return None
    if state.stop in (ASKED, ASKED_NOW):
        return GiveUp(waiting[0].id, "unreviewed")
    if stale := next((candidate for candidate in waiting if candidate.parent != state.champion), None):
        return GiveUp(stale.id, "stale")
    return Await(tuple(candidate.id for candidate in waiting)) if reason or stops.autonomy == "approve" else None


def _goes_on(candidate: CandidateState | None, reason: str) -> bool:
    """Say whether the next thing of worth is a gate test that is still to begin."""
    if candidate is None:
        return reason in ("", TESTS_USED)
    return candidate.test is None and reason not in (ASKED_NOW, *GIVE_UP)


def stop_reason(state: RunState, stops: Stops) -> str:
    """Name the hard stop that holds, or give an empty string."""
    spent = state.spend.usd + state.spend.reserved_usd + stops.keep_back_usd
    held = {
        ASKED_NOW: state.stop == ASKED_NOW,
        "money": stops.budget_usd is not None and spent >= stops.budget_usd,
        "tokens": stops.tokens is not None and state.spend.tokens >= stops.tokens,
        "deadline": stops.time_s is not None and state.elapsed_s >= stops.time_s,
        state.stop: bool(state.stop),
        "iterations": state.slots >= stops.iterations,
        TESTS_USED: state.tests_used >= stops.k_max,
        "no progress": state.since_keep >= stops.no_progress,
        "every train task passes": state.ceiling,
    }
    return next((name for name, holds in held.items() if holds), "")


def _advance(candidate: CandidateState, state: RunState, stops: Stops, reason: str) -> Step:
    """Move the open candidate on; hard stops other than money, time and a person's let it be decided first."""
    if candidate.accepted is False:
        return GiveUp(candidate.id, "refused")
    if candidate.parent != state.champion:
        late = candidate.passed or reason in URGENT
        return GiveUp(candidate.id, "stale") if late else Rebase(candidate.id)
    if _is_to_be_held(candidate, stops.autonomy):
        return Hold(candidate.id)
    if candidate.test is not None and candidate.test.passed:
        return LookAt(candidate.id, candidate.test.looks)
    if reason == ASKED_NOW:
        return GiveUp(candidate.id, "ended")
    if reason in GIVE_UP:
        return GiveUp(candidate.id, GIVE_UP[reason])
    for stage in STAGES:
        if stage not in candidate.passed:
            return Examine(candidate.id, stage)
    if candidate.test is None:
        return Reserve(candidate.id)
    return LookAt(candidate.id, candidate.test.looks)


def _is_to_be_held(candidate: CandidateState, autonomy: Autonomy) -> bool:
    """Say whether the candidate has come to where a person is asked."""
    if candidate.accepted is not None or autonomy == "auto":
        return False
    if autonomy == "suggest":
        return {"check", "reflect"} <= candidate.passed
    return candidate.test is not None and candidate.test.passed
