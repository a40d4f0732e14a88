"""Starts, resumes and drives a run."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from optimizer.candidates import BASELINE, Archive
from optimizer.clients import make_clients, served_by_simulated
from optimizer.config import RunConfig
from optimizer.control import Control, Interrupted
from optimizer.ground import GroundMovedError
from optimizer.jobs.importing import gather, keep
from optimizer.ledger import SIMULATED_SERVER, Bill, CandidateRow, DriverLock, Ledger
from optimizer.patience import Patience
from optimizer.planning.plan import Plan, plan_resumed, plan_run
from optimizer.reading.history import History
from optimizer.reap import guarded
from optimizer.reflect import LeakCorpus
from optimizer.registry import registry_of
from optimizer.report import write_report
from optimizer.run_file import dump, load_run_file
from optimizer.run_folder import RunFolder, new_run, taken
from optimizer.sessions.learning import begin_with
from optimizer.shift import Shift
from optimizer.stages.bench import Bench
from optimizer.stages.draws import OutageError
from optimizer.stages.standing import started
from optimizer.telling.events import NAME as EVENTS
from optimizer.telling.events import EventLog, with_spend
from optimizer.telling.notify import notifier
from optimizer.telling.progress import Listener, Progress
from optimizer.worker import open_writer
from optimizer.workplace import open_workplace, release
from task_agent.harness import EditSurface, normalised_hash
from task_agent.harness.errors import HarnessError
from traces.errors import RatchetError
from traces.redact import Redactor, secret_values
from traces.storage import stored


def start(config: RunConfig, runs: Path, run: str, listen: Listener, *, new_split: bool = False) -> RunFolder:
    """Start a new run and drive it to its end.

    Raises:
        Interrupted: A person stopped it; it can be resumed.
        OutageError: An outage lasted too long; it can be resumed.
    """
    plan = plan_run(config, runs, new_split=new_split)
    folder, notice = _write_down(plan, runs, run, new_split=new_split)
    _drive(folder, plan, listen, notice=notice)
    return folder


def prepare(config: RunConfig, runs: Path, run: str, *, new_split: bool = False) -> RunFolder:
    """Check everything a new run needs and write it down, for a driver that `resume` starts; nothing is paid."""
    return _write_down(plan_run(config, runs, new_split=new_split), runs, run, new_split=new_split)[0]


def resume(folder: RunFolder, listen: Listener) -> None:
    """Take a run up where its ledger ends; the same specs are completed, none is paid twice."""
    _drive(folder, check_resumable(folder), listen, notice="")


def check_resumable(folder: RunFolder) -> Plan:
    """Check everything that taking a run up needs; writes nothing."""
    return plan_resumed(load_run_file(folder.config), folder)


def check_undriven(folder: RunFolder) -> None:
    """Refuse a run that a living driver holds.

    Raises:
        RunLockedError: It is driven.
    """
    with DriverLock(folder.path):
        return


def _write_down(plan: Plan, runs: Path, run: str, *, new_split: bool) -> tuple[RunFolder, str]:
    """Make a run's folder, whole or not at all, whatever interrupts; gives what is to be told of its suite."""
    with stored(runs):
        folder = new_run(runs, run)
        with DriverLock(folder.path):
            if folder.ledger.exists():
                raise taken(folder)
            try:
                return folder, _fill(folder, plan, new_split=new_split)
            except BaseException:
                shutil.rmtree(folder.path, ignore_errors=True)
                raise


def _fill(folder: RunFolder, plan: Plan, *, new_split: bool) -> str:
    """Write a new run down; its ledger gets its name last, so that a kill leaves nothing that looks like a run."""
    intake = gather(plan.jobs, run=folder.id, suite=plan.suite, splits=plan.splits)
    uid, registry = f"{folder.id}-{secrets.token_hex(4)}", registry_of(folder.path.parent)
    enrolled = registry.enrol(plan.suite.hash, uid, lambda: plan.splits, new_split=new_split)
    folder.traces.mkdir(exist_ok=True)
    folder.config.write_text(dump(plan.config))
    remembered = begin_with(folder, plan.config)
    folder.write_lock({**plan.lock, "uid": uid})
    for remnant in folder.path.glob(f"{folder.draft.name}*"):
        remnant.unlink()
    with closing(Ledger(folder.draft)) as ledger:
        ledger.begin(folder.id, plan.lock)
        if enrolled.notice:
            ledger.note("suite", enrolled.notice)
        if remembered:
            ledger.note("lessons", remembered)
        _enter_baseline(ledger, Archive(folder.candidates), plan)
        if plan.jobs:
            keep(intake, ledger, folder.traces, Redactor(secret_values(os.environ)))
            ledger.note("warm start", str(intake))
    folder.draft.replace(folder.ledger)
    return "; ".join(filter(None, [enrolled.notice, str(intake) if plan.jobs else ""]))


