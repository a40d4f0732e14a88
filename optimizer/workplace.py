"""Where attempts are drawn: ledger session, trace store, archive and scheduler of one folder, opened together."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass

from optimizer.candidates import Archive
from optimizer.config import RunConfig
from optimizer.control import Control
from optimizer.ledger import Ledger
from optimizer.run_folder import RunFolder
from optimizer.schedule import InlineScheduler, Scheduler
from optimizer.stages.draws import Draws
from optimizer.telling.progress import Listener
from optimizer.worker import WorkerSetup
from task_agent.sandbox.base import SandboxKind
from traces.store import TraceStore


@dataclass(frozen=True, slots=True)
class Workplace:
    """Hold what draws attempts; `launch` names the driver's session."""

    store: TraceStore
    archive: Archive
    draws: Draws
    launch: str


def open_workplace(
    folder: RunFolder,
    config: RunConfig,
    sandbox: SandboxKind,
    *,
    ledger: Ledger,
    control: Control,
    listen: Listener,
    stack: ExitStack,
) -> Workplace:
    """Begin a driver's session in a folder that it holds the lock of; `stack` ends it."""
    release(ledger)  # what a killed driver had set aside would look like money spent
    ledger.open_session()
    store = TraceStore(folder.traces)
    store.add(store.recover())
    archive = Archive(folder.candidates)
    launch = f"{time.time_ns():x}-{os.getpid()}"
    setup = WorkerSetup(config, folder.traces.resolve(), sandbox, launch, store.latest_start)
    scheduler = _open_scheduler(config, setup)
    stack.callback(scheduler.close)
    draws = Draws(
        folder.id, config.seed, ledger=ledger, scheduler=scheduler, store=store, bundle=archive.load, listen=listen
    )
    draws.halted = lambda: control.draining
    return Workplace(store, archive, draws, launch)


def release(ledger: Ledger) -> None:
    """Free the money that is set aside for attempts not under way."""
    ledger.reserve([row.rowid for row in ledger.attempts(state="planned")], 0.0)


def _open_scheduler(config: RunConfig, setup: WorkerSetup) -> Scheduler:
    settings = config.schedule
    if settings.kind == "inline" or (settings.kind == "auto" and settings.processes == 1):
        return InlineScheduler(setup, settings.in_flight)
    from optimizer.schedule.ray_pool import RayScheduler

    return RayScheduler(setup, settings.processes, settings.in_flight, address=settings.address)
