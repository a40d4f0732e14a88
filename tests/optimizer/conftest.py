"""A run's bench on disk whose attempts follow a script: real ledger, traces, registry and scheduler."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.registry import Reservation, SuiteRecord, SuiteRegistry
from benchmarks.splits import Splits
from benchmarks.suite import Suite
from benchmarks.task import Task
from optimizer.attempt_spec import AttemptResult, AttemptSpec, AttemptStatus
from optimizer.candidates import BASELINE, Archive, candidate_id
from optimizer.config import RunConfig
from optimizer.execute import Driver
from optimizer.gate import GateConfig
from optimizer.ledger import Bill, CandidateRow, DriverLock, Ledger
from optimizer.reflect import LeakCorpus
from optimizer.run_file import dump
from optimizer.run_folder import RunFolder
from optimizer.schedule import InlineScheduler
from optimizer.schedule.base import Job
from optimizer.stages.bench import Bench
from optimizer.stages.draws import Draws
from optimizer.state import Phase
from optimizer.telling.progress import Progress
from task_agent.harness import EditSurface, HarnessBundle, normalised_hash
from task_agent.harness.errors import HarnessError
from task_agent.models.scripted import ScriptedModel, Step
from task_agent.sandbox.base import SandboxSpec
from traces.event import AttemptKey, EventKind, TokenUsage
from traces.store import TraceStore
from traces.writer import TraceWriter

ROOT = Path(__file__).parents[2]
NOON = 1_790_000_000.0
"""The time of every traced event, so that a trace's text is the same however busy the machine."""
SEED_FILES = {"harness.yaml": "name: seed\n", "prompts/system.md": "You solve tasks with the bash tool.\nBe quick.\n"}
Outcome = Callable[[AttemptSpec], float | None]


class Crash(BaseException):
    """Stand for a process that dies."""


