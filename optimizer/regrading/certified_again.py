"""What the certified number would have been with other rewards: the same attempts, tasks, level and method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.splits import Splits
from benchmarks.suite import Suite
from optimizer.attempt_spec import Purpose
from optimizer.candidates import BASELINE
from optimizer.config import RunConfig
from optimizer.facts import Facts
from optimizer.gate import Estimate, GateTask, Noise, Rewards, estimate, look_confidence
from optimizer.gate.estimates import Estimand
from optimizer.ledger import AttemptRow
from optimizer.regrading.regrade import Regraded, with_new


@dataclass(frozen=True, slots=True)
class CertifiedAgain:
    """Hold the number with the new rewards, and how many of its attempts have one."""

    found: Estimate
    attempts: int
    regraded: int


def certified_again(
    facts: Facts, config: RunConfig, suite: Suite, splits: Splits, found: Regraded
) -> CertifiedAgain | None:
    """Estimate the certified gain anew; None where nothing was certified or graded again, or a task is gone."""
    record = facts.certificate or {}
    rows = [row for row in facts.attempts if row.spec.purpose is Purpose.CERTIFY and row.stage.startswith("certify")]
    graded = {row.attempt for row in found.rows} & {row.spec.id for row in rows}
    gone = set(splits.certified) - {task.id for task in suite.tasks}
    if record.get("difference") is None or not graded or gone:
        return None
    tasks = [GateTask(task.id, task.category, task.cluster) for task in map(suite.task, splits.certified)]
    before, after = (_rewards(rows, arm, found) for arm in (BASELINE, str(record["champion"])))
    target: Estimand = "benchmark" if record["target"] == "benchmark" else "population"
    noise = (facts.preflight or {}).get("noise")
    runs = config.replicates.certify
    again = estimate(
        tasks,
        baseline=before,
        champion=after,
        target=target,
        level=look_confidence(record["look"]),
        phi=max(1.0, Noise(**noise).phi_for(runs, runs)) if noise else 1.0,
    )
    return CertifiedAgain(again, len(rows), len(graded))


def _rewards(rows: Sequence[AttemptRow], arm: str, found: Regraded) -> Rewards:
    grouped: Mapping[str, list[float | None]] = with_new((row for row in rows if row.spec.candidate == arm), found)
    return grouped
