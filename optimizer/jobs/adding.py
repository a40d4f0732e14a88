"""Adds a Harbor job to a run that is not driven at the moment."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from benchmarks.suite import load_suite
from optimizer.jobs.importing import Intake, gather, keep
from optimizer.jobs.trial import Job
from optimizer.ledger import DriverLock, Ledger
from optimizer.registry import registry_of
from optimizer.run_file import load_run_file
from optimizer.run_folder import RunFolder
from traces.errors import ConfigError, Place
from traces.redact import Redactor, secret_values
from traces.storage import stored
from traces.store import TraceStore


def add_job(folder: RunFolder, job: Job) -> Intake:
    """Import a job's trials of the tasks that are train in this run now.

    Raises:
        RunLockedError: A driver works on the run.
        ConfigError: The suite is not what the run began with, or a trajectory is malformed.
    """
    lock, config = folder.read_lock(), load_run_file(folder.config)
    with config.pointing():
        suite = load_suite(config.suite, Path.cwd())
    record = registry_of(folder.path.parent).record(suite.hash, lock["uid"])
    if record is None or suite.hash != lock["suite"]:
        said = f"the suite of run {folder.id!r} is not what it was when the run was begun"
        raise ConfigError(said, place=Place(folder.lock), hint="put it back; or begin a new run with --warm-start")
    with stored(folder.path), DriverLock(folder.path), closing(Ledger(folder.ledger)) as ledger:
        store = TraceStore(folder.traces)
        store.add(store.recover())
        known = ledger.imported()
        intake = gather([job], run=folder.id, suite=suite, splits=record.splits, before=known)
        if intake.rows:
            keep(intake, ledger, folder.traces, Redactor(secret_values(os.environ)))
            ledger.note("warm start", str(intake))
        return intake
