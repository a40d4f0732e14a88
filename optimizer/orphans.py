"""Finds what no living process answers for any more: of runs without a driver, and of commands that were killed.

A run's leftovers are known by its mark. What carries no run's mark (`tasks check`, a bench) is known by the
process that made it: a container names it in a label, a folder in its name.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from optimizer.ledger.lock import DriverLock, RunLockedError
from optimizer.reap import Reaped, reap
from optimizer.run_folder import RunFolder, list_runs
from task_agent.sandbox import mark
from task_agent.sandbox._folder import PREFIX, leftovers, remove_tree
from traces.errors import RatchetError, SandboxUnavailableError


@dataclass(frozen=True, slots=True)
class Swept:
    """Say what was ended of one run, or of commands outside any run when `run` is None."""

    run: str | None
    found: Reaped

    def to_record(self) -> dict[str, object]:
        """Give the row as plain JSON values."""
        found = self.found
        return {
            "run": self.run,
            "processes": found.processes,
            "containers": found.containers,
            "folders": found.folders,
        }


def sweep(runs: Path) -> list[Swept]:
    """End and remove what is left, and give a row for each run that had left something.

    A run that has a driver is not touched, and none can begin on a run while its leftovers are ended.
    """
    rows = [Swept(folder.id, found) for folder in list_runs(runs) if (found := _of_run(folder))]
    if stray := Reaped(containers=_stray_containers(), folders=sum(map(_remove, _stray_folders()))):
        rows.append(Swept(None, stray))
    return rows


def _of_run(folder: RunFolder) -> Reaped:
    with suppress(RunLockedError), DriverLock(folder.path):
        try:
            of = mark.mark_of(str(folder.read_lock()["uid"]))
            return reap(of, None if _engine_answers() else "process")
        except RatchetError:
            return Reaped()
    return Reaped()


@functools.cache
def _engine_answers() -> bool:
    from task_agent.sandbox._engine import engine

    try:
        engine()
    except SandboxUnavailableError:
        return False
    return True


def _stray_containers() -> int:
    from task_agent.sandbox.docker import reap_orphans

    return reap_orphans() if _engine_answers() else 0


def _stray_folders() -> Iterator[Path]:
    for path in leftovers(""):
        named = re.match(rf"{PREFIX}0+-(\d{{7}})", path.name)
        if named and not Path(f"/proc/{int(named[1])}").exists() and os.geteuid() in (0, path.lstat().st_uid):
            yield path


def _remove(path: Path) -> int:
    remove_tree(path)
    return 1
