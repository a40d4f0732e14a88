"""The measurements around the loop: the baseline before it, certifying after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from benchmarks.task import Split
from optimizer.attempt_spec import Purpose
from optimizer.candidates import BASELINE
from optimizer.gate import Estimate, GateTask, Rewards, estimate, look_confidence
from optimizer.gate.estimates import Estimand
from optimizer.stages.bench import Bench
from optimizer.stages.crashes import hold_runnable, in_words
from optimizer.stages.evidence import each, mean_of_tasks, over_dispersion, requests, rewards
from optimizer.stages.outage import drawn_whole
from optimizer.stages.sampling import best_of_n
from optimizer.stages.verdicts import hold_ground
from optimizer.state import Phase
from optimizer.telling.progress import Progress

CERTIFY_MARGIN = 1.2
"""How much more than the estimate is kept back for certifying."""


def baseline(bench: Bench) -> None:
    """Attempt the train tasks with the seed harness, so that the proposer has something to read."""
    counts = each(bench.splits.of(Split.TRAIN), bench.config.replicates.baseline)
    rows = drawn_whole(bench, "baseline", requests(bench, BASELINE, Split.TRAIN, Purpose.BASELINE, counts))
    hold_runnable(bench, Phase.BASELINE, rows)
    score = mean_of_tasks(rewards(rows))
    bench.ledger.conclude(Phase.BASELINE, {"score": score, "attempts": len(rows)})
    tell_measured(bench, Phase.BASELINE, len(rows), score, crashed=in_words(rows))


def tell_measured(bench: Bench, phase: Phase, attempts: int, train_score: float | None, *, crashed: str = "") -> None:
    """Tell that a phase is concluded; what preflight scored on held-out tasks stays in the ledger."""
    known = "" if train_score is None else f": the seed harness scores {100 * train_score:.1f}% on train tasks"
    known += f"; {crashed}" if crashed else ""
    data = {"phase": phase.value, "candidate": BASELINE, "attempts": attempts, "train_score": train_score}
    bench.listen(Progress("measured", f"{phase.value} done{known}", data))


def certify_price(bench: Bench) -> float:
    """Say what certifying will cost at most, so that nothing else spends it; 0 without a budget."""
    attempts = 2 * len(bench.splits.test) * bench.config.replicates.certify
    return bench.draws.price(attempts) * CERTIFY_MARGIN if bench.config.stop.budget_usd else 0.0


def certify(bench: Bench, champion: str) -> None:
    """Score baseline and champion, fresh and interleaved, on the sealed test split: once.

    The look is counted in the suite's registry before the first attempt; a resumed run completes
    the same attempts and counts no second look.
    """
    tasks = bench.gate_tasks(Split.TEST)
    if bench.harness(champion) == bench.harness(BASELINE):
        record: dict[str, Any] = {"champion": champion, "improved": False, "difference": None, "interval": None}
        kept = "no change was kept" if champion == BASELINE else "what was kept was taken out again"
        bench.ledger.conclude(Phase.CERTIFY, {**record, "note": f"{kept}, so nothing was certified", **_epoch(bench)})
        return
    look = bench.registry.record_look(bench.suite.hash, bench.uid)
    counts = each([task.id for task in tasks], bench.config.replicates.certify)
    asked = [ask for arm in (BASELINE, champion) for ask in requests(bench, arm, Split.TEST, Purpose.CERTIFY, counts)]
    rows = drawn_whole(bench, "certify", asked)
    hold_ground(bench, None)
    before, after = (rewards(row for row in rows if row.spec.candidate == arm) for arm in (BASELINE, champion))
    found = _certified(bench, tasks, before, after, look)
    interval = None if found.lower is None else [found.lower, found.upper]
    record = {**dataclasses.asdict(found), "improved": found.improved, "interval": interval}
    if apart := [task for task in tasks if task.id in set(bench.splits.out_of_family)]:
        beside = _estimate(bench, apart, before, after, target="benchmark", look=look)
        record["out_of_family"] = dataclasses.asdict(beside)
    if bench.config.replicates.best_of_n:
        record["best_of_n"] = best_of_n(bench, _inside(bench, tasks), champion, rows, look_confidence(look))
    bench.ledger.conclude(
        Phase.CERTIFY, {**record, "champion": champion, "look": look, "attempts": len(rows), **_epoch(bench)}
    )
    gain = f"{100 * found.difference:+.1f} points" if found.difference is not None else "unknown"
    bench.listen(Progress("certified", f"certified gain {gain}", record))


def _epoch(bench: Bench) -> dict[str, int]:
    """Say how often the suite's tasks had been dealt, this deal included."""
    known = bench.registry.record(bench.suite.hash, bench.uid)
    return {"epoch": known.epoch} if known else {}


def _certified(bench: Bench, tasks: Sequence[GateTask], before: Rewards, after: Rewards, look: int) -> Estimate:
    """Estimate the gain on the certified tasks: the t interval on task means unless the run asks for `benchmark`."""
    target: Estimand = "benchmark" if bench.gate.target == "benchmark" else "population"
    return _estimate(bench, _inside(bench, tasks), before, after, target=target, look=look)


def _inside(bench: Bench, tasks: Sequence[GateTask]) -> list[GateTask]:
    certified = set(bench.splits.certified)
    return [task for task in tasks if task.id in certified]


def _estimate(
    bench: Bench, tasks: Sequence[GateTask], before: Rewards, after: Rewards, *, target: Estimand, look: int
) -> Estimate:
    runs = bench.config.replicates.certify
    return estimate(
        tasks,
        baseline=before,
        champion=after,
        target=target,
        level=look_confidence(look),
        phi=over_dispersion(bench, runs, runs),
    )