class Fuse:
    """Count the steps that could be the last, and die at the one asked for."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.burnt = 0

    def burn(self) -> None:
        self.burnt += 1
        if self.burnt == self.at:
            raise Crash


class FusedLedger(Ledger):
    """A ledger that can die right before and right after each write."""

    def __init__(self, path: Path, fuse: Fuse) -> None:
        super().__init__(path)
        self._fuse = fuse

    def heartbeat(self) -> None:
        """Let the working time be: it changes with the hour, and nothing is decided from it here."""

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        self._fuse.burn()
        with super()._write() as db:
            yield db
        self._fuse.burn()


class FusedRegistry(SuiteRegistry):
    """A registry that can die right before and right after each write."""

    def __init__(self, folder: Path, fuse: Fuse) -> None:
        super().__init__(folder)
        self._fuse = fuse

    def reserve_test(self, suite: str, run: str, test: str) -> Reservation:
        self._fuse.burn()
        done = super().reserve_test(suite, run, test)
        self._fuse.burn()
        return done

    def record_keep(self, suite: str, run: str, test: str) -> None:
        self._fuse.burn()
        super().record_keep(suite, run, test)
        self._fuse.burn()

    def rotate(self, suite: str, run: str, epoch: int, make: Callable[[Splits], Splits]) -> SuiteRecord:
        self._fuse.burn()
        done = super().rotate(suite, run, epoch, make)
        self._fuse.burn()
        return done

    def record_look(self, suite: str, run: str) -> int:
        self._fuse.burn()
        done = super().record_look(suite, run)
        self._fuse.burn()
        return done


@dataclass
class Script:
    """A runner whose attempts end as `outcome` says; None is missing through infrastructure.

    `dear` multiplies a candidate's cost and seconds.
    """

    outcome: Outcome
    traces: Path
    cost_usd: float = 0.01
    cause: str | None = None
    seen: list[AttemptSpec] = field(default_factory=list)
    before: Callable[[AttemptSpec], None] = lambda spec: None
    traced: Sequence[str] = ("train",)
    dear: Mapping[str, float] = field(default_factory=dict)
    _writer: TraceWriter | None = None

    async def run(self, job: Job) -> AttemptResult:
        self.before(job.spec)
        self.seen.append(job.spec)
        reward = self.outcome(job.spec)
        self._trace(job.spec, reward)
        status = AttemptStatus.MISSING if reward is None else AttemptStatus.SCORED
        cause = (self.cause or "sandbox_lost") if reward is None else self.cause
        usage = TokenUsage(10, 5)
        times = self.dear.get(job.spec.candidate, 1.0)
        usd, seconds = self.cost_usd * times, 0.1 * times
        return AttemptResult(job.spec, status, reward, cause, "as scripted", usage, usd, 0, seconds, 1)

    async def flush(self) -> list[dict[str, Any]]:
        return [segment.to_record() for segment in self._writer.seal()] if self._writer else []

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _trace(self, spec: AttemptSpec, reward: float | None) -> None:
        if spec.split not in self.traced:
            return
        self._writer = self._writer or TraceWriter(self.traces, "script", clock=lambda: NOON)
        trace = self._writer.attempt(AttemptKey(spec.run, spec.candidate, spec.task, spec.split, spec.id))
        trace.emit(EventKind.ATTEMPT_START)
        trace.emit(EventKind.MODEL, turn=1, text=f"I work on {spec.task}.")
        trace.emit(EventKind.ATTEMPT_END, data={"reward": reward})


@dataclass
class World:
    """One run: close it and open it again as a resumed driver would."""

    root: Path
    config: RunConfig
    suite: Suite
    splits: Splits
    outcome: Outcome
    proposer: ScriptedModel
    reflector: ScriptedModel
    reviewer: ScriptedModel = field(default_factory=lambda: ScriptedModel(()))
    analyst: ScriptedModel = field(default_factory=lambda: ScriptedModel(()))
    run: str = "r"
    uid: str = "r-1"
    fuse: Fuse = field(default_factory=Fuse)
    told: list[Progress] = field(default_factory=list)
    cost_usd: float = 0.01
    seed_files: Mapping[str, str] = field(default_factory=lambda: SEED_FILES)

    def __post_init__(self) -> None:
        self.folder = RunFolder(self.root / "runs" / self.run)
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self.folder.traces.mkdir(exist_ok=True)
        self.folder.config.write_text(dump(self.config))
        self._lock = {
            "suite": self.suite.hash,
            "splits": self.splits.hash,
            "harness": "h",
            "config": "c",
            "models": {name: role.model for name, role in self.config.models.roles.items()},
            "uid": self.uid,
            "sandbox": "process",
        }
        self.folder.write_lock(self._lock)
        self._stack = ExitStack()
        self.open()

    def open(self) -> World:
        """Open the bench, as at a start or a resume."""
        stack = self._stack = ExitStack()
        stack.enter_context(DriverLock(self.folder.path))
        self.ledger = FusedLedger(self.folder.ledger, self.fuse)
        stack.callback(self.ledger.close)
        self.registry = FusedRegistry(self.root / "runs" / "suites", self.fuse)
        enrolled = self.registry.enrol(self.suite.hash, self.uid, lambda: self.splits)
        store = TraceStore(self.folder.traces)
        store.add(store.recover())
        archive = Archive(self.folder.candidates)
        traces = TraceWriter(self.folder.traces, "driver")
        stack.callback(traces.close)
        self.script = Script(self.outcome, self.folder.traces, self.cost_usd)
        scheduler = InlineScheduler(lambda _: self.script, in_flight=4)
        stack.callback(scheduler.close)
        draws = Draws(
            self.run,
            self.config.seed,
            ledger=self.ledger,
            scheduler=scheduler,
            store=store,
            bundle=archive.load,
            listen=self.told.append,
        )
        surface = self.config.surface
        self.bench = Bench(
            run=self.run,
            folder=self.folder.path,
            config=self.config,
            suite=self.suite,
            splits=enrolled.record.splits,
            gate=GateConfig(**self.config.gate.model_dump(exclude={"force"})),
            surface=EditSurface(frozenset(surface.editable), frozenset(surface.locked)),
            ledger=self.ledger,
            archive=archive,
            draws=draws,
            store=store,
            traces=traces,
            registry=self.registry,
            uid=self.uid,
            corpus=LeakCorpus.from_tasks(self.suite.tasks, self.splits),
            clients={
                "proposer": self.proposer,
                "analyst": self.analyst,
                "reflector": self.reflector,
                "reviewer": self.reviewer,
            },
            loop=stack.enter_context(asyncio.Runner()),
            listen=self.told.append,
        )
        self.ledger.begin(self.run, self._lock)
        self.add(0, {}, parent=None)
        return self

    def close(self) -> None:
        """Let go of everything, as a dead driver would; the next one does not die."""
        self.fuse.at = None
        self._stack.close()

    def add(self, slot: int, change: Mapping[str, str | None], parent: str | None = BASELINE) -> str:
        """Enter a candidate that changes its parent's files (None removes one)."""
        name = candidate_id(slot)
        files = dict(self.bench.archive.load(parent).files) if parent else _encoded(self.seed_files)
        files.update(_encoded({path: text for path, text in change.items() if text is not None}))
        for path in (path for path, text in change.items() if text is None):
            del files[path]
        bundle = HarnessBundle(files)
        self.bench.archive.save(name, bundle)
        row = CandidateRow(name, slot, parent, bundle.hash, _normalised(bundle), f"title of {name}")
        self.ledger.conclude_slot(slot, row, reason="", bill=Bill())
        return name

    def add_all(self, count: int) -> list[str]:
        """Enter candidates that passed every stage before the gate, all built on the baseline."""
        names = []
        for slot in range(1, count + 1):
            names.append(self.add(slot, {"prompts/system.md": f"You solve tasks. Way {slot}.\n"}))
            for stage in ("check", "reflect", "screen"):
                self.ledger.conclude_stage(names[-1], stage, {})
        return names

    def past_preflight(self) -> None:
        """Conclude the phases before the loop without measuring."""
        self.ledger.conclude(Phase.PREFLIGHT, {"noise": None})
        self.ledger.conclude(Phase.BASELINE, {})

    def drive(self) -> None:
        """Drive the run to its end."""
        driver = Driver(self.bench)
        while driver.step() is not None:
            pass

    def verdicts(self) -> dict[str, str]:
        return {name: row.verdict.value for name, row in self.ledger.verdicts().items()}

    def causes(self) -> dict[str, str]:
        return {name: row.cause for name, row in self.ledger.verdicts().items()}

    def history(self) -> dict[str, Any]:
        """Give everything a crash must not change: rows of the ledger without their times, and the registry."""
        with sqlite3.connect(self.folder.ledger) as db:
            tables = {name: _rows(db, name) for name in TABLES}
        db.close()
        lines = (self.root / "runs" / "suites" / f"{self.suite.hash}.jsonl").read_text().splitlines()
        return {**tables, "registry": [json.loads(line) for line in lines]}


