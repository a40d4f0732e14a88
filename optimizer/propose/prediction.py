"""What a proposer says will happen, and how much of it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MOVED = 0.5
"""A task counts as fixed or damaged when its mean reward moved by at least this much."""

AFRESH = "against fresh attempts of the champion"
CHOSEN = "against the attempts they were chosen by, so part of it is luck"
"""What named fixes were held against."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Name the train tasks a change should fix, and those it might damage."""

    fixes: tuple[str, ...] = ()
    at_risk: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Foresight:
    """Compare what was named with what happened, over the tasks that were measured in both arms."""

    named: int
    happened: int
    hits: int

    @property
    def precision(self) -> float | None:
        """Share of the named tasks where it happened; None when none was named."""
        return self.hits / self.named if self.named else None

    @property
    def recall(self) -> float | None:
        """Share of the tasks where it happened that were named; None when it happened nowhere."""
        return self.hits / self.happened if self.happened else None

    def __str__(self) -> str:
        return f"{self.hits} of {self.named} named ({self.happened} happened)"


@dataclass(frozen=True, slots=True)
class PredictionScore:
    """Hold how well fixes and damage were foreseen; `unmeasured` counts named tasks without rewards in both arms.

    `afresh` says that named fixes were held against attempts made for it. Without them they are held against those that
    the tasks were chosen by, and some of what failed there passes the next time whatever is changed.
    """

    fixes: Foresight
    damage: Foresight
    unmeasured: int
    afresh: bool = False

    def __str__(self) -> str:
        tail = f", {self.unmeasured} not measured" if self.unmeasured else ""
        return f"fixes {self.fixes}, damage {self.damage}{tail}{self.basis}"

    @property
    def basis(self) -> str:
        """Say how far luck is in the fixes; nothing where none was named and measured."""
        if not self.fixes.named:
            return ""
        return f"; fixes {AFRESH if self.afresh else CHOSEN}"


def score_prediction(
    prediction: Prediction,
    before: Mapping[str, Sequence[float]],
    after: Mapping[str, Sequence[float]],
    *,
    afresh: Mapping[str, Sequence[float]] | None = None,
    moved: float = MOVED,
) -> PredictionScore:
    """Hold a prediction against the train rewards of the parent and of the candidate.

    Few attempts per task make single tasks noisy: the score says how a proposer foresees over many
    candidates, not whether one candidate is good.

    Args:
        prediction: What was said.
        before: Task -> rewards of the parent.
        after: Task -> rewards of the candidate.
        afresh: Task -> rewards of the parent in attempts that no task was chosen by; where there are any, named fixes
            are held against them alone.
        moved: How much the mean must move to count.
    """
    start = {**before, **(afresh or {})}
    measured = {task for task in start.keys() & after.keys() if start[task] and after[task]}
    change = {task: _mean(after[task]) - _mean(start[task]) for task in measured}
    fixed = {task for task, by in change.items() if by >= moved}
    damaged = {task for task, by in change.items() if by <= -moved}
    held = measured & afresh.keys() if afresh else measured
    unmeasured = {*prediction.fixes} - held | {*prediction.at_risk} - measured
    return PredictionScore(
        fixes=_foresight(prediction.fixes, fixed, held),
        damage=_foresight(prediction.at_risk, damaged, measured),
        unmeasured=len(unmeasured),
        afresh=bool(afresh),
    )


def _foresight(named: Iterable[str], happened: set[str], measured: set[str]) -> Foresight:
    counted = set(named) & measured
    return Foresight(named=len(counted), happened=len(happened), hits=len(counted & happened))


def _mean(rewards: Sequence[float]) -> float:
    return sum(rewards) / len(rewards)
