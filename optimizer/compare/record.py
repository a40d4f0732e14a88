"""A comparison as plain data: one object for programs, rows for tables, a data frame for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from optimizer.compare import words
from optimizer.compare.arms import Arm
from optimizer.compare.comparison import Against, Comparison, Standing
from task_agent.harness import HarnessBundle, unified
from task_agent.harness.hunks import file_diffs

if TYPE_CHECKING:
    import pandas

Json = dict[str, Any]  # Any: JSON


def record(comparison: Comparison, *, per_task: bool) -> Json:
    """Give all that is said; single tasks only where they may be shown."""
    return {
        "split": comparison.split.value,
        "target": comparison.target,
        "level": comparison.level,
        "method": comparison.method,
        "tasks": comparison.tasks,
        "tasks_offered": comparison.offered,
        "units": comparison.units,
        "coverage": comparison.coverage,
        "fresh": comparison.evidence.fresh,
        "look": comparison.evidence.look or None,
        "grown": comparison.evidence.grown,
        "simulated": comparison.simulated,
        "suite": comparison.ground.suite.hash,
        "ground": comparison.ground.named,
        "model": comparison.ground.config.models.task.model,
        "folders": [str(folder.path) for folder in comparison.evidence.folders],
        "forced": list(comparison.ground.forced),
        "cautions": words.cautions(comparison),
        "arms": [_arm(standing) for standing in comparison.standings],
        "contrasts": [_contrast(comparison, against, per_task=per_task) for against in comparison.against],
        "per_task": task_rows(comparison) if per_task else None,
    }


def _arm(standing: Standing) -> Json:
    arm = standing.arm
    return {
        "label": arm.label,
        "name": arm.name,
        "title": arm.title,
        "harness": arm.hash,
        "imported": _imported(arm),
        "run": arm.run.id if arm.run else None,
        "candidate": arm.candidate or None,
        "score": standing.score,
        "runs": standing.runs,
        "attempts": {"planned": standing.planned, "scored": standing.scored, "missing": standing.missing},
        "purposes": dict(standing.purposes),
        "usd": None if standing.unpriced and not standing.usd else standing.usd,
        "unpriced_requests": standing.unpriced,
    }


def _imported(arm: Arm) -> Json | None:
    """Say who made an imported arm's trials; None for an arm of ours."""
    if arm.imported is None:
        return None
    agent, job = arm.imported.agent, arm.imported.job
    return {"job": str(job.path), "agent": agent.name, "version": agent.version, "model": agent.model or None}


def _contrast(comparison: Comparison, against: Against, *, per_task: bool) -> Json:
    first = comparison.first.arm
    other = next(standing.arm for standing in comparison.standings if standing.arm.label == against.label)
    found = against.contrast
    return {
        "arm": against.label,
        "against": first.label,
        "verdict": words.verdict(against, first.label),
        "difference": found.difference,
        "interval": None if found.lower is None else [found.lower, found.upper],
        "smallest": found.smallest,
        "won": against.won,
        "lost": against.lost,
        "level": against.level,
        "flipped_up": list(against.up) if per_task else len(against.up),
        "flipped_down": list(against.down) if per_task else len(against.down),
        "unequal_missing": against.unequal_missing,
        "uses": {name: asdict(each) for name, each in against.uses.items()},
        "diff": diff(first.bundle, other.bundle) if first.bundle and other.bundle else None,
    }


def diff(before: HarnessBundle, after: HarnessBundle) -> Json:
    """Give the difference of two harnesses: counts and the unified text."""
    files = file_diffs(before, after)
    added, removed = sum(file.added for file in files), sum(file.removed for file in files)
    return {"files": len(files), "added": added, "removed": removed, "unified": unified(before, after)}


def task_rows(comparison: Comparison) -> list[Json]:
    """Give one row for each task: every arm's mean reward, and the scored attempts behind it."""
    return [
        {
            "task": line.task,
            **{f"{label}_mean": mean for label, mean in line.means.items()},
            **{f"{label}_scored": count for label, count in line.scored.items()},
        }
        for line in comparison.lines
    ]


def measure_rows(comparison: Comparison) -> list[Json]:
    """Give one row for each arm and measure, against the first arm: the score's difference, all else as ratios."""
    rows = []
    for standing, against in zip(comparison.standings[1:], comparison.against, strict=True):
        common = {
            "arm": against.label,
            "name": standing.arm.name,
            "against": comparison.first.arm.label,
            "split": comparison.split.value,
            "target": comparison.target,
        }
        found = [_score_row(comparison, standing, against), *_use_rows(standing, against)]
        rows += [{**common, **row} for row in found]
    return rows


def _score_row(comparison: Comparison, standing: Standing, against: Against) -> Json:
    found = against.contrast
    return {
        "measure": "score",
        "kind": "difference",
        "first": comparison.first.score,
        "second": standing.score,
        "value": found.difference,
        "lower": found.lower,
        "upper": found.upper,
        "level": comparison.level,
        "tasks": comparison.tasks,
        "runs": standing.runs,
        "verdict": words.verdict(against, comparison.first.arm.label),
    }


def _use_rows(standing: Standing, against: Against) -> list[Json]:
    return [
        {
            "measure": name,
            "kind": "ratio",
            "first": each.first,
            "second": each.second,
            "value": each.ratio,
            "lower": each.lower,
            "upper": each.upper,
            "level": 0.95,
            "tasks": each.tasks,
            "runs": standing.runs,
            "verdict": "",
        }
        for name, each in against.uses.items()
    ]


def to_frame(rows: Sequence[Json]) -> pandas.DataFrame:
    """Give rows as a data frame."""
    import pandas

    return pandas.DataFrame(list(rows))
