"""A counterfactual probe: does a gain on train tasks survive when their names, numbers and files are others?"""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.splits import Splits
from benchmarks.suite import VARIANT
from benchmarks.task import Split
from optimizer.attempt_spec import Purpose
from optimizer.clients import PROBED
from optimizer.config import RunConfig
from optimizer.stages.draws import Draws
from optimizer.stages.evidence import Harnesses, each, requests, scored

APART = "probe"
"""Stands for the split of probe attempts: no score rests on them, and no proposer sees them."""
T_GAIN, T_LOSS = 1.645, 2.0
LEFT = 0.25
"""A gain of which more than this share is left on the variants has not vanished."""
PROBED_PUBLIC = "gains on train tasks, and not on variants of them with other names and numbers"


@dataclass(frozen=True, slots=True)
class Probe:
    """Hold mean gains over the tasks that all four arms were scored on, and how far beyond noise they lie.

    `t_gain` is about the gain on train tasks, `t_loss` about what of it is missing on their variants.
    """

    tasks: int
    gain: float | None
    gain_on_variants: float | None
    t_gain: float
    t_loss: float

    @property
    def overfit(self) -> bool:
        """Say whether there is a gain on train, beyond noise, that is not there on the variants, beyond noise."""
        if self.gain is None or self.gain_on_variants is None:
            return False
        return self.t_gain >= T_GAIN and self.t_loss >= T_LOSS and self.gain_on_variants <= LEFT * self.gain

    def to_record(self) -> dict[str, Any]:
        """Give plain JSON values (Any: JSON)."""
        return {**dataclasses.asdict(self), "overfit": self.overfit}


class ProbeBench(Harnesses, Protocol):
    """Hold what a probe works with: a run's bench does, and so does the bench of planted changes."""

    @property
    def config(self) -> RunConfig:
        """How many tasks and attempts are asked for, and the seed that chooses."""
        ...

    @property
    def splits(self) -> Splits:
        """Where train tasks are named."""
        ...

    @property
    def draws(self) -> Draws:
        """What carries out attempts."""
        ...


def probe(bench: ProbeBench, candidate: str, parent: str) -> Probe | None:
    """Try candidate and champion on a few train tasks and on variants of them; None when the run file asks for none.

    All arms are drawn together, so a change of the hour meets them alike.

    Raises:
        OutageError: No attempt was scored; the probe stays pending.
    """
    tasks = probed_tasks(bench.config, bench.splits)
    if not tasks:
        return None
    counts = each([*tasks, *map(variant_of, tasks)], bench.config.reflection.probe_runs)
    asked = [ask for arm in (candidate, parent) for ask in requests(bench, arm, APART, Purpose.PROBE, counts)]
    rows = bench.draws.draw(f"probe/{candidate}", asked)
    mine, theirs = (scored(row for row in rows if row.spec.candidate == arm) for arm in (candidate, parent))
    return weigh(tasks, mine, theirs)


def probed_tasks(config: RunConfig, splits: Splits) -> list[str]:
    """Choose the train tasks to probe, the same for the whole run."""
    train, count = list(splits.of(Split.TRAIN)), config.reflection.probe_tasks
    return sorted(random.Random(f"probe:{config.seed}").sample(train, min(count, len(train))))


def weigh(tasks: Sequence[str], mine: Mapping[str, Sequence[float]], theirs: Mapping[str, Sequence[float]]) -> Probe:
    """Hold the gain on tasks against the gain on their variants, task by task."""
    known = [task for task in tasks if all(name in arm for arm in (mine, theirs) for name in (task, variant_of(task)))]
    gains = [_gain(task, mine, theirs) for task in known]
    others = [_gain(variant_of(task), mine, theirs) for task in known]
    if not known:
        return Probe(0, None, None, 0.0, 0.0)
    lost = [gain - other for gain, other in zip(gains, others, strict=True)]
    return Probe(len(known), _mean(gains), _mean(others), _t(gains), _t(lost))


def variant_of(task: str) -> str:
    """Name the variant of a task that a probe tries."""
    return f"{task}{VARIANT}{PROBED}"


def _gain(task: str, mine: Mapping[str, Sequence[float]], theirs: Mapping[str, Sequence[float]]) -> float:
    return _mean(mine[task]) - _mean(theirs[task])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _t(values: Sequence[float]) -> float:
    """Give the mean in standard errors over tasks; fewer than four tasks say nothing.

    Some variance is added, so that a few tasks that agree by chance do not look certain.
    """
    count = len(values)
    if count < 4:
        return 0.0
    mean = _mean(values)
    variance = (math.fsum((value - mean) ** 2 for value in values) + 0.5 / count) / (count - 1)
    return mean / math.sqrt(variance / count)
