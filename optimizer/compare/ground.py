"""What arms are compared on: the suite, its splits and the model, taken from a run or from a run file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.registry import SuiteRegistry
from benchmarks.splits import Splits
from benchmarks.suite import Suite, load_suite
from benchmarks.task import Split
from optimizer.clients import simulated_settings
from optimizer.compare.arms import Arm
from optimizer.config import RunConfig
from optimizer.gate import GateTask, Noise
from optimizer.ledger import Ledger
from optimizer.planning.plan import split_suite
from optimizer.registry import registry_of
from optimizer.run_file import load_run_file
from optimizer.run_folder import RunFolder
from optimizer.state import Phase
from task_agent.models import PriceTable
from traces.errors import ConfigError, Place, UsageError


@dataclass(frozen=True, slots=True)
class Ground:
    """Hold what is common to all arms.

    `named` says where it comes from; `run` is the run it is that of. `forced` are the differences that
    would have been refused. `began` is the hash of the splits that the run began with: an export of it knows those.
    """

    config: RunConfig
    suite: Suite
    splits: Splits
    named: str
    registry: SuiteRegistry
    run: RunFolder | None = None
    forced: tuple[str, ...] = ()
    began: str = ""

    def tasks(self, split: Split) -> list[GateTask]:
        """List a split's tasks as the statistics see them; the test split without its tasks of other families."""
        names = self.splits.certified if split is Split.TEST else self.splits.of(split)
        return [GateTask(task.id, task.category, task.cluster) for task in map(self.suite.task, names)]

    def phi(self, runs: float) -> float:
        """Give the over-dispersion that the run's A/A measurement showed, for so many attempts; 1 without one."""
        if self.run is None:
            return 1.0
        with closing(Ledger(self.run.ledger, read_only=True)) as ledger:
            found = (ledger.conclusion(Phase.PREFLIGHT) or {}).get("noise")
        count = max(round(runs), 1)
        return max(1.0, Noise(**found).phi_for(count, count)) if found else 1.0


def lay_ground(arms: Sequence[Arm], runs: Path, config: Path | None = None, *, force: bool = False) -> Ground:
    """Settle what the arms are compared on: the run file that is named, else that of the first arm with a run.

    Raises:
        UsageError: No arm has a run and no run file is named; or arms were tuned on another suite or
            split, and it is not forced.
        ConfigError: The run file, or the suite it names, is not sound.
    """
    home = next((arm.run for arm in arms if arm.run is not None), None)
    if config is None and home is None:
        raise UsageError(
            "nothing says on which tasks and with which model these are to be compared",
            hint="name a run file: --config configs/night.yaml",
        )
    ground = _of_run(home) if config is None and home is not None else _of_file(config or Path(), runs)
    strange = [_strange(arm, ground) for arm in arms if arm.origin is not None]
    differing = tuple(filter(None, strange))
    if differing and not force:
        raise UsageError(
            f"not the same tasks: {'; '.join(differing)}",
            hint="--force compares them all the same, and the answer says so",
        )
    return replace(ground, forced=differing)


def _of_run(folder: RunFolder) -> Ground:
    """Take what a run stands on, as long as it is still what it was begun with."""
    lock, config = folder.read_lock(), load_run_file(folder.config)
    suite = _suite(config)
    registry = registry_of(folder.path.parent)
    record = registry.record(suite.hash, lock["uid"])
    if record is None or suite.hash != lock["suite"] or record.began.hash != lock["splits"]:
        raise ConfigError(
            f"the suite of run {folder.id!r} is not what it was when the run was begun",
            place=Place(folder.lock),
            hint="put it back, or name a run file: --config FILE",
        )
    return Ground(config, suite, record.splits, f"run {folder.id}", registry, folder, began=record.began.hash)


def _of_file(path: Path, runs: Path) -> Ground:
    """Take what a run file names; tasks that were dealt before stay in their splits."""
    config = load_run_file(path)
    suite, registry = _suite(config), registry_of(runs)
    record = registry.record(suite.hash)
    with config.pointing():
        splits = record.splits if record else split_suite(config, suite)
    return Ground(config, suite, splits, str(path), registry)


def _suite(config: RunConfig) -> Suite:
    with config.pointing():
        simulated_settings(config)
        PriceTable.load(config.prices)
        return load_suite(config.suite, Path.cwd())


def _strange(arm: Arm, ground: Ground) -> str:
    """Say how an arm's tasks differ from those compared on; empty when they do not."""
    if arm.origin is None:
        return ""
    known = {ground.splits.hash, ground.began} if arm.exported else {ground.splits.hash}
    if arm.origin.suite == ground.suite.hash and arm.origin.splits in known:
        return ""
    if arm.origin.suite != ground.suite.hash:
        return f"{arm.label} ({arm.name}) was tuned on another suite than that of {ground.named}"
    return (
        f"{arm.label} ({arm.name}) was tuned on another split of this suite than that of {ground.named}: tasks that are"
        " held out here may have been its train tasks"
    )


def fresh_seed(seed: int) -> int:
    """Derive the seed of a comparison's own attempts: equal replicates of a run and a comparison share nothing."""
    return int.from_bytes(hashlib.sha256(f"compare\0{seed}".encode()).digest()[:6], "big")
