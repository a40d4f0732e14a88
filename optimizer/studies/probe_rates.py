"""How often a probe is right about planted changes: the probe of a night, on attempts that are foretold."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from benchmarks.splits import Splits
from optimizer.candidates import BASELINE
from optimizer.config import RunConfig
from optimizer.ledger import Ledger
from optimizer.reflect.calibration import ALL, Rate
from optimizer.reflect.planted import SHEETS, Planted
from optimizer.schedule import InlineScheduler, MakeRunner
from optimizer.stages.draws import Draws
from optimizer.stages.probing import Probe, probe, probed_tasks, variant_of
from optimizer.studies.foretelling import Foreteller, Prospects, Seer
from task_agent.harness import HarnessBundle
from traces.store import TraceStore

CANDIDATE = "c001"
SIZES = (0.05, 0.2)
"""Gaps and gains that are counted apart, from this size on."""
SURE = 1e-9

Part = Literal["readers", "probes", "all"]
"""Whom changes were planted for: the scan and the readers, or the probes alone."""


@dataclass(frozen=True, slots=True)
class PlantedBench:
    """Hold what a probe of one planted change works with, in the place of a run's bench."""

    config: RunConfig
    splits: Splits
    draws: Draws
    ledger: Ledger
    harnesses: Mapping[str, HarnessBundle]

    def harness(self, candidate: str) -> str:
        """Give a candidate's content hash."""
        return self.harnesses[candidate].hash


@dataclass(frozen=True, slots=True)
class Tried:
    """Hold what a probe found of a change, beside its true mean gains over the tasks that were probed."""

    change: Planted
    gain: float
    gain_on_variants: float
    probe: Probe
    attempts: int

    @property
    def gap(self) -> float:
        """Give how much of a true gain is missing on the variants; 0 where there is no gain, or it is all there."""
        gap = self.gain - self.gain_on_variants
        return gap if min(self.gain, gap) > SURE else 0.0


@contextmanager
def open_bench(
    config: RunConfig, splits: Splits, harnesses: Mapping[str, HarnessBundle], make_runner: MakeRunner
) -> Iterator[PlantedBench]:
    """Open a night's draws for one change: ledger (in memory), order and replicates, but no run folder."""
    with ExitStack() as stack:
        ledger = Ledger(":memory:")
        stack.callback(ledger.close)
        scheduler = InlineScheduler(make_runner)
        stack.callback(scheduler.close)
        draws = Draws(
            "bench",
            config.seed,
            ledger=ledger,
            scheduler=scheduler,
            store=TraceStore(Path(stack.enter_context(tempfile.TemporaryDirectory()))),
            bundle=harnesses.__getitem__,
            listen=lambda _: None,
        )
        yield PlantedBench(config, splits, draws, ledger, harnesses)


@dataclass(frozen=True, slots=True)
class Prober:
    """Probe planted changes, each as a night with a seed of its own would: other tasks, other attempts.

    Args:
        config: The run file; `reflection` says how large a probe is.
        splits: Where train tasks are named.
        parent: What changes were planted in.
        seer: Knows the truth.
        seed: Gives each change its seed.
    """

    config: RunConfig
    splits: Splits
    parent: HarnessBundle
    seer: Seer
    seed: int

    def try_all(self, planted: Sequence[Planted], told: Callable[[int, int], None]) -> list[Tried]:
        """Probe every change.

        Raises:
            UsageError: The truth of a harness is unknown.
        """
        found = []
        for change in planted:
            found.append(self._try(change))
            told(len(found), len(planted))
        return found

    def _try(self, change: Planted) -> Tried:
        seed = Random(f"probe bench:{self.seed}:{change.name}").getrandbits(31)
        config = self.config.model_copy(update={"seed": seed})
        tasks = probed_tasks(config, self.splits)
        variants = [variant_of(task) for task in tasks]
        arms = {CANDIDATE: change.child, BASELINE: self.parent}
        prospects = {
            key: found for arm in arms.values() for key, found in self.seer.look(arm, tasks + variants).items()
        }
        with open_bench(config, self.splits, arms, lambda _: Foreteller(prospects, seed)) as bench:
            found = probe(bench, CANDIDATE, BASELINE)
            attempts = len(bench.ledger.attempts())
        if found is None:
            raise ValueError("`reflection.probe_tasks` asks for no probe")
        gain, on_variants = (_gain(prospects, change.child, self.parent, names) for names in (tasks, variants))
        return Tried(change, gain, on_variants, found, attempts)


