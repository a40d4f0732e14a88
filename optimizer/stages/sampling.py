"""Holds the certified champion against more samples of the baseline for the same money."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from benchmarks.task import Split
from optimizer.attempt_spec import AttemptStatus, Purpose
from optimizer.budget import MOST_SAMPLES, fits
from optimizer.candidates import BASELINE
from optimizer.gate import GateTask, against_sampling
from optimizer.ledger import AttemptRow
from optimizer.stages.bench import Bench
from optimizer.stages.evidence import mean_if_known, requests, scored

Json = dict[str, Any]  # Any: JSON
STAGE = "certify/best_of_n"


def best_of_n(bench: Bench, tasks: Sequence[GateTask], champion: str, rows: Sequence[AttemptRow], level: float) -> Json:
    """Compare the champion with the baseline's best of as many attempts as one of the champion's costs.

    The baseline's certify attempts serve as samples; more are drawn only where one of the champion's costs more
    than all of them.

    Args:
        bench: The run.
        tasks: The certified test tasks.
        champion: Its id.
        rows: The certify attempts of both arms.
        level: Two-sided confidence of the interval.
    """
    inside = {task.id for task in tasks}
    arms = {
        name: [row for row in rows if row.spec.candidate == name and row.spec.task in inside]
        for name in (BASELINE, champion)
    }
    record = _prices(*arms.values())
    if record["n"] is None:
        return {**record, "skipped": "what an attempt costs is not known for both"}
    wanted = math.ceil(max(record["n"], 1.0))
    have = scored(arms[BASELINE])
    lacking = {task.id: wanted - len(have.get(task.id, ())) for task in tasks}
    lacking = {task: count for task, count in lacking.items() if count > 0}
    if why := _too_much(bench, wanted, sum(lacking.values())):
        return {**record, "skipped": why}
    more = _more(bench, lacking)
    seen = against_sampling(
        tasks, baseline=scored([*arms[BASELINE], *more]), champion=scored(arms[champion]), n=record["n"], level=level
    )
    return {**record, **dataclasses.asdict(seen), "drawn": len(more), "skipped": ""}


def _prices(baseline: Sequence[AttemptRow], champion: Sequence[AttemptRow]) -> Json:
    """Price an attempt of each arm, in tokens where a price is missing, and say how many of one the other buys."""
    for measure in ("cost_usd", "tokens"):
        before, after = (
            mean_if_known([getattr(row, measure) for row in arm if _scored(row)]) for arm in (baseline, champion)
        )
        if before and after is not None:
            return {"n": after / before, "measure": measure, "baseline_each": before, "champion_each": after}
    return {"n": None, "measure": None, "baseline_each": None, "champion_each": None}


def _scored(row: AttemptRow) -> bool:
    return row.state == AttemptStatus.SCORED


def _too_much(bench: Bench, wanted: int, attempts: int) -> str:
    """Say why the attempts that are lacking are not made; what was begun is completed."""
    if not attempts or bench.ledger.attempts(stage=STAGE):
        return ""
    if wanted > MOST_SAMPLES:
        return f"one attempt of the champion costs as much as {wanted} of the baseline"
    price, spent = bench.draws.price(attempts), bench.ledger.spend().usd
    fine = fits(price, spent_usd=spent, kept_back_usd=0.0, budget_usd=bench.config.stop.budget_usd)
    return "" if fine else f"no money left for {attempts} more attempts of the baseline"


def _more(bench: Bench, lacking: dict[str, int]) -> list[AttemptRow]:
    if not lacking:
        return []
    return bench.draws.draw(STAGE, requests(bench, BASELINE, Split.TEST, Purpose.CERTIFY, lacking))
