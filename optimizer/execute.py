"""Carries out one step of the loop: written down before, done, concluded; doing it again changes nothing."""

from __future__ import annotations

from optimizer.loop import (
    HOPELESS,
    Await,
    Certify,
    Examine,
    Finish,
    GiveUp,
    Hold,
    LookAt,
    Measure,
    Propose,
    Prune,
    Rebase,
    Reserve,
    Rotate,
    Step,
    Stops,
    decide,
)
from optimizer.sessions.learning import carry
from optimizer.sessions.proposing import propose_changes
from optimizer.sessions.reflecting import reflect_on
from optimizer.stages.bench import Bench
from optimizer.stages.epochs import is_over, rotate, tests_left
from optimizer.stages.evidence import rewards
from optimizer.stages.examine import check, screen_on_train
from optimizer.stages.gatekeeper import look_at, reserve
from optimizer.stages.measure import baseline, certify, certify_price
from optimizer.stages.preflight import is_hopeless, preflight
from optimizer.stages.prune import prune
from optimizer.stages.rebasing import rebase
from optimizer.stages.tuning import tune
from optimizer.stages.verdicts import decide as give_verdict
from optimizer.stages.verdicts import hold_ground
from optimizer.stages.waiting import enter, hold
from optimizer.state import Phase, RunState
from optimizer.telling.progress import Progress

ENDING = "ending"
"""The notice that holds a person's wish to end the night early: its text is the reason."""

MEASURE = {Phase.PREFLIGHT: preflight, Phase.BASELINE: baseline}
EXAMINE = {"check": check, "reflect": reflect_on, "screen": screen_on_train}


class Driver:
    """Drive a run from its ledger's state to its end, one step at a time."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.stop = next((note["text"] for note in bench.ledger.notices() if note["kind"] == ENDING), "")

    def end(self, reason: str) -> None:
        """End the night early, with its certified number; the record keeps that, so a resume does the same."""
        self._bench.ledger.note(ENDING, reason)
        self.stop = reason

    @property
    def between_iterations(self) -> bool:
        """Say whether no candidate is open; what is left after certifying costs nothing and is done first."""
        state = self.state()
        return state.open_candidate is None and Phase.CERTIFY not in state.concluded

    def step(self) -> Step | None:
        """Take the next step and return it, or None when the run is finished."""
        bench = self._bench
        bench.ledger.heartbeat()
        enter(bench)
        state = self.state()
        step = decide(state, self.stops(state))
        hold_ground(bench, state.open_candidate.id if state.open_candidate else None)
        if step is not None:
            self._carry_out(step, state)
            bench.ledger.heartbeat()
        return step

    def state(self) -> RunState:
        """Read the run's state from the ledger."""
        stop = self.stop or (HOPELESS if is_hopeless(self._bench) else "")
        state = self._bench.ledger.state(stop=stop)
        if not self._at_ceiling(state.champion):
            return state
        return self._bench.ledger.state(stop=stop, ceiling=True)

    def stops(self, state: RunState) -> Stops:
        """Set the hard stops, with what certifying needs kept back."""
        stop = self._bench.config.stop
        return Stops(
            iterations=stop.iterations,
            no_progress=stop.no_progress,
            budget_usd=stop.budget_usd,
            tokens=stop.tokens,
            time_s=stop.hours * 3600 if stop.hours else None,
            k_max=len(self._bench.ledger.tests()) + tests_left(self._bench),
            rotate=is_over(self._bench, state.open_candidate.id if state.open_candidate else None),
            keep_back_usd=certify_price(self._bench),
            preflight=self._bench.config.replicates.preflight > 0,
            prune=self._bench.config.prune.enabled,
            autonomy=self._bench.config.autonomy,
            pivot_after=self._bench.config.proposer.pivot_after,
            parallel=min(self._bench.config.proposer.parallel, max(1, stop.iterations - state.slots)),
        )

    def _at_ceiling(self, champion: str) -> bool:
        rows = self._bench.ledger.attempts(candidate=champion, split="train", state="scored")
        return bool(rows) and all(value == 1.0 for values in rewards(rows).values() for value in values)

    def _carry_out(self, step: Step, state: RunState) -> None:
        bench = self._bench
        match step:
            case Measure(phase):
                MEASURE[phase](bench)
            case Rotate():
                self._bench = rotate(bench)
            case Propose():
                self._propose(step)
            case Await():
                pass  # whoever drives waits
            case Prune() | Certify() | Finish():
                self._close(step, state.champion)
            case _:
                self._advance(step, state)

    def _advance(self, step: Rebase | Examine | Reserve | LookAt | GiveUp | Hold, state: RunState) -> None:
        bench = self._bench
        parents = {candidate.id: candidate.parent for candidate in state.candidates}
        match step:
            case Rebase(candidate):
                rebase(bench, candidate, state.champion)
            case Examine(candidate, stage):
                EXAMINE[stage](bench, candidate, parents[candidate])
            case Reserve(candidate):
                reserve(bench, candidate, parents[candidate])
            case LookAt(candidate, stage):
                look_at(bench, candidate, parents[candidate], stage, keep_back_usd=certify_price(bench))
            case GiveUp(candidate, cause):
                give_verdict(bench, candidate, cause, {})
            case Hold(candidate):
                hold(bench, candidate)

    def _propose(self, step: Propose) -> None:
        """Give a slot of the tuner's to it; a round of sessions ends before the next one."""
        served = [slot for slot in step.slots if self._bench.config.tuner.serves(slot)]
        if served and served[0] == step.slots[0]:
            tune(self._bench, served[0], step.parent)
            return
        slots = [slot for slot in step.slots if not served or slot < served[0]]
        propose_changes(self._bench, slots, step.parent, step.pivot)

    def _close(self, step: Prune | Certify | Finish, champion: str) -> None:
        bench = self._bench
        match step:
            case Prune(skip):
                prune(bench, skip=skip, keep_back_usd=certify_price(bench))
            case Certify():
                certify(bench, champion)
            case Finish(reason):
                carry(bench)
                bench.ledger.conclude(Phase.FINISH, {"reason": reason})
                bench.listen(Progress("finished", reason, {"reason": reason}))
