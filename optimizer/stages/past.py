"""What the gate tests of earlier runs tell about a suite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from benchmarks.task import Split
from optimizer.gate import Rewards, unevenness
from optimizer.ledger import Ledger
from optimizer.run_folder import RunFolder, list_runs
from optimizer.stages.bench import Bench
from optimizer.stages.evidence import rewards
from traces.errors import RatchetError

RUNS_READ = 10
"""The newest runs of a suite are read; older ones were made with other models and harnesses."""


def past_unevenness(bench: Bench) -> float | None:
    """Estimate tau from the gate tests of earlier runs on the suite with the same task model; None when too few."""
    here = RunFolder(bench.folder)
    mine = here.read_lock()
    tests: list[tuple[Rewards, Rewards]] = []
    read = 0
    for folder in list_runs(bench.folder.parent):
        if read == RUNS_READ:
            break
        if folder.id != here.id and _alike(folder, mine["suite"], mine["models"]["task"]):
            tests += _tests(folder)
            read += 1
    return unevenness(tests)


def _alike(folder: RunFolder, suite: str, model: str) -> bool:
    try:
        lock = folder.read_lock()
        return bool(lock["suite"] == suite and lock["models"]["task"] == model)
    except (RatchetError, OSError, ValueError, KeyError):
        return False


def _tests(folder: RunFolder) -> Iterator[tuple[Rewards, Rewards]]:
    """Give both arms of each gate test that an earlier run began; the champion's without what earned it its place."""
    try:
        with closing(Ledger(folder.ledger, read_only=True)) as ledger:
            rows = ledger.attempts(folder.id, split=Split.HELDOUT.value)
            pairs = [(str(test["candidate"]), str(test["parent"])) for test in ledger.tests()]
    except RatchetError:
        return
    for candidate, parent in pairs:
        ours = (row for row in rows if row.spec.candidate == candidate)
        theirs = (row for row in rows if row.spec.candidate == parent)
        yield (
            rewards(row for row in ours if row.stage.startswith(f"gate/{candidate}/")),
            rewards(row for row in theirs if not row.stage.startswith(f"gate/{parent}/")),
        )
