"""How a run stands when a driver takes it up: all that a view must know to draw the rest."""

from __future__ import annotations

from typing import Any

from optimizer.candidates import BASELINE
from optimizer.ledger import SIMULATED_SERVER, CandidateRow, VerdictRow
from optimizer.stages.bench import Bench
from optimizer.stages.evidence import train_score
from optimizer.state import Phase
from optimizer.telling.progress import Progress
from optimizer.words import short_reason

Json = dict[str, Any]  # Any: JSON


def started(bench: Bench, said: str) -> Progress:
    """Tell that a driver took the run up: its limits, its plan, and what was concluded before.

    Args:
        bench: The run.
        said: Which suite and sandbox were chosen, in words.
    """
    models = bench.config.models
    data = {
        "run": bench.run,
        "folder": str(bench.folder),
        "simulated": any(role.simulated for role in models.roles.values()) or _is_served(bench),
        "limits": bench.config.stop.model_dump(mode="json"),
        "looks": len(bench.gate.stages),
        "slots": bench.config.schedule.slots,
        "planned": _planned(bench),
        "so_far": _so_far(bench),
    }
    return Progress("started", f"run {bench.run}: {said}", data)


def _is_served(bench: Bench) -> bool:
    return any(note["kind"] == SIMULATED_SERVER for note in bench.ledger.notices())


def _planned(bench: Bench) -> Json:
    """Count the attempts of the stages whose size is known from the start."""
    counts, splits = bench.config.replicates, bench.splits
    return {
        "preflight": 2 * len(splits.heldout) * counts.preflight,
        "baseline": len(splits.train) * counts.baseline,
        "screen": len(splits.train) * counts.screen,
        "certify": 2 * len(splits.test) * counts.certify,
    }


def _so_far(bench: Bench) -> Json:
    """Sum up what earlier drivers of the run concluded."""
    ledger = bench.ledger
    verdicts = ledger.verdicts()
    rows = {row.slot: row for row in ledger.candidates()}
    return {
        "elapsed_s": ledger.elapsed_s,
        "iterations": len(ledger.slots()),
        "champion": ledger.state().champion,
        "baseline_score": train_score(bench, BASELINE) if ledger.conclusion(Phase.BASELINE) else None,
        "stairs": [_stair(bench, slot["slot"], rows.get(slot["slot"]), verdicts) for slot in ledger.slots()],
    }


def _stair(bench: Bench, slot: int, row: CandidateRow | None, verdicts: dict[str, VerdictRow]) -> Json:
    """Say what became of one proposal; without a verdict it is still open."""
    if row is None:
        return {"slot": slot, "candidate": None}
    found = verdicts.get(row.id)
    return {"slot": slot, "candidate": row.id} | (verdict_data(bench, row, found) if found else {})


def verdict_data(bench: Bench, row: CandidateRow, verdict: VerdictRow) -> Json:
    """Say of a verdict what a view shows: cause, reason and title, and the train score it was reached on."""
    return {
        "slot": row.slot,
        "candidate": row.id,
        "title": row.title,
        "verdict": verdict.verdict.value,
        "cause": verdict.cause,
        "reason": short_reason(verdict),
        "train_score": train_score(bench, row.id),
    }
