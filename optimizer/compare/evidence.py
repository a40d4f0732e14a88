"""The attempts a comparison rests on: those that earlier runs left, or its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.task import Split
from optimizer.attempt_spec import Purpose
from optimizer.compare.arms import Arm
from optimizer.compare.ground import Ground
from optimizer.ledger import AttemptRow, Ledger
from optimizer.run_folder import RunFolder
from optimizer.state import Phase
from traces.errors import UsageError

DECIDING: Final = frozenset({Purpose.BASELINE, Purpose.SCREEN, Purpose.GATE})
"""Purposes of attempts that some decision was made from."""

Rows = Mapping[str, Sequence[AttemptRow]]
"""Arm's label -> its attempts of one split, planned ones included."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Hold the attempts of all arms on one split.

    `fresh` ones were drawn for this comparison, side by side. `folders` are the runs they stand in.
    `look` is the number of the look at the test tasks, 0 on any other split. `grown` counts how often
    more attempts were added to a comparison that had been read before.
    """

    split: Split
    rows: Rows
    fresh: bool
    folders: tuple[RunFolder, ...]
    look: int = 0
    grown: int = 0

    @property
    def deciding(self) -> dict[str, dict[str, int]]:
        """Count, by arm, the attempts that took part in decisions, by purpose."""
        counts = {
            label: Counter(row.spec.purpose.value for row in rows if row.spec.purpose in DECIDING)
            for label, rows in self.rows.items()
        }
        return {label: dict(seen) for label, seen in counts.items() if seen}


def stored(arms: Sequence[Arm], ground: Ground, split: Split | None) -> Evidence:
    """Collect what earlier runs left of every arm on the same tasks of one split.

    Without a split it is the held-out one where every arm has attempts there and their runs are over,
    else train.

    Raises:
        UsageError: There is none, or a run whose held-out tasks are asked for is not over.
    """
    if len({(arm.hash, arm.imported and arm.imported.job.path) for arm in arms}) < len(arms):
        raise UsageError(
            "the same harness twice: earlier attempts cannot be held against themselves",
            hint="--attempts 4 draws fresh ones for each, which measures the noise alone",
        )
    if split is Split.TEST and any(arm.imported for arm in arms):
        raise UsageError(
            "imported trials are never held against test tasks: nobody drew or counted that look",
            hint="--split heldout, or --split train",
        )
    for wanted in (split,) if split else (Split.HELDOUT, Split.TRAIN):
        found = {arm.label: _rows(arm, arms, ground, wanted) for arm in arms}
        open_runs = _open(found) if wanted is not Split.TRAIN else []
        if split and open_runs:
            raise UsageError(
                f"run {open_runs[0].id!r} is not over: what its {split.value} tasks say stays unread until then",
                hint="--split train, or --attempts 4 for attempts of its own",
            )
        rows = {label: [row for _, row in pairs] for label, pairs in found.items()}
        if not open_runs and set.intersection(*({row.spec.task for row in each} for each in rows.values())):
            folders = _folders(found)
            look = _look(ground, [*folders.values()]) if wanted is Split.TEST else 0
            return Evidence(wanted, rows, False, tuple(folders.values()), look)
    where = f"of the {split.value} split" if split else "of the held-out or train split"
    raise UsageError(
        f"no task {where} was attempted with each of these harnesses",
        hint="--attempts 4 draws fresh attempts for each, side by side",
    )


Found = Sequence[tuple[RunFolder | None, AttemptRow]]
"""Attempts with the run they stand in; an imported trial stands in none."""


def _rows(arm: Arm, arms: Sequence[Arm], ground: Ground, split: Split) -> Found:
    """List an arm's ended attempts: in its own run, or in any run named here that holds the very same harness."""
    if arm.imported is not None:
        tasks = frozenset(task.id for task in ground.tasks(split))
        return [(None, row) for row in arm.imported.rows(ground.suite, tasks, arm.label)]
    known = [arm.run] if arm.run is not None else [*(other.run for other in arms), ground.run]
    folders = {folder.path: folder for folder in known if folder is not None}.values()
    return [
        (folder, row) for folder in folders if _same_tasks(folder, ground) for row in _ended(folder, arm.hash, split)
    ]


def _same_tasks(folder: RunFolder, ground: Ground) -> bool:
    lock = folder.read_lock()
    return (lock["suite"], lock["models"]["task"]) == (ground.suite.hash, ground.config.models.task.named)


def _ended(folder: RunFolder, harness: str, split: Split) -> list[AttemptRow]:
    with closing(Ledger(folder.ledger, read_only=True)) as ledger:
        rows = ledger.attempts(folder.id, harness=harness, split=split.value)
    return [row for row in rows if row.state != "planned" and row.spec.purpose is not Purpose.SMOKE]


def _folders(found: Mapping[str, Found]) -> dict[Path, RunFolder]:
    return {folder.path: folder for pairs in found.values() for folder, _ in pairs if folder is not None}


def _open(found: Mapping[str, Found]) -> list[RunFolder]:
    """List the runs among them that are not over."""
    return [folder for folder in _folders(found).values() if not _over(folder)]


def _over(folder: RunFolder) -> bool:
    with closing(Ledger(folder.ledger, read_only=True)) as ledger:
        return ledger.conclusion(Phase.FINISH) is not None


def _look(ground: Ground, folders: Sequence[RunFolder]) -> int:
    """Give the number of the look in which these test attempts were made; it was counted then."""
    return max(ground.registry.record_look(ground.suite.hash, folder.read_lock()["uid"]) for folder in folders)
