"""The stages before the gate that attempts decide: check (free but for one attempt) and screen (train attempts)."""

from __future__ import annotations

import dataclasses
from contextlib import suppress

from benchmarks.task import Split
from optimizer.attempt_spec import Purpose
from optimizer.gate import screen
from optimizer.ledger import AttemptRow
from optimizer.stages.afresh import draw_afresh
from optimizer.stages.bench import Bench
from optimizer.stages.draws import OutageError
from optimizer.stages.evidence import each, mean_of_tasks, measured, requests, rewards
from optimizer.stages.outage import beside_champion
from optimizer.stages.probing import PROBED_PUBLIC, probe
from optimizer.stages.verdicts import decide
from optimizer.verdict import Verdict
from task_agent.harness import normalised_hash, unified, validate, violations
from task_agent.harness.errors import HarnessError
from task_agent.orchestration.code import check_place
from traces.errors import SandboxUnavailableError

TRAIN = Split.TRAIN
SMOKE_DRAWS = 3
LOST_ALONE = "every attempt was lost to infrastructure"
CRASHES = ("agent_crashed", "request_refused", "unclassified")
"""Causes that show, on one attempt, that a harness cannot run at all."""


def check(bench: Bench, candidate: str, parent: str) -> None:
    """Refuse what lies outside the edit surface, does not load, was decided before, or cannot run."""
    child, before = bench.archive.load(candidate), bench.archive.load(parent)
    cause, private = _static_fault(bench, candidate, parent)
    if not cause:
        row = _smoke(bench, candidate, parent)
        if row is None:
            cause, private = (
                "smoke_failed",
                {"cause": LOST_ALONE, "detail": "the champion's were not"},
            )
        elif row.cause in CRASHES:
            cause, private = "smoke_failed", {"cause": row.cause, "detail": row.detail}
    if cause:
        decide(bench, candidate, cause, private)
        return
    changed = sorted(path for path in {*child.files, *before.files} if child.files.get(path) != before.files.get(path))
    bench.ledger.conclude_stage(candidate, "check", {"changed": changed})


def _smoke(bench: Bench, candidate: str, parent: str) -> AttemptRow | None:
    """Attempt one train task; a lost attempt is no outage yet, so it is made again, at last beside the champion.

    Returns None when it is lost again and again while the champion's is not.
    """
    first = bench.splits.of(TRAIN)[0]
    asked = requests(bench, candidate, TRAIN, Purpose.SMOKE, {first: 1})
    for _ in range(SMOKE_DRAWS):
        with suppress(OutageError):
            return bench.draws.draw(f"smoke/{candidate}", asked)[0]
    return beside_champion(bench, candidate, parent, first)


def _static_fault(bench: Bench, candidate: str, parent: str) -> tuple[str, dict[str, object]]:
    child, before = bench.archive.load(candidate), bench.archive.load(parent)
    try:
        validate(child)
        check_place(child, allow_unsafe=bench.config.sandbox.allow_unsafe)
    except (HarnessError, SandboxUnavailableError) as error:
        return "does_not_load", {"error": str(error)}
    if broken := violations(bench.surface, before, child):
        return "outside_surface", {"violations": broken}
    if normalised_hash(child) == normalised_hash(before):
        return "no_change", {}
    if twin := _decided_twin(bench, candidate, parent):
        return "duplicate", {"of": twin}
    return "", {}


def _decided_twin(bench: Bench, candidate: str, parent: str) -> str:
    """Find an earlier candidate of the same parent, equal but for white space and comments, already decided."""
    mine = normalised_hash(bench.archive.load(candidate))
    verdicts = bench.ledger.verdicts()
    for row in bench.ledger.candidates():
        known = verdicts.get(row.id)
        if row.id == candidate or known is None or known.verdict is Verdict.UNDECIDED:
            continue
        if row.parent == parent and row.normalised == mine:
            return row.id
    return ""


def screen_on_train(bench: Bench, candidate: str, parent: str) -> None:
    """Attempt every train task a few times; drop what is clearly worse than the champion there."""
    tasks = bench.gate_tasks(TRAIN)
    counts = each([task.id for task in tasks], bench.config.replicates.screen)
    asked = requests(bench, candidate, TRAIN, Purpose.SCREEN, counts)
    try:
        rows = bench.draws.draw(f"screen/{candidate}", asked)
    except OutageError:
        if beside_champion(bench, candidate, parent, bench.splits.of(TRAIN)[0]) is None:
            decide(bench, candidate, "too_many_missing", {"cause": LOST_ALONE})
            return
        raise
    mine = rewards(rows)
    theirs = rewards(measured(bench, parent))
    seen = screen(bench.gate, tasks, candidate=mine, champion=theirs)
    if seen.pending:
        raise OutageError(f"no train attempt of {parent} was scored, so {candidate} has nothing to be screened against")
    draw_afresh(bench, candidate, parent)
    record = {**dataclasses.asdict(seen), "score": mean_of_tasks(mine), "champion_score": mean_of_tasks(theirs)}
    if not seen.passed:
        decide(bench, candidate, "worse_on_train", record)
    elif (probed := probe(bench, candidate, parent)) is not None and probed.overfit:
        decide(bench, candidate, "overfit", {**record, "probe": probed.to_record()}, public=PROBED_PUBLIC)
    else:
        found = {"probe": probed.to_record()} if probed is not None else {}
        bench.ledger.conclude_stage(candidate, "screen", {**record, **found})


def diff_of(bench: Bench, candidate: str, parent: str) -> str:
    """Write a candidate's change as a unified diff."""
    return unified(bench.archive.load(parent), bench.archive.load(candidate))