def _drive(folder: RunFolder, plan: Plan, listen: Listener, *, notice: str) -> None:
    with stored(folder.path), ExitStack() as stack:
        stack.enter_context(DriverLock(folder.path))
        listen = stack.enter_context(EventLog(folder.path / EVENTS, listen))
        listen = stack.enter_context(notifier(plan.config.notify, folder, listen))
        back = folder.command("resume")
        control = Control(folder.path, listen, grace_s=plan.config.schedule.grace_s, back=back)
        stack.enter_context(control.signals())
        ledger = Ledger(folder.ledger)
        stack.callback(ledger.close)
        try:
            with stored(folder.path):
                left = stack.enter_context(guarded(_uid(folder), "docker" if "docker" in plan.kinds else plan.sandbox))
                bench = _open_bench(folder, plan, ledger, control, listen, stack)
                control.arm()
                damaged = [("traces", f"set aside: {damage}") for damage in bench.store.set_aside]
                told = [("suite", notice), ("tasks", plan.tasks_said), ("leftovers", str(left) if left else "")]
                _tell(bench, plan, [*told, *damaged])
                history = History(folder, lambda text: listen(Progress("notice", text, {})))
                stack.callback(_write, folder, history)
                with control.watching():
                    Shift(bench, control, _patience(plan.config), conclude=lambda: _write(folder, history)).work()
        except RatchetError as error:
            _need_attention(ledger, listen, error, back)
            raise
        except (Interrupted, KeyboardInterrupt):
            _leave(ledger, ("stopped", "stopped by a person"))
            listen(Progress("stopped", f"stopped; {back} goes on, and nothing is paid twice", {"next": back}))
            raise Interrupted from None


def _write(folder: RunFolder, history: History) -> None:
    """Bring what is derived from the ledger up to date."""
    write_report(folder)
    history.write()


def _leave(ledger: Ledger, *notes: tuple[str, str]) -> None:
    """Leave a run to be resumed: no money stays set aside for what is not under way."""
    ledger.heartbeat()
    release(ledger)
    for kind, text in notes:
        ledger.note(kind, text)


def _need_attention(ledger: Ledger, listen: Listener, error: RatchetError, back: str) -> None:
    """Leave a run that cannot go on by itself; an outage's own last word was told already."""
    error.hint = f"{back}, when that is mended" if isinstance(error, OutageError) else error.hint
    with suppress(sqlite3.Error, RatchetError):  # the ledger may be what failed
        _leave(ledger)
        if not isinstance(error, OutageError):
            ledger.note("needs attention", error.message)
            data = {"error": error.message, "hint": error.hint, "retry_in_s": None}
            mend = error.hint if isinstance(error, HarnessError | GroundMovedError) else f"mend it, then: {back}"
            listen(Progress("needs_attention", f"{error.message}; {mend}", data))


def _patience(config: RunConfig) -> Patience:
    outage = config.outage
    return Patience(outage.first_wait_s, outage.longest_wait_s, outage.give_up_hours * 3600)


def _tell(bench: Bench, plan: Plan, notes: Sequence[tuple[str, str]]) -> None:
    if served := served_by_simulated(plan.config):
        text = f"the simulated model answers, under other models' names, for: {', '.join(sorted(served))}"
        bench.ledger.note(SIMULATED_SERVER, text)
    bench.listen(started(bench, plan.said))
    for kind, text in notes:
        if text:
            if kind != "suite":  # that one was noted with the run
                bench.ledger.note(kind, text)
            bench.listen(Progress("notice", text, {}))


def _open_bench(
    folder: RunFolder, plan: Plan, ledger: Ledger, control: Control, listen: Listener, stack: ExitStack
) -> Bench:
    config = plan.config
    listen = with_spend(listen, ledger.spend)
    ledger.begin(folder.id, plan.lock)
    taken_up = any(note["kind"] == "sandbox" for note in ledger.notices())  # each driver notes its own
    place = open_workplace(folder, config, plan.sandbox, ledger=ledger, control=control, listen=listen, stack=stack)
    if taken_up:
        ledger.note("resumed", "a driver took the run up")
    traces = open_writer(folder.traces, f"{place.launch}-driver", after=place.store.latest_start)
    stack.callback(traces.close)
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
        archive=place.archive,
        draws=place.draws,
        store=place.store,
        traces=traces,
        registry=registry_of(folder.path.parent),
        uid=_uid(folder),
        corpus=LeakCorpus.from_tasks(plan.suite.tasks, plan.splits),
        clients=make_clients(config, plan.suite),
        loop=stack.enter_context(asyncio.Runner()),
        listen=listen,
        jail=plan.jail,
    )


def _uid(folder: RunFolder) -> str:
    return str(folder.read_lock()["uid"])


def _enter_baseline(ledger: Ledger, archive: Archive, plan: Plan) -> None:
    archive.save(BASELINE, plan.harness)
    row = CandidateRow(BASELINE, 0, None, plan.harness.hash, normalised_hash(plan.harness), plan.harness.spec.name)
    ledger.conclude_slot(0, row, reason="", bill=Bill())