def _gain(prospects: Prospects, child: HarnessBundle, parent: HarnessBundle, tasks: Sequence[str]) -> float:
    lifts = [prospects[child.hash, task].chance - prospects[parent.hash, task].chance for task in tasks]
    return math.fsum(lifts) / len(lifts)


@dataclass(frozen=True, slots=True)
class Row:
    """Hold what is known of some changes.

    Args:
        truth: What they are.
        part: Whom they were planted for.
        mechanism: How they were planted, or which of all they are.
        gain: Their true mean gain on what was probed.
        gain_on_variants: The same on the variants.
        gap: How many have a true gap, which is the simulated model's rule.
        found: How many the probe refused of overfits with one: its statistics.
        alarms: How many it refused of all others.
        attempts: Attempts spent.
    """

    truth: Literal["overfit", "honest"]
    part: Part
    mechanism: str
    gain: float
    gain_on_variants: float
    gap: Rate
    found: Rate
    alarms: Rate
    attempts: int

    @property
    def whole(self) -> bool:
        """Say whether it sums over mechanisms."""
        return self.part == "all" or self.mechanism == ALL


def tabulate(tried: Sequence[Tried]) -> list[Row]:
    """Count by mechanism, then by part, then by size of gap or gain."""
    overfits = [each for each in tried if each.change.overfit]
    honest = [each for each in tried if not each.change.overfit]
    rows = [*_by_mechanism(overfits), *_by_part(overfits), _row(ALL, "all", overfits)]
    for size in SIZES:
        rows.append(_row(f"gap of {size:g} or more", "all", [each for each in overfits if each.gap >= size]))
    rows += [*_by_mechanism(honest), _row(ALL, "all", honest)]
    for size in SIZES:
        rows.append(_row(f"true gain of {size:g} or more", "all", [each for each in honest if each.gain >= size]))
    return [row for row in rows if row is not None]


def _by_mechanism(tried: Sequence[Tried]) -> Iterator[Row | None]:
    for name in dict.fromkeys(each.change.mechanism for each in tried):
        some = [each for each in tried if each.change.mechanism == name]
        yield _row(name, _part(some[0]), some)


def _by_part(tried: Sequence[Tried]) -> Iterator[Row | None]:
    parts: tuple[Part, ...] = ("readers", "probes")
    return (_row(ALL, part, [each for each in tried if _part(each) == part]) for part in parts)


def _part(tried: Tried) -> Part:
    return "probes" if tried.change.mechanism in {sheet.name for sheet in SHEETS} else "readers"


def _row(name: str, part: Part, some: Sequence[Tried]) -> Row | None:
    """Count some changes of one truth; None of nothing."""
    if not some:
        return None
    leaning = [each for each in some if each.change.overfit and each.gap]
    others = [each for each in some if each not in leaning]
    return Row(
        truth="overfit" if some[0].change.overfit else "honest",
        part=part,
        mechanism=name,
        gain=math.fsum(each.gain for each in some) / len(some),
        gain_on_variants=math.fsum(each.gain_on_variants for each in some) / len(some),
        gap=Rate(sum(bool(each.gap) for each in some), len(some)),
        found=_refused(leaning),
        alarms=_refused(others),
        attempts=sum(each.attempts for each in some),
    )


def _refused(some: Iterable[Tried]) -> Rate:
    said = [each.probe.overfit for each in some]
    return Rate(sum(said), len(said))
