"""What a comparison says: every arm against the first, on the tasks they share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.task import Split
from optimizer.attempt_spec import Purpose
from optimizer.compare.arms import Arm
from optimizer.compare.evidence import Evidence
from optimizer.compare.ground import Ground
from optimizer.gate import GateTask, look_confidence
from optimizer.gate.arms import tally
from optimizer.gate.contrasts import Contrast, contrasts
from optimizer.gate.estimates import Estimand
from optimizer.gate.missing import missing_report
from optimizer.gate.ratios import Ratio, paired_ratio
from optimizer.ledger import AttemptRow
from optimizer.report.climb import FLIPPED
from optimizer.stages.evidence import rewards

Json = dict[str, Any]  # Any: JSON
LEVEL: Final = 0.95

MEASURES: Final[Mapping[str, Callable[[AttemptRow], float | None]]] = {
    "cost": lambda row: None if row.unpriced else row.cost_usd,
    "tokens": lambda row: _told(row, row.tokens),
    "seconds": lambda row: _told(row, row.duration_s),
    "turns": lambda row: _told(row, row.turns),
}
"""What an attempt uses, by name; None where it is not known."""


def _told(row: AttemptRow, amount: float) -> float | None:
    """Take 0 for unknown where a job of another tool may not have told it."""
    return None if row.spec.purpose is Purpose.IMPORT and not amount else amount


@dataclass(frozen=True, slots=True)
class Standing:
    """Say how one arm did: its score over the tasks compared, and what that rests on.

    `runs` is the mean number of scored attempts of a task; `purposes` count what they were drawn for;
    `usd` and `unpriced` are what all its attempts here cost.
    """

    arm: Arm
    score: float | None
    planned: int
    scored: int
    missing: int
    runs: float
    purposes: Mapping[str, int]
    usd: float
    unpriced: int


@dataclass(frozen=True, slots=True)
class Against:
    """Hold one arm against the first: the difference is its score minus the first's.

    `won`, `lost` and `level` count tasks; `up` and `down` those that flipped: the mean reward moved by
    half or more.
    """

    label: str
    contrast: Contrast
    won: int
    lost: int
    level: int
    up: tuple[str, ...]
    down: tuple[str, ...]
    uses: Mapping[str, Ratio]
    unequal_missing: bool

    @property
    def verdict(self) -> str:
        """Name the better arm, `first` or `this`, or say `undecided`."""
        lower, upper = self.contrast.lower, self.contrast.upper
        if lower is not None and lower > 0:
            return "this"
        return "first" if upper is not None and upper < 0 else "undecided"


@dataclass(frozen=True, slots=True)
class TaskLine:
    """Hold one task's mean rewards by arm, with the number of scored attempts behind each."""

    task: str
    means: Mapping[str, float | None]
    scored: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold all that is said; `command` takes it up again, `attempts` is where its own attempts stand."""

    ground: Ground
    evidence: Evidence
    target: Estimand
    level: float
    method: str
    tasks: int
    units: int
    excluded: tuple[str, ...]
    offered: int
    standings: tuple[Standing, ...]
    against: tuple[Against, ...]
    lines: tuple[TaskLine, ...]

    @property
    def first(self) -> Standing:
        """Give the arm that all others are held against."""
        return self.standings[0]

    @property
    def split(self) -> Split:
        """Name the split compared on."""
        return self.evidence.split

    @property
    def simulated(self) -> bool:
        """Say whether the task role was played by the simulated model."""
        return self.ground.config.models.task.simulated

    @property
    def runs(self) -> tuple[float, float]:
        """Give the fewest and the most attempts of a task that an arm's score rests on, on average."""
        seen = [standing.runs for standing in self.standings]
        return min(seen), max(seen)

    @property
    def coverage(self) -> float:
        """Give the share of the planned attempts of all arms that gave a score."""
        planned = sum(standing.planned for standing in self.standings)
        return sum(standing.scored for standing in self.standings) / max(planned, 1)


