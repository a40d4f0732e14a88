"""The pre-flight: how noisy this suite is, what the night can find, and what it will take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.splits import Splits
from benchmarks.task import Split
from optimizer.attempt_spec import AttemptStatus, Purpose
from optimizer.candidates import BASELINE
from optimizer.config import RunConfig
from optimizer.gate import GateConfig, Noise, can_decide, noise
from optimizer.gate.design import S2, TAU
from optimizer.ledger import AttemptRow
from optimizer.planning.forecast import attempts_ahead
from optimizer.planning.reach import in_words, reaches, remedies
from optimizer.stages.bench import Bench
from optimizer.stages.crashes import hold_runnable
from optimizer.stages.evidence import each, mean_of_tasks, requests, rewards
from optimizer.stages.measure import tell_measured
from optimizer.stages.outage import drawn_whole
from optimizer.stages.past import past_unevenness
from optimizer.state import Phase
from optimizer.telling.progress import Progress

Json = dict[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class _Size:
    config: RunConfig
    splits: Splits
    gate: GateConfig
    tests_before: int


def preflight(bench: Bench) -> None:
    """Measure A/A noise: two arms of the baseline on the gate tasks; then say what the night can detect."""
    tasks = bench.gate_tasks(Split.HELDOUT)
    counts = each([task.id for task in tasks], bench.config.replicates.preflight)
    asked = [
        request for _ in ("a", "b") for request in requests(bench, BASELINE, Split.HELDOUT, Purpose.PREFLIGHT, counts)
    ]
    rows = drawn_whole(bench, Phase.PREFLIGHT.value, asked)
    hold_runnable(bench, Phase.PREFLIGHT, rows)
    half = len(rows) // 2
    seen = noise(rewards(rows[:half]), rewards(rows[half:]))
    record = {
        "tasks": len(tasks),
        "attempts": len(rows),
        "score": mean_of_tasks(rewards(rows)),
        "noise": asdict(seen) if seen else None,
        "ahead": _ahead(bench, rows),
        **_design(bench, len(tasks), seen),
    }
    bench.ledger.conclude(Phase.PREFLIGHT, record)
    tell_measured(bench, Phase.PREFLIGHT, len(rows), None)
    for sentence in (record["finds"], *record["advice"]):
        bench.listen(Progress("notice", sentence, {}))


def _design(bench: Bench, tasks: int, seen: Noise | None) -> Json:
    """Judge the night's design by the noise that was seen; what was not seen is assumed, and said to be."""
    gate, spread = bench.gate, past_unevenness(bench)
    pool = max(gate.pool_min, min(gate.runs, gate.pool_cap))
    if seen is not None:
        gate = replace(gate, phi=max(gate.phi, seen.phi_for(gate.runs, pool)))
    tau, s2 = TAU if spread is None else spread, S2 if seen is None else seen.s2
    advice = can_decide(gate, tasks=tasks, tau=tau, s2=s2)
    return {
        "tau": {"value": tau, "assumed": spread is None},
        "smallest_gain": advice.smallest_gain,
        "finds": in_words(gate, tasks, tau=tau, s2=s2),
        "reach": [asdict(row) for row in reaches(gate, tasks, tau=tau, s2=s2)],
        "remedies": [remedy.to_record() for remedy in remedies(gate, tasks, tau=tau, s2=s2)],
        "can_decide": advice.can_decide,
        "can_certify": advice.can_certify,
        "advice": list(advice.sentences),
    }


def _ahead(bench: Bench, rows: Sequence[AttemptRow]) -> Json:
    """Expect what is still to come, at the pace and the price of these attempts; None where they cannot tell."""
    record = bench.registry.record(bench.suite.hash, bench.uid)
    before = record.tests_used if record else 0
    attempts = attempts_ahead(_Size(bench.config, bench.splits, bench.gate, before))
    ended = [row for row in rows if row.state == AttemptStatus.SCORED]
    costs = [row.cost_usd for row in ended if row.cost_usd is not None]
    known = bool(ended) and len(costs) == len(ended)
    seconds = sum(row.duration_s for row in ended) / len(ended) if ended else None
    return {
        "attempts": attempts,
        "usd": attempts * sum(costs) / len(costs) if known else None,
        "hours": None if seconds is None else attempts * seconds / bench.config.schedule.slots / 3600,
    }


def is_hopeless(bench: Bench) -> bool:
    """Say whether the noise that was measured leaves nothing to be decided, and nobody forced the night."""
    record = bench.ledger.conclusion(Phase.PREFLIGHT) or {}
    return not (record.get("can_decide", True) or bench.config.gate.force)
