"""Everything a step of the loop works with, put together once for a run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.registry import SuiteRegistry
from benchmarks.splits import Splits
from benchmarks.suite import Suite
from benchmarks.task import Split, Task
from optimizer.candidates import Archive
from optimizer.config import RunConfig
from optimizer.gate import GateConfig, GateTask
from optimizer.ground import Ground
from optimizer.ledger import Ledger
from optimizer.propose.jail import Jail
from optimizer.reflect import LeakCorpus
from optimizer.stages.draws import Draws
from optimizer.telling.progress import Listener
from task_agent.harness import EditSurface
from task_agent.models.base import ModelClient
from traces.store import TraceStore
from traces.writer import TraceWriter


@dataclass(frozen=True, slots=True)
class Bench:
    """Hold the parts of a run; the driver owns it, steps use it.

    `traces` is the driver's own writer, for the sessions of `clients`, by role; `uid` is the run's name
    in the suite registry, never given to another run; `loop` runs model sessions, so that their
    connections outlive each; `jail` is where a proposer's commands run.
    """

    run: str
    folder: Path
    config: RunConfig
    suite: Suite
    splits: Splits
    gate: GateConfig
    surface: EditSurface
    ledger: Ledger
    archive: Archive
    draws: Draws
    store: TraceStore
    traces: TraceWriter
    registry: SuiteRegistry
    uid: str
    corpus: LeakCorpus
    clients: Mapping[str, ModelClient]
    loop: asyncio.Runner
    listen: Listener
    jail: Jail | None = None
    ground: Ground = field(default_factory=Ground)

    def tasks(self, split: Split) -> list[Task]:
        """List a split's tasks in a fixed order."""
        return [self.suite.task(name) for name in self.splits.of(split)]

    def gate_tasks(self, split: Split) -> list[GateTask]:
        """List a split's tasks as the statistics see them."""
        return [GateTask(task.id, task.category, task.cluster) for task in self.tasks(split)]

    def harness(self, candidate: str) -> str:
        """Give a candidate's content hash."""
        return self.archive.load(candidate).hash
