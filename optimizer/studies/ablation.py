"""Plays nights that differ in what the proposer sees alone, and counts the attempts each needs to reach a score."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.task import Split
from optimizer.candidates import BASELINE
from optimizer.config import RunConfig
from optimizer.control import Interrupted, Request, ask
from optimizer.facts import read_facts
from optimizer.gate.simulation.measures import Measure, mean
from optimizer.ledger import Ledger
from optimizer.propose import View
from optimizer.run import resume, start
from optimizer.run_file import dump
from optimizer.run_folder import RunFolder
from optimizer.studies.audit import load_truth
from optimizer.studies.tool_trial import ToolTrials
from optimizer.telling.progress import Progress
from optimizer.verdict import Verdict
from traces.errors import UsageError

VIEWS: Final[tuple[View, ...]] = ("traces", "digests", "scores", "blanked")
"""What a proposer can see, the richest first."""
Row = Mapping[str, str | float | Measure | None]
DIGESTS: Final = 64
"""Digests a round where the run file names no number: every failure of a small night."""


@dataclass(frozen=True, slots=True)
class Night:
    """Hold one night's end.

    `attempts` were spent, on everything, when the champion first had the wanted score; None when it never did.
    `score` is that champion's, or the last one's; `kept` changes led to it. `spent` counts all of the night's.
    """

    view: str
    seed: int
    attempts: int | None
    spent: int
    baseline: float | None
    score: float | None
    kept: int

    def to_record(self) -> Row:
        """Give it as a row."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Step:
    """Hold one champion: how many attempts were spent when it became one, and its score."""

    champion: str
    after: int
    score: float | None


@dataclass(frozen=True, slots=True)
class Ablation:
    """Play one run file's night for views and seeds, below one folder.

    Args:
        config: The run file; its seed, the proposer's view and its digests are set for each night.
        out: Where the nights are kept; what is finished there is read, what was begun goes on.
        target: The score wanted.
    """

    config: RunConfig
    out: Path
    target: float

    def night(self, view: View, seed: int, said: Callable[[str], None]) -> Night:
        """Give a night's end, playing what is owed of it; it ends when the score is reached.

        Raises:
            UsageError: Another run file's night is kept there.
        """
        config, folder = self._config(view, seed), RunFolder(self.out / f"seed-{seed}" / view / "night")
        try:
            self._play(config, folder)
        except Interrupted:
            if not self._reached(folder):
                raise
        night = self._read(folder, view, seed)
        said(f"seed {seed}, {view}: {_words(night)}")
        return night

    def _config(self, view: View, seed: int) -> RunConfig:
        per_round = (self.config.proposer.digests.per_round or DIGESTS) if view == "digests" else 0
        digests = self.config.proposer.digests.model_copy(update={"per_round": per_round})
        proposer = self.config.proposer.model_copy(update={"view": view, "digests": digests})
        return self.config.model_copy(update={"seed": seed, "proposer": proposer})

    def _play(self, config: RunConfig, folder: RunFolder) -> None:
        def listen(event: Progress) -> None:
            kept = event.kind == "verdict" and event.data["verdict"] == Verdict.KEEP
            if kept and self._reached(folder):
                ask(folder.path, Request("stop", os.getpid(), "iteration"))

        if not folder.ledger.exists():
            start(config, folder.path.parent, folder.id, listen)
            return
        if folder.config.read_text(encoding="utf-8") != dump(config):
            raise UsageError(f"{folder.path} holds the night of another run file", hint="give another folder to --out")
        if read_facts(folder).finish is None and not self._reached(folder):
            resume(folder, listen)

    def _reached(self, folder: RunFolder) -> bool:
        return self._first(climb(folder)) is not None

    def _first(self, steps: Sequence[Step]) -> int | None:
        """Say which champion first had the wanted score."""
        return next((n for n, step in enumerate(steps) if step.score is not None and step.score >= self.target), None)

    def _read(self, folder: RunFolder, view: View, seed: int) -> Night:
        steps, facts = climb(folder), read_facts(folder)
        spent = sum(row.attempts for row in facts.tallies.attempts if row.state != "planned")
        first = self._first(steps)
        kept = len(steps) - 1 if first is None else first
        attempts = None if first is None else steps[first].after
        return Night(view, seed, attempts, spent, steps[0].score, steps[kept].score, kept)


def climb(folder: RunFolder) -> list[Step]:
    """List the champions of a night with their scores.

    With the simulated model these are the true ones, on the tasks no proposer saw. With a real model they are means
    of the champion's own held-out attempts, all fresh: each task's mean first; None for a baseline not measured yet.
    """
    facts = read_facts(folder)
    kept = [row for row in facts.verdicts.values() if row.verdict is Verdict.KEEP]
    after = {BASELINE: 0, **{row.candidate: row.after_attempt for row in kept}}
    if facts.lock["models"]["task"] != "simulated":
        return [Step(name, count, _measured(folder, name)) for name, count in after.items()]
    with ToolTrials(facts.lock["sandbox"]) as trials:
        truth = load_truth(facts, trials)
        return [Step(name, count, truth.score(name, Split.HELDOUT, Split.TEST)) for name, count in after.items()]


def _measured(folder: RunFolder, candidate: str) -> float | None:
    with closing(Ledger(folder.ledger, read_only=True)) as ledger:
        rows = ledger.attempts(folder.id, candidate=candidate, split=Split.HELDOUT.value, state="scored")
    by_task: dict[str, list[float]] = {}
    for row in rows:
        if row.reward is not None:
            by_task.setdefault(row.spec.task, []).append(row.reward)
    return statistics.fmean(map(statistics.fmean, by_task.values())) if by_task else None


def tabulate(nights: Sequence[Night], views: Sequence[str]) -> Iterator[Row]:
    """Sum the nights up by view: a row for each, with standard errors over seeds.

    `fewer_than_blanked` is the mean over seeds of how many attempts fewer than the same seed's blanked night were
    needed. A night that never reached the score counts with the most that any night of its seed spent: two such
    nights are equal, and a difference to one is understated.
    """
    most = {seed: max(night.spent for night in nights if night.seed == seed) for seed in {n.seed for n in nights}}
    needed = {(n.view, n.seed): float(most[n.seed] if n.attempts is None else n.attempts) for n in nights}
    for view in views:
        mine = [night for night in nights if night.view == view]
        reached = [night.attempts for night in mine if night.attempts is not None]
        pairs = [(needed.get(("blanked", night.seed)), needed[view, night.seed]) for night in mine]
        yield {
            "view": view,
            "nights": len(mine),
            "reached": len(reached),
            "attempts_median": _median(mine),
            "attempts": mean([needed[view, night.seed] for night in mine]),
            "fewer_than_blanked": mean(
                [blind - ours for blind, ours in pairs if blind is not None and view != "blanked"]
            ),
            "score": mean([night.score for night in mine if night.score is not None]),
            "kept": mean([float(night.kept) for night in mine]),
        }


def _median(nights: Sequence[Night]) -> float | None:
    """Give the median attempts; None where half of the nights or more never reached the score."""
    known = [float("inf") if night.attempts is None else float(night.attempts) for night in nights]
    middle = statistics.median(known) if known else float("inf")
    return None if middle == float("inf") else middle


def _words(night: Night) -> str:
    score = "unknown" if night.score is None else f"{night.score:.1%}"
    done = f"not reached in {night.spent}" if night.attempts is None else f"reached after {night.attempts}"
    return f"{done} attempts, at {score} with {night.kept} kept"
