"""Starts, resumes and drives a run."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from optimizer.bench import Bench
from optimizer.candidates import BASELINE, Archive
from optimizer.clients import make_client
from optimizer.config import RunConfig
from optimizer.draws import DrainedError, Draws, OutageError
from optimizer.events import NAME as EVENTS
from optimizer.events import EventLog, with_spend
from optimizer.execute import Driver
from optimizer.history import History
from optimizer.ledger import Bill, CandidateRow, DriverLock, Ledger
from optimizer.plan import Plan, plan_resumed, plan_run, registry_of
from optimizer.progress import Listener, Progress
from optimizer.reap import guarded
from optimizer.reflect import LeakCorpus
from optimizer.report import write_report
from optimizer.run_file import dump, load_run_file
from optimizer.run_folder import RunFolder, new_run
from optimizer.schedule import InlineScheduler, Scheduler
from optimizer.standing import started
from optimizer.worker import WorkerSetup, open_writer
from task_agent.harness import EditSurface, normalised_hash
from traces.store import TraceStore


class Interrupted(BaseException):
    """Say that a person stopped the run; it can be resumed."""


def start(config: RunConfig, runs: Path, run: str, listen: Listener, *, new_split: bool = False) -> RunFolder:
    """Start a new run and drive it to its end.

    Raises:
        Interrupted: A person stopped it; it can be resumed.
        OutageError: A stage died of infrastructure; it can be resumed.
    """
    plan = plan_run(config, runs, new_split=new_split)
    folder = new_run(runs, run)
    lock = {**plan.lock, "uid": f"{run}-{secrets.token_hex(4)}"}
    enrolled = registry_of(runs).enrol(plan.suite.hash, lock["uid"], lambda: plan.splits, new_split=new_split)
    folder.config.write_text(dump(config))
    folder.write_lock(lock)
    _drive(folder, plan, listen, notice=enrolled.notice)
    return folder


def resume(folder: RunFolder, listen: Listener) -> None:
    """Take a run up where its ledger ends; the same specs are completed, none is paid twice."""
    _drive(folder, plan_resumed(load_run_file(folder.config), folder), listen, notice="")


def _drive(folder: RunFolder, plan: Plan, listen: Listener, *, notice: str) -> None:
    with ExitStack() as stack:
        stack.enter_context(DriverLock(folder.path))
        left = stack.enter_context(guarded(_uid(folder), plan.sandbox))
        listen = stack.enter_context(EventLog(folder.path / EVENTS, listen))
        bench = _open_bench(folder, plan, listen, stack)
        bench.listen(started(bench, plan.said))
        for kind, text in (("suite", notice), ("leftovers", str(left) if left else "")):
            if text:
                bench.ledger.note(kind, text)
                listen(Progress("notice", text, {}))
        stack.callback(write_report, folder)
        history = History(folder, lambda text: listen(Progress("notice", text, {})))
        stack.callback(history.write)
        stack.enter_context(_stop_on_signal(bench.draws, listen))
        try:
            _run_to_end(bench, folder, history)
        except OutageError as error:
            bench.ledger.note("needs attention", f"{error.message}; {error.hint}")
            raise
        except (Interrupted, DrainedError, KeyboardInterrupt):
            bench.ledger.note("paused", "stopped by a person")
            listen(Progress("paused", f"stopped; ratchet resume {folder.id} goes on", {}))
            raise Interrupted from None


def _run_to_end(bench: Bench, folder: RunFolder, history: History) -> None:
    driver = Driver(bench)
    while driver.step() is not None:
        write_report(folder)
        history.write()
        if bench.draws.draining:
            raise Interrupted


def _open_bench(folder: RunFolder, plan: Plan, listen: Listener, stack: ExitStack) -> Bench:
    config = plan.config
    ledger = Ledger(folder.ledger)
    stack.callback(ledger.close)
    listen = with_spend(listen, ledger.spend)
    ledger.begin(folder.id, plan.lock)
    ledger.open_session()
    store = TraceStore(folder.traces)
    store.add(store.recover())
    archive = Archive(folder.candidates)
    _enter_baseline(ledger, archive, plan)
    launch = f"{time.time_ns():x}-{os.getpid()}"
    scheduler = _open_scheduler(folder, plan, launch)
    stack.callback(scheduler.close)
    traces = open_writer(folder.traces, f"{launch}-driver")
    stack.callback(traces.close)
    draws = Draws(
        folder.id, config.seed, ledger=ledger, scheduler=scheduler, store=store, bundle=archive.load, listen=listen
    )
    ledger.note("sandbox", plan.said)
    return Bench(
        run=folder.id,
        folder=folder.path,
        config=config,
        suite=plan.suite,
        splits=plan.splits,
        gate=plan.gate,
        surface=EditSurface(frozenset(config.surface.editable), frozenset(config.surface.locked)),
        ledger=ledger,
        archive=archive,
        draws=draws,
        store=store,
        traces=traces,
        registry=registry_of(folder.path.parent),
        uid=_uid(folder),
        corpus=LeakCorpus.from_tasks(plan.suite.tasks, plan.splits),
        proposer=make_client(config.models.proposer, config, plan.suite),
        reflector=make_client(config.models.reflector, config, plan.suite),
        loop=stack.enter_context(asyncio.Runner()),
        listen=listen,
    )


def _uid(folder: RunFolder) -> str:
    return str(json.loads(folder.lock.read_text())["uid"])


def _enter_baseline(ledger: Ledger, archive: Archive, plan: Plan) -> None:
    archive.save(BASELINE, plan.harness)
    row = CandidateRow(BASELINE, 0, None, plan.harness.hash, normalised_hash(plan.harness), plan.harness.spec.name)
    ledger.conclude_slot(0, row, reason="", bill=Bill())


def _open_scheduler(folder: RunFolder, plan: Plan, launch: str) -> Scheduler:
    settings = plan.config.schedule
    setup = WorkerSetup(plan.config, folder.traces.resolve(), plan.sandbox, launch)
    workers = settings.workers or os.cpu_count() or 1
    if settings.kind == "inline" or (settings.kind == "auto" and workers == 1):
        return InlineScheduler(setup, settings.in_flight)
    from optimizer.schedule.ray_pool import RayScheduler

    return RayScheduler(setup, workers, settings.in_flight, address=settings.address)


@contextmanager
def _stop_on_signal(draws: Draws, listen: Listener) -> Iterator[None]:
    """Drain at the first Ctrl-C (attempts in flight may end), stop at once at the second."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        if draws.draining:
            raise KeyboardInterrupt
        draws.draining = True
        listen(Progress("notice", "stopping: attempts in flight may end; Ctrl-C again stops at once", {}))

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
