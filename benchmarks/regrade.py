"""Grade again what an attempt left, without an agent: after a verifier was mended, or to see whether it is steady."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.artifacts import Kept, by_artifact, restore
from benchmarks.phases import graded_elsewhere, place_of, work_is_all
from benchmarks.task import Reward, Task
from benchmarks.verify import SandboxFactory, grade


def why_not(task: Task) -> str:
    """Say why nothing that is kept of such a task can be graded again as it was; empty when it can."""
    if task.steps:
        return "tasks of several steps: each was graded in the midst of the work"
    if task.judge is not None:
        return "tasks that a model grades: that would be paid for again"
    if task.verifier_place is None and not work_is_all(task):
        return "tasks graded where the agent worked: that place is gone"
    return ""


def has_kept(task: Task, kept: Kept) -> bool:
    """Say whether what the grading of such a task needs was kept."""
    return bool(kept.files) if task.verifier_place is not None else kept.work is not None


async def regrade(task: Task, kept: Kept, make_sandbox: SandboxFactory) -> Reward:
    """Grade what was kept with the task's verifier as it is now, in a fresh sandbox.

    Raises:
        ValueError: The task cannot be graded from what is kept; ask `why_not` and `has_kept` first.
        VerifierBrokenError: No valid reward came of it.
        SandboxLostError: The sandbox died.
    """
    if task.verifier_place is not None and kept.files:
        return await graded_elsewhere(task, task.verifier_place, by_artifact(task.artifacts, kept.files), make_sandbox)
    if kept.work is None:
        raise ValueError(f"nothing was kept that the grading of {task.id!r} needs")
    sandbox = make_sandbox(replace(place_of(task), files={}))
    try:
        await restore(kept.work, sandbox, task.environment.workdir)
        return await grade(task, sandbox)
    finally:
        await sandbox.close()
