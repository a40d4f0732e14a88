"""What a proposer may be shown of a run, as plain values; all of it concerns train alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from optimizer.propose.prediction import Prediction, PredictionScore
from traces.errors import RatchetError

TRAIN = "train"

Outcome = Literal["passed", "failed", "missing"]
View = Literal["traces", "digests", "scores", "blanked"]
"""What a session sees of attempts: everything; clusters and digests; how they ended; the same, with empty traces."""


class WallError(RatchetError):
    """Say that something that is not train was about to enter a proposer's workspace."""

    def __init__(self, kind: str, key: str, split: str) -> None:
        super().__init__(f"{kind} {key!r} is of split {split!r}: a proposer's workspace holds train only")


@dataclass(frozen=True, slots=True)
class TaskBrief:
    """Show one task's instruction; never its files, verifier or solution."""

    id: str
    instruction: str
    category: str = "default"
    split: str = TRAIN


@dataclass(frozen=True, slots=True)
class AttemptView:
    """Show how one attempt ended; `reward` None means missing, never 0.

    `imported` names the agent of an attempt that was made elsewhere: it is nobody's score. `counts` says whether a
    score may rest on it.
    """

    id: str
    candidate: str
    task: str
    reward: float | None
    cause: str | None = None
    turns: int | None = 0
    split: str = TRAIN
    imported: str = ""
    counts: bool = True

    @property
    def outcome(self) -> Outcome:
        """Say whether it passed; anything below the full reward failed."""
        if self.reward is None:
            return "missing"
        return "passed" if self.reward >= 1.0 else "failed"

    def to_record(self) -> dict[str, Any]:  # Any: JSON
        """Give the row a proposer sees."""
        return {
            "attempt": self.id,
            "task": self.task,
            "reward": self.reward,
            "cause": self.cause,
            "turns": self.turns,
            **({"imported": self.imported} if self.imported else {}),
        }


@dataclass(frozen=True, slots=True)
class TrainScore:
    """Hold a mean train reward and how many of the planned attempts it rests on."""

    value: float | None
    scored: int
    planned: int

    def __str__(self) -> str:
        value = "no score" if self.value is None else f"{self.value:.1%}"
        return f"{value} ({self.scored} of {self.planned} attempts scored)"


@dataclass(frozen=True, slots=True)
class CandidateView:
    """Show an earlier candidate: what it changed, what became of it, and what its author foresaw.

    `verdict` and `public_reason` are all that is told of the gate. `outcome` scores the prediction.
    """

    id: str
    parent: str | None
    title: str
    verdict: str
    public_reason: str
    diff: str
    hypothesis: str = ""
    refuted_by: str = ""
    evidence: tuple[str, ...] = ()
    brief: str = ""
    train: TrainScore | None = None
    prediction: Prediction | None = None
    outcome: PredictionScore | None = None

    def to_record(self) -> dict[str, Any]:  # Any: JSON
        """Give what `candidates/<id>/about.json` holds."""
        return {
            "id": self.id,
            "parent": self.parent,
            "title": self.title,
            "hypothesis": self.hypothesis,
            "refuted_by": self.refuted_by,
            "evidence": list(self.evidence),
            "brief": self.brief,
            "verdict": self.verdict,
            "reason": self.public_reason,
            "train_score": None if self.train is None else str(self.train),
            "prediction": _prediction(self.prediction),
            "prediction_outcome": None if self.outcome is None else str(self.outcome),
        }


def _prediction(prediction: Prediction | None) -> Mapping[str, list[str]] | None:
    if prediction is None:
        return None
    return {"fixes": list(prediction.fixes), "at_risk": list(prediction.at_risk)}
