"""Gate epochs: when held-out tasks have been asked enough, tasks of the reserve take their place."""

from __future__ import annotations

from dataclasses import replace

from optimizer.gate import needs_new_epoch
from optimizer.stages.bench import Bench
from optimizer.telling.progress import Progress


def tests_left(bench: Bench) -> int:
    """Count the gate tests that the present epoch still allows, those of earlier runs taken off."""
    record = bench.registry.record(bench.suite.hash, bench.uid)
    return bench.gate.k_max - (record.tests_used if record else 0)


def is_over(bench: Bench, candidate: str | None) -> bool:
    """Say whether the epoch is over and enough tasks are in reserve for another one.

    A `candidate` whose test was counted in it, and not begun before a crash, still belongs to it.
    """
    record = bench.registry.record(bench.suite.hash, bench.uid)
    if record is None or len(record.splits.reserve) < bench.gate.min_tasks:
        return False
    if candidate is not None and bench.registry.has_test(bench.suite.hash, bench.uid, candidate):
        return False
    return needs_new_epoch(bench.gate, len(record.splits.heldout), record.tests_used, record.keeps)


def rotate(bench: Bench) -> Bench:
    """Begin the next epoch and give the bench that works in it; what was held out is retired, never shown or held out.

    Its budget of error is its own: each epoch's tests share one.
    """
    record = bench.registry.record(bench.suite.hash, bench.uid)
    if record is None:
        return bench
    asked = f"{record.tests_used} tests and {record.keeps} keeps"
    text = f"gate epoch {record.epoch} is over after {asked}: its held-out tasks are retired, others held out instead"
    if all(note["text"] != text for note in bench.ledger.notices()):
        bench.ledger.note("epoch", text)
    moved = bench.registry.rotate(
        bench.suite.hash, bench.uid, record.epoch, lambda splits: splits.rotated(bench.suite.tasks)
    )
    bench.listen(Progress("notice", text, {"epoch": moved.epoch}))
    return replace(bench, splits=moved.splits)
