"""What this machine gives a run: python, ray, memory, open files, room, and a folder for runs."""

from __future__ import annotations

import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from optimizer.config import RunConfig
from traces.errors import RatchetError, UsageError

State = Literal["ok", "warns", "fails"]
OLDEST, NEWEST = (3, 11), (3, 13)
LOW_DISK, NO_DISK = 5 * 10**9, 5 * 10**8
LOW_MEMORY, MEMORY_EACH = 10**9, 6 * 10**7
LOW_SHARED_MEMORY = 2 * 10**8
FILES_BESIDE, FILES_EACH = 256, 12
"""Open files of a worker: its own, and those of each attempt in flight."""
SHARED_MEMORY = Path("/dev/shm")
MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Need:
    """Say how one need is met; `mend` is the command that helps, `error` what `run` would fail with."""

    need: str
    state: State
    what: str
    mend: str = ""
    error: RatchetError | None = None

    def to_record(self) -> dict[str, Any]:
        """Give the row as JSON values (Any: JSON)."""
        return {"need": self.need, "state": self.state, "what": self.what, "mend": self.mend}


def machine(runs: Path, config: RunConfig | None = None) -> Iterator[Need]:
    """List what this machine gives, to the run of `config` when one is meant."""
    inline = config is not None and config.schedule.kind == "inline"
    yield _python()
    yield _ray(inline)
    yield _memory(config)
    yield _shared_memory(inline)
    yield _open_files(config)
    yield from _runs_folder(runs)


def _python() -> Need:
    here, what = sys.version_info[:2], sys.version.split()[0]
    if here > NEWEST:
        newest = ".".join(map(str, NEWEST))
        return Need("python", "warns", f"{what}; tried up to {newest}", f"use python {newest} if something breaks")
    return Need("python", "ok", what)


def _ray(inline: bool) -> Need:
    if inline:
        return Need("ray", "ok", "not needed: the run file says `schedule: {kind: inline}`")
    try:
        found = version("ray") if find_spec("ray") else ""
    except PackageNotFoundError:
        found = ""
    if not found:
        return Need("ray", "warns", "cannot be imported", "pip install ray, or set `schedule: {kind: inline}`")
    return Need("ray", "ok", f"{found} is installed (not started)")


def _memory(config: RunConfig | None) -> Need:
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", MEMORY.read_text())
    except OSError:
        found = None
    if found is None:
        return Need("memory", "ok", "not known here")
    free = int(found[1]) * 1024
    wanted = LOW_MEMORY
    if config is not None:
        wanted += MEMORY_EACH * config.schedule.slots
    if free < wanted:
        what = f"{_size(free)} free, about {_size(wanted)} wanted for so many attempts at once"
        return Need("memory", "warns", what, "fewer `schedule.in_flight` or `schedule.workers`")
    return Need("memory", "ok", f"{_size(free)} free")


def _shared_memory(inline: bool) -> Need:
    if not SHARED_MEMORY.is_dir():
        return Need("shared memory", "warns", f"there is no {SHARED_MEMORY}: Ray falls back to slower files")
    free = shutil.disk_usage(SHARED_MEMORY).free
    what = f"{_size(free)} free in {SHARED_MEMORY}"
    if free < LOW_SHARED_MEMORY and not inline:
        return Need("shared memory", "warns", f"{what}: Ray falls back to slower files", "in docker: --shm-size=2g")
    return Need("shared memory", "ok", what)


def _open_files(config: RunConfig | None) -> Need:
    """Hold the hard limit of open files, up to which sandboxes raise their own, against what one worker needs."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    in_flight = config.schedule.in_flight if config is not None else 16
    wanted = FILES_BESIDE + FILES_EACH * in_flight
    if limit == resource.RLIM_INFINITY or limit >= wanted:
        said = "without limit" if limit == resource.RLIM_INFINITY else f"{limit:,}"
        return Need("open files", "ok", f"{said}, enough for {in_flight} attempts at once in each worker")
    what = f"at most {limit:,}, about {wanted:,} wanted for {in_flight} attempts at once"
    return Need("open files", "warns", what, f"ulimit -Hn {wanted} (as root), or a smaller `schedule.in_flight`")


def _runs_folder(runs: Path) -> Iterator[Need]:
    here = next(path for path in (runs.absolute(), *runs.absolute().parents) if path.exists())
    refused = "is not a folder" if not here.is_dir() else _unwritable(here)
    if refused:
        what = f"{here} {refused}"
        yield Need("runs folder", "fails", what, "give another with --runs-dir", UsageError(what))
        return
    yield Need("runs folder", "ok", f"{runs} {'can be written' if here == runs.absolute() else 'can be made'}")
    free = shutil.disk_usage(here).free
    state: State = "fails" if free < NO_DISK else "warns" if free < LOW_DISK else "ok"
    mend = "" if state == "ok" else "free some space, or give another --runs-dir"
    error = UsageError(f"no room in {here}") if state == "fails" else None
    yield Need("disk", state, f"{_size(free)} free", mend, error)


def _unwritable(folder: Path) -> str:
    """Say why nothing can be written in a folder, or nothing; tried with a file that has no name."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"cannot be written to: {error.strerror}"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB"
