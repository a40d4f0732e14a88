"""Attempt rows turned into what the statistics read: rewards by task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from benchmarks.task import Split
from optimizer.attempt_spec import Purpose
from optimizer.gate import Noise
from optimizer.ledger import AttemptRow, DrawRequest
from optimizer.stages.bench import Bench
from optimizer.state import Phase


def rewards(rows: Iterable[AttemptRow]) -> dict[str, list[float | None]]:
    """Group finished attempts' rewards by task; None is missing."""
    by_task: dict[str, list[float | None]] = defaultdict(list)
    for row in rows:
        if row.state != "planned":
            by_task[row.spec.task].append(row.reward)
    return dict(by_task)


def scored(rows: Iterable[AttemptRow]) -> dict[str, list[float]]:
    """Group the rewards that count by task; missing attempts are left out."""
    grouped = {task: [value for value in values if value is not None] for task, values in rewards(rows).items()}
    return {task: values for task, values in grouped.items() if values}


NO_SCORE = (Purpose.SMOKE, Purpose.TUNE, Purpose.TRY, Purpose.LESSON)
"""Purposes no train score rests on: a lone attempt, those by which a setting was chosen among others, and those at
tasks that were chosen for how they had gone."""
NOT_SHOWN = (Purpose.TUNE, Purpose.LESSON)
"""Purposes of train attempts that are measurements alone: a proposer's list leaves them out."""


def measured(bench: Bench, candidate: str) -> list[AttemptRow]:
    """List the train attempts a score may rest on."""
    rows = bench.ledger.attempts(bench.run, candidate=candidate, split=Split.TRAIN.value)
    return [row for row in rows if row.spec.purpose not in NO_SCORE]


def train_score(bench: Bench, candidate: str) -> float | None:
    """Average a candidate's train tasks; None when it was not measured there."""
    return mean_of_tasks(rewards(measured(bench, candidate)))


class Harnesses(Protocol):
    """Know the harnesses of candidates; a run's bench does."""

    def harness(self, candidate: str) -> str:
        """Give a candidate's content hash."""
        ...


def requests(
    bench: Harnesses, candidate: str, split: str, purpose: Purpose, counts: Mapping[str, int]
) -> list[DrawRequest]:
    """Ask for `counts[task]` fresh attempts of a candidate."""
    harness = bench.harness(candidate)
    return [DrawRequest(candidate, harness, task, split, purpose, count) for task, count in counts.items()]


def each(tasks: Sequence[str], count: int) -> dict[str, int]:
    """Ask for the same number of attempts of every task."""
    return dict.fromkeys(tasks, count)


def mean_of_tasks(by_task: Mapping[str, Sequence[float | None]]) -> float | None:
    """Average the tasks' own means; None when nothing was scored."""
    means = []
    for values in by_task.values():
        scored = [value for value in values if value is not None]
        if scored:
            means.append(sum(scored) / len(scored))
    return sum(means) / len(means) if means else None


def mean_if_known(values: Sequence[float | None]) -> float | None:
    """Average what attempts cost; None as soon as one of them has no price, or there is none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def over_dispersion(bench: Bench, runs: int, pool: int) -> float:
    """Give the factor by which the preflight's A/A measurement widens the noise within tasks; 1 without one."""
    found = (bench.ledger.conclusion(Phase.PREFLIGHT) or {}).get("noise")
    return max(1.0, Noise(**found).phi_for(runs, pool)) if found else 1.0