def compare(
    arms: Sequence[Arm], ground: Ground, evidence: Evidence, *, target: Estimand = "population", phi: float = 1.0
) -> Comparison:
    """Hold the arms against the first of them.

    Args:
        arms: At least two.
        ground: What is common to them.
        evidence: Their attempts.
        target: What the difference is about: tasks like these, or these very tasks.
        phi: Over-dispersion of replicates, where an A/A measurement showed one (benchmark only).
    """
    by_arm = {arm.label: rewards(evidence.rows[arm.label]) for arm in arms}
    offered = ground.tasks(evidence.split)
    tasks = [task for task in offered if all(task.id in each for each in by_arm.values())]
    level = look_confidence(evidence.look) if evidence.look else LEVEL
    found = contrasts(tasks, [by_arm[arm.label] for arm in arms], target=target, level=level, phi=phi)
    left_out = set(found.excluded)
    used = [task for task in tasks if task.id not in left_out]
    first, *others = arms
    return Comparison(
        ground=ground,
        evidence=evidence,
        target=target,
        level=level,
        method=found.method,
        tasks=found.tasks,
        units=found.units,
        excluded=found.excluded,
        offered=len(offered),
        standings=tuple(
            _standing(arm, evidence.rows[arm.label], tasks, used, score)
            for arm, score in zip(arms, found.means, strict=True)
        ),
        against=tuple(
            _against(evidence, first.label, arm.label, tasks, used, contrast)
            for arm, contrast in zip(others, found.rows, strict=True)
        ),
        lines=tuple(_line(task, by_arm) for task in tasks),
    )


def _standing(
    arm: Arm, rows: Sequence[AttemptRow], tasks: Sequence[GateTask], used: Sequence[GateTask], score: float | None
) -> Standing:
    shared, kept = {task.id for task in tasks}, {task.id for task in used}
    mine = [row for row in rows if row.spec.task in shared]
    scored = [row for row in mine if row.reward is not None]
    return Standing(
        arm=arm,
        score=score,
        planned=len(mine),
        scored=len(scored),
        missing=sum(row.state == "missing" for row in mine),
        runs=sum(row.spec.task in kept for row in scored) / max(len(kept), 1),
        purposes=Counter(row.spec.purpose.value for row in mine),
        usd=math.fsum(row.cost_usd or 0.0 for row in mine),
        unpriced=sum(row.unpriced for row in mine),
    )


def _against(
    evidence: Evidence,
    first: str,
    label: str,
    tasks: Sequence[GateTask],
    used: Sequence[GateTask],
    contrast: Contrast,
) -> Against:
    old, new = (rewards(evidence.rows[name]) for name in (first, label))
    moves = {task.id: round(_mean(new[task.id]) - _mean(old[task.id]), 12) for task in used}
    ids = [task.id for task in tasks]
    lost = missing_report(tally(ids, new), tally(ids, old), tally(ids, new).drawn > 0)
    return Against(
        label=label,
        contrast=contrast,
        won=sum(move > 0 for move in moves.values()),
        lost=sum(move < 0 for move in moves.values()),
        level=sum(move == 0 for move in moves.values()),
        up=tuple(task for task, move in moves.items() if move >= FLIPPED),
        down=tuple(task for task, move in moves.items() if move <= -FLIPPED),
        uses={
            name: paired_ratio(used, *(_used(evidence.rows[arm], take) for arm in (first, label)))
            for name, take in MEASURES.items()
        },
        unequal_missing=lost.unequal,
    )


def _used(rows: Sequence[AttemptRow], take: Callable[[AttemptRow], float | None]) -> dict[str, list[float]]:
    """Collect by task what scored attempts used; what is not known is left out."""
    found: dict[str, list[float]] = {}
    for row in rows:
        amount = take(row) if row.reward is not None else None
        if amount is not None:
            found.setdefault(row.spec.task, []).append(amount)
    return found


def _line(task: GateTask, by_arm: Mapping[str, Mapping[str, Sequence[float | None]]]) -> TaskLine:
    seen = {label: [value for value in each[task.id] if value is not None] for label, each in by_arm.items()}
    return TaskLine(
        task.id,
        {label: math.fsum(values) / len(values) if values else None for label, values in seen.items()},
        {label: len(values) for label, values in seen.items()},
    )


def _mean(values: Sequence[float | None]) -> float:
    scored = [value for value in values if value is not None]
    return math.fsum(scored) / len(scored)
