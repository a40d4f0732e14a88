"""Holds a simulated run's verdicts and its certified number against the truth, which can be computed."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.simulated.label import Label, label_change
from benchmarks.simulated.truth import true_score
from benchmarks.suite import load_suite
from benchmarks.task import Split, Task
from optimizer.candidates import BASELINE, Archive
from optimizer.clients import simulated_settings
from optimizer.facts import Facts
from optimizer.ledger import CandidateRow
from optimizer.registry import registry_of
from optimizer.run_file import load_run_file
from optimizer.studies.tool_trial import ToolTrials
from optimizer.verdict import Verdict
from traces.errors import UsageError

Json = dict[str, Any]  # Any: JSON
WORTH_HAVING = 0.02
"""A refused change that would have gained this much is counted as a loss."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Score harnesses of one run on named tasks."""

    facts: Facts
    archive: Archive
    tasks: dict[Split, list[Task]]
    settings: Any  # Any: SimulatedSettings
    trials: ToolTrials

    def score(self, candidate: str, *splits: Split) -> float | None:
        """Compute a candidate's true score on the tasks of some splits; None where it is unknown."""
        tasks = [task for split in splits for task in self.tasks[split]]
        bundle = self.archive.load(candidate)
        works = functools.partial(self.trials.works, bundle)
        found = true_score(bundle, tasks, self.settings, tool_works=works)
        return found.mean if found is not None else None


def audit(facts: Facts) -> Json:
    """Answer `ratchet audit`.

    The certified gain is compared with the true gain on what it is about: the certified test tasks
    for the benchmark target, all tasks of the suite's families for the population. What cannot be
    computed (a harness that code orchestrates) is None, for unknown, and counted as such.

    Raises:
        UsageError: A real model played the task role, so there is no known truth.
    """
    if facts.lock["models"]["task"] != "simulated":
        raise UsageError("only a run with the simulated model has a known truth", hint="ratchet report shows evidence")
    with ToolTrials(facts.lock["sandbox"]) as trials:
        return _held_against(load_truth(facts, trials))


def _held_against(truth: Truth) -> Json:
    facts = truth.facts
    certificate = facts.certificate or {}
    about = [Split.TEST] if certificate.get("target") == "benchmark" else list(Split)
    baseline, champion = truth.score(BASELINE, *about), truth.score(facts.state.champion, *about)
    gain = _difference(champion, baseline)
    rows = [_verdict_row(truth, row) for row in facts.changes]
    kept = [row for row in rows if row["verdict"] == Verdict.KEEP]
    mistakes = [row for row in kept if row["effect"] is not None and row["effect"] <= 0]
    refused = [row for row in rows if row["verdict"] == Verdict.REJECT]
    interval = certificate.get("interval")
    return {
        "run": facts.folder.id,
        "true": {"baseline": baseline, "champion": champion, "gain": gain, "about": certificate.get("target")},
        "certified": {"difference": certificate.get("difference"), "interval": interval},
        "interval_holds_truth": interval[0] <= gain <= interval[1] if interval and gain is not None else None,
        "false_keeps": len(mistakes),
        "false_keeps_pruned": sum(row["pruned"] for row in mistakes),
        "harmful_keeps": sum(row["effect"] is not None and row["effect"] < 0 for row in kept),
        "overfit_kept": sum(row["label"] == Label.OVERFIT for row in kept),
        "good_refused": sum((row["effect"] or 0) > WORTH_HAVING for row in refused),
        "unknown": sum(row["effect"] is None for row in rows),
        "pruned": _pruned(truth),
        "candidates": rows,
    }


def _pruned(truth: Truth) -> Json | None:
    """Say what pruning took out, and what the champion truly won or lost by it on tasks no proposer saw."""
    record = truth.facts.pruning
    if record is None or not record["removed"]:
        return None
    unseen = (Split.HELDOUT, Split.TEST)
    effect = _difference(*(truth.score(record[name], *unseen) for name in ("champion", "anchor")))
    return {"removed": record["removed"], "anchor": record["anchor"], "effect": effect}


def load_truth(facts: Facts, trials: ToolTrials) -> Truth:
    """Put together what a simulated run's truth is computed from.

    Raises:
        UsageError: The suite has changed, or nobody knows its splits any more.
    """
    config = load_run_file(facts.folder.config)
    suite = load_suite(config.suite, Path.cwd())
    if suite.hash != facts.lock["suite"]:
        raise UsageError("the suite is not what it was: this version makes other tasks from the same settings")
    record = registry_of(facts.folder.path.parent).record(suite.hash, facts.lock["uid"])
    if record is None:
        raise UsageError(f"the suite registry beside run {facts.folder.id!r} does not know its splits")
    apart = set(record.splits.out_of_family)
    tasks = {split: [suite.task(name) for name in record.splits.of(split) if name not in apart] for split in Split}
    return Truth(facts, Archive(facts.folder.candidates), tasks, simulated_settings(config), trials)


def _verdict_row(truth: Truth, row: CandidateRow) -> Json:
    verdict, parent = truth.facts.verdicts.get(row.id), row.parent or BASELINE
    unseen = (Split.HELDOUT, Split.TEST)
    effect = _difference(truth.score(row.id, *unseen), truth.score(parent, *unseen))
    on_train = _difference(truth.score(row.id, Split.TRAIN), truth.score(parent, Split.TRAIN))
    known = effect is not None and on_train is not None
    return {
        "candidate": row.id,
        "title": row.title,
        "verdict": verdict.verdict.value if verdict else "open",
        "cause": verdict.cause if verdict else None,
        "pruned": row.id in (truth.facts.pruning or {}).get("removed", ()),
        "effect": effect,
        "effect_on_train": on_train,
        "label": label_change(train_gain=on_train or 0.0, population_gain=effect or 0.0).value if known else None,
    }


def _difference(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else round(after - before, 6)
