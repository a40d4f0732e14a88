"""Grades what a run's attempts left again, beside what was decided: nothing that stands is rewritten."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.artifacts import Kept
from benchmarks.regrade import has_kept, regrade, why_not
from benchmarks.suite import Suite
from benchmarks.task import Reward, Task
from benchmarks.verify import SandboxFactory
from optimizer.failure import CAUSES, classify
from optimizer.kept_work import FOLDER, KeptWork
from optimizer.ledger import AttemptRow, DriverLock
from optimizer.reap import guarded
from optimizer.run_folder import RunFolder
from task_agent.errors import AttemptError, VerifierBrokenError
from task_agent.sandbox.base import SandboxKind
from traces.storage import StorageError, stored

FILE = "regrades.jsonl"
BROKEN = CAUSES[VerifierBrokenError].name
ALREADY = "not graded: they ended for another cause, which stands"
NOT_KEPT = "nothing was kept"
GONE = "their tasks are not in the suite any more"
MISSING = "missing"
"""Why an attempt that has no result is left out."""


@dataclass(frozen=True, slots=True)
class Regrade:
    """Record one attempt graded again: by the task of this digest, with this reward or why there is none.

    `old` is what stands in the ledger. `new` is None where the verifier gave no reward, or infrastructure failed.
    """

    attempt: str
    candidate: str
    task: str
    split: str
    digest: str
    old: float
    new: float | None
    cause: str | None
    detail: str
    at: str

    @property
    def changed(self) -> bool:
        """Say whether it has another reward now."""
        return self.new is not None and self.new != self.old


@dataclass(frozen=True, slots=True)
class Regraded:
    """Hold what was found; `known` of the rows were graded by the very same task before. `left` is by reason."""

    rows: tuple[Regrade, ...]
    known: int
    left: Mapping[str, int]

    @property
    def changed(self) -> list[Regrade]:
        """List the attempts whose reward is another now."""
        return [row for row in self.rows if row.changed]


def read_regrades(folder: RunFolder) -> dict[tuple[str, str], Regrade]:
    """Read what was graded again before, by attempt and task digest; the latest stands.

    Raises:
        StorageError: The record is damaged.
    """
    path = folder.path / FILE
    try:
        whole = path.read_text(encoding="utf-8").rpartition("\n")[0]  # a kill may have cut the last line
        rows = [Regrade(**json.loads(line)) for line in whole.splitlines() if line.strip()]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise StorageError(
            f"cannot read {path}: {error}", hint="move it away: it is a record of regrades alone"
        ) from None
    return {(row.attempt, row.digest): row for row in rows}


def regrade_run(
    folder: RunFolder,
    suite: Suite,
    rows: Sequence[AttemptRow],
    *,
    sandbox: SandboxKind,
    make_sandbox: SandboxFactory,
    again: bool = False,
) -> Regraded:
    """Grade attempts again, each result written down as it comes.

    An attempt that was graded by the very same task before is not graded a second time unless `again`.

    Raises:
        RunLockedError: A driver works on the run.
        StorageError: The record is damaged, or the disk refuses.
    """
    before = {} if again else read_regrades(folder)
    archive, left = KeptWork(folder.path / FOLDER), Counter[str]()
    owed, done = [], []
    for row in rows:
        task, reason = _task_of(row, suite)
        if task is None:
            left[reason] += 1
        elif known := before.get((row.spec.id, task.digest)):
            done.append(known)
        else:
            owed.append((row, task))
    with ExitStack() as stack:
        stack.enter_context(stored(folder.path))
        stack.enter_context(DriverLock(folder.path))
        stack.enter_context(guarded(str(folder.read_lock()["uid"]), sandbox))
        _drop_cut_line(folder.path / FILE)
        fresh = asyncio.run(_grade_all(folder, owed, archive, make_sandbox, left))
    order = {row.spec.id: place for place, row in enumerate(rows)}
    return Regraded(tuple(sorted([*done, *fresh], key=lambda row: order[row.attempt])), len(done), left)


def _drop_cut_line(path: Path) -> None:
    """Take away what a kill left of a line, so that the next one does not grow onto it."""
    if path.exists():
        whole, _, cut = path.read_bytes().rpartition(b"\n")
        if cut:
            os.truncate(path, len(whole) + 1 if whole else 0)


def _task_of(row: AttemptRow, suite: Suite) -> tuple[Task | None, str]:
    """Find the task to grade an attempt by, or the reason why it is left out."""
    if row.reward is None:
        return None, MISSING
    if row.cause not in (None, BROKEN):
        return None, ALREADY
    task = {each.id: each for each in suite.tasks}.get(row.spec.task)
    if task is None:
        return None, GONE
    return (None, reason) if (reason := why_not(task)) else (task, "")


async def _grade_all(
    folder: RunFolder,
    owed: Sequence[tuple[AttemptRow, Task]],
    archive: KeptWork,
    make_sandbox: SandboxFactory,
    left: Counter[str],
) -> list[Regrade]:
    """Grade a few at a time."""
    slots = asyncio.Semaphore(2 * (os.cpu_count() or 1))
    done: list[Regrade] = []

    async def one(row: AttemptRow, task: Task) -> None:
        async with slots:
            kept = _kept(archive, row.spec.id)
            if not has_kept(task, kept):
                left[NOT_KEPT] += 1
                return
            done.append(_write(folder, await _grade(row, task, kept, make_sandbox)))

    ended = await asyncio.gather(*(one(row, task) for row, task in owed), return_exceptions=True)
    if error := next((error for error in ended if error is not None), None):
        raise error  # only now: a grading cut off in its end would leave its sandbox's process unreaped
    return done


def _kept(archive: KeptWork, attempt: str) -> Kept:
    try:
        return archive.get(attempt)
    except ValueError as error:
        raise StorageError(
            str(error), hint="move the archive away: the attempt then counts as one that kept nothing"
        ) from None


async def _grade(row: AttemptRow, task: Task, kept: Kept, make_sandbox: SandboxFactory) -> Regrade:
    reward: Reward | None = None
    cause, detail = None, ""
    try:
        reward = await regrade(task, kept, make_sandbox)
    except AttemptError as error:
        cause, detail = classify(error, started=False).name, str(error)[:1000]
    spec = row.spec
    return Regrade(
        attempt=spec.id,
        candidate=spec.candidate,
        task=spec.task,
        split=spec.split,
        digest=task.digest,
        old=row.reward or 0.0,
        new=reward.value if reward else None,
        cause=cause,
        detail=detail,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _write(folder: RunFolder, row: Regrade) -> Regrade:
    line = json.dumps(asdict(row), ensure_ascii=False)
    with Path(folder.path / FILE).open("a", encoding="utf-8", errors="replace") as file:
        file.write(f"{line}\n")
    return row


def with_new(rows: Iterable[AttemptRow], found: Regraded) -> dict[str, list[float | None]]:
    """Group rewards by task, the new ones where there are any; what is not graded again keeps its own."""
    new = {row.attempt: row.new for row in found.rows if row.new is not None}
    grouped: dict[str, list[float | None]] = {}
    for row in rows:
        if row.state != "planned":
            grouped.setdefault(row.spec.task, []).append(new.get(row.spec.id, row.reward))
    return grouped


def summed(found: Regraded, rows: Sequence[AttemptRow]) -> list[dict[str, Any]]:  # Any: JSON
    """Give each candidate's mean over its tasks by split, as it stands and with the new rewards."""
    from optimizer.stages.evidence import mean_of_tasks, rewards

    touched = dict.fromkeys((row.candidate, row.split) for row in found.rows)
    answer = []
    for candidate, split in touched:
        own = [row for row in rows if (row.spec.candidate, row.spec.split) == (candidate, split)]
        graded = [row for row in found.rows if (row.candidate, row.split) == (candidate, split)]
        answer.append(
            {
                "candidate": candidate,
                "split": split,
                "attempts": len(own),
                "regraded": len(graded),
                "changed": sum(row.changed for row in graded),
                "old": mean_of_tasks(rewards(own)),
                "new": mean_of_tasks(with_new(own, found)),
            }
        )
    return answer