TABLES = (
    *(
        "digests",
        "candidates",
        "proposals",
        "contracts",
        "objections",
        "rebases",
        "slots",
        "trials",
        "judgements",
        "attempts",
        "passed",
    ),
    *("tests", "looks", "verdicts", "reviews", "conclusions"),
)
TIMES = {"entered_at", "created_at", "concluded_at", "ended_at", "reserved_at", "looked_at", "decided_at", "opened_at"}


def _rows(db: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] not in TIMES]
    return sorted(db.execute(f"SELECT {', '.join(columns)} FROM {table}"), key=repr)


def _normalised(bundle: HarnessBundle) -> str:
    try:
        return normalised_hash(bundle)
    except HarnessError:
        return bundle.hash


def _encoded(files: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.items()}


def make_task(number: int, category: str = "sums", **more: Any) -> Task:  # Any: fields of Task
    name = f"{category}-{number:02d}"
    instruction = f"Do the work number {number} of {category}."
    fields = {"tests": {}, "category": category, "digest": name.replace("-", ""), **more}
    return Task(name, instruction, SandboxSpec(), **fields)


def chance(seed: int, rates: Mapping[str, float], *, missing: float = 0.0) -> Outcome:
    """Make attempts that succeed at a rate per candidate, each the same whenever it is drawn."""

    def outcome(spec: AttemptSpec) -> float | None:
        coin = random.Random(f"{seed}/{spec.candidate}/{spec.task}/{spec.replicate}")
        if coin.random() < missing:
            return None
        return float(coin.random() < rates.get(spec.candidate, 0.5))

    return outcome


@dataclass(frozen=True)
class Benches:
    """Make worlds below one folder, and close them at the end."""

    root: Path
    made: list[World]

    def __call__(
        self,
        outcome: Outcome,
        *,
        sizes: Sequence[int] = (3, 6, 4),
        settings: Mapping[str, Any] | None = None,
        tasks: Iterable[Task] = (),
        proposer: Iterable[Step] = (),
        reflector: Iterable[Step] = (),
        **more: Any,  # Any: fields of World
    ) -> World:
        names = ("train", "heldout", "test")
        chosen = list(tasks) or [make_task(number) for number in range(sum(sizes))]
        starts = [sum(sizes[:at]) for at in range(4)]
        ids = [task.id for task in chosen]
        splits = Splits(0, **{name: tuple(ids[a:b]) for name, a, b in zip(names, starts, starts[1:], strict=False)})
        base: dict[str, Any] = {
            "suite": {"kind": "pitfalls"},
            "harness": str(ROOT / "configs/harnesses/bash-only"),
            "prices": str(ROOT / "configs/prices.yaml"),
            "models": {role: {"model": "simulated"} for role in ("task", "proposer", "reflector")},
            "gate": {
                "mode": "explore",
                "k_max": 50,
                "stages": [1, 2],
                "futility": [0.0],
                "min_tasks": 2,
                "force": True,
            },
            "replicates": {"preflight": 0, "baseline": 1, "screen": 1, "certify": 2},
            "prune": {"enabled": False},
            "sandbox": {"kind": "process"},
        }
        for key, value in (settings or {}).items():
            base[key] = {**base[key], **value} if isinstance(base.get(key), dict) else value
        root = more.pop("root", None) or self.root / f"w{len(self.made)}"
        world = World(
            root,
            RunConfig.model_validate(base),
            Suite("made", tuple(chosen)),
            more.pop("splits", splits),
            outcome,
            ScriptedModel(proposer),
            ScriptedModel(reflector),
            **more,
        )
        self.made.append(world)
        return world


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Benches]:
    """Give a factory of benches whose attempts follow a script."""
    benches = Benches(tmp_path, [])
    yield benches
    for world in benches.made:
        world.close()


@pytest.fixture(scope="session")
def rates() -> Callable[..., Outcome]:
    """Give the maker of scripted attempts that succeed at a rate per candidate."""
    return chance


@pytest.fixture(scope="session")
def a_task() -> Callable[..., Task]:
    """Give the maker of tasks that are never really run."""
    return make_task


@pytest.fixture(scope="session")
def crash() -> type[BaseException]:
    """Give the exception that stands for a dead process."""
    return Crash
