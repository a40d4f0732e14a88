"""Counts the attempts of one stage while they run, and tells of them."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Sequence
from typing import Any

from optimizer.attempt_spec import AttemptResult, AttemptStatus
from optimizer.ledger import AttemptRow
from optimizer.state import Spend
from optimizer.telling.eta import pace
from optimizer.telling.events import spend_data
from optimizer.telling.progress import Progress

REMEMBERED = 500
"""Attempts whose durations foretell the next ones'."""


@dataclasses.dataclass(slots=True)
class Arm:
    """Count one candidate's attempts in a stage; `missing` ones are done, but gave no score."""

    total: int = 0
    done: int = 0
    missing: int = 0


class StageMeter:
    """Count one stage.

    Args:
        stage: Its key.
        rows: Every attempt planned for it, those that ended before a resume included.
        durations: How long attempts took, over the whole session; this stage's are added.
        spent: What the run had spent when the stage began.
    """

    def __init__(self, stage: str, rows: Sequence[AttemptRow], durations: deque[float], spent: Spend) -> None:
        self._stage = stage
        self._durations = durations
        self._spent = spent
        self._in_flight = 0
        self._arms: dict[str, Arm] = {}
        for row in rows:
            arm = self._arms.setdefault(row.spec.candidate, Arm())
            arm.total += 1
            arm.done += row.state != "planned"
            arm.missing += row.state == AttemptStatus.MISSING

    @property
    def done(self) -> int:
        """Count the attempts that ended, scored or missing."""
        return sum(arm.done for arm in self._arms.values())

    @property
    def total(self) -> int:
        """Count the attempts planned for the stage."""
        return sum(arm.total for arm in self._arms.values())

    def launch(self) -> None:
        """Count an attempt handed to the scheduler."""
        self._in_flight += 1

    def end(self, result: AttemptResult) -> None:
        """Count an attempt that ended and was recorded."""
        self._in_flight -= 1
        arm = self._arms[result.spec.candidate]
        arm.done += 1
        arm.missing += result.status is AttemptStatus.MISSING
        self._durations.append(result.duration_s)
        self._spent = Spend(
            self._spent.usd + (result.cost_usd or 0.0),
            self._spent.tokens + result.usage.total,
            self._spent.unpriced_requests + result.unpriced_requests,
        )

    def started(self) -> Progress:
        """Tell that the stage's attempts start; `attempts` are those still owed."""
        owed = self.total - self.done
        return Progress("stage_started", self._stage, {"stage": self._stage, "attempts": owed, **self._counts()})

    def attempts(self) -> Progress:
        """Tell how far they are, and how long attempts take."""
        seen = pace(self._durations)
        told = {name: round(value, 3) for name, value in dataclasses.asdict(seen).items()} if seen else None
        data = {"stage": self._stage, **self._counts(), "in_flight": self._in_flight, "pace": told}
        return Progress("attempts", f"{self._stage}: {self.done} of {self.total}", data)

    def ended(self) -> Progress:
        """Tell that the stage's attempts are over."""
        return Progress("stage_ended", self._stage, {"stage": self._stage, **self._counts()})

    def _counts(self) -> dict[str, Any]:  # Any: JSON
        counts: dict[str, Any] = {"done": self.done, "total": self.total}
        counts["missing"] = sum(arm.missing for arm in self._arms.values())
        if len(self._arms) > 1:
            counts["arms"] = {name: dataclasses.asdict(arm) for name, arm in self._arms.items()}
        return {**counts, **spend_data(self._spent)}
