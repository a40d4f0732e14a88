"""The champion attempted afresh on the tasks that a candidate's author named: what its lessons are judged by.

An author names tasks because attempts at them failed. Held against those same attempts, a change that does nothing
would seem to help: some of them failed by bad luck, which does not come twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.task import Split
from optimizer.attempt_spec import Purpose
from optimizer.ledger import AttemptRow, CandidateRow
from optimizer.reflect import scan
from optimizer.stages.bench import Bench
from optimizer.stages.evidence import each, mean_of_tasks, measured, requests, scored

STAGE = "lesson"
LEAST = 2
"""Tasks below which nothing can be said of a lesson."""


def draw_afresh(bench: Bench, candidate: str, parent: str) -> None:
    """Attempt with the champion what the candidate was screened on, and what its author said it would fix.

    It gets as many attempts at each task as the candidate had. Nothing is drawn where the run keeps no lessons, the
    candidate stands on none, or fewer tasks than say something are left.

    Raises:
        OutageError: No attempt was scored; the stage stays pending.
    """
    row = next(row for row in bench.ledger.candidates() if row.id == candidate)
    if not stands_on_a_lesson(bench, row):
        return
    after, known = screened(bench, candidate), scored(measured(bench, parent))
    tasks = [task for task in row.fixes if task in after and task in known]
    if len(tasks) < LEAST:
        return
    counts = each(tasks, bench.config.replicates.screen)
    asked = requests(bench, parent, Split.TRAIN, Purpose.LESSON, counts)
    before = scored(bench.draws.draw(f"{STAGE}/{candidate}", asked))
    both = [task for task in tasks if task in before]
    means = {
        "champion": mean_of_tasks({task: before[task] for task in both}),
        "candidate": mean_of_tasks({task: after[task] for task in both}),
    }
    bench.ledger.conclude_stage(candidate, STAGE, {"tasks": len(both), **means})


def afresh(bench: Bench, candidate: str) -> dict[str, list[float]]:
    """Give the rewards of the champion's fresh attempts, by task; empty where none were drawn."""
    return scored(of_candidate(bench.ledger.attempts(bench.run, purpose=Purpose.LESSON.value), candidate))


def of_candidate(rows: Iterable[AttemptRow], candidate: str) -> list[AttemptRow]:
    """Pick what was drawn beside one candidate's screen; an outage may have had it drawn again."""
    return [row for row in rows if row.stage.partition("+")[0] == f"{STAGE}/{candidate}"]


def screened(bench: Bench, candidate: str) -> dict[str, list[float]]:
    """Give the rewards of a candidate's screen, by task."""
    rows = bench.ledger.attempts(bench.run, candidate=candidate, split=Split.TRAIN.value, purpose="screen")
    return scored(rows)


def stands_on_a_lesson(bench: Bench, row: CandidateRow) -> bool:
    """Say whether a candidate's screen tests a lesson: one it brings and that may be remembered, or one it used."""
    if bench.config.lessons.book is None:
        return False
    return bool(row.lessons_used) or bool(row.lesson and not leaks(bench, row.lesson))


def leaks(bench: Bench, text: str) -> bool:
    """Say whether a lesson holds text of particular tasks."""
    return bool(scan({}, {"lesson.md": text.encode()}, bench.corpus))
