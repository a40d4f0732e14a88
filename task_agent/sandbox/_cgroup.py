"""Limits on all that one attempt uses together, by the kernel's control groups: memory, and in version 2 processes.

The number of processes is also held by a limit that the jail's first shell sets for its user namespace
(`_limits.py`), so version 1, where every controller is a hierarchy to step into, does without that one.

Groups need root, or a folder that was delegated to this user and is named in `RATCHET_CGROUP`. Where
neither is given there are no groups, and only the limits per process hold (`_limits.py`).

In version 1 the thread that starts a jail steps into the group for that moment, so the jail is in it from
its first instruction. Version 2 moves whole processes only, so there a shell steps in before the jail.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from task_agent.sandbox import mark
from task_agent.sandbox.base import SandboxSpec

VARIABLE = "RATCHET_CGROUP"
_ROOT = Path("/sys/fs/cgroup")
_FOLDER = "ratchet"
_TRIES = 20
_OURS = 4
"""Processes of the jail itself, which count in its group."""
_PAUSE_S = 0.005
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Name the folders new groups are made in, and those this process itself is in (version 1 only)."""

    version: int
    bases: tuple[Path, ...]
    own: tuple[Path, ...] = ()


@functools.cache
def hierarchy() -> Hierarchy | None:
    """Find where this process may make groups with limits, by making one; None where it may not."""
    for found in (_version_1, _version_2):
        place = found()
        if place is not None and _works(place):
            return place
    return None


def _version_1() -> Hierarchy | None:
    own = dict(_own_groups())
    if "memory" not in own:
        return None
    place = _ROOT / "memory" / own["memory"].lstrip("/")
    return Hierarchy(1, (place / _FOLDER,), (place,))


def _version_2() -> Hierarchy | None:
    base = Path(os.environ.get(VARIABLE, _ROOT / _FOLDER))
    try:
        base.mkdir(exist_ok=True)
        _write(base / "cgroup.subtree_control", "+memory +pids")
    except OSError:
        return None
    return Hierarchy(2, (base,))


def _own_groups() -> Iterator[tuple[str, str]]:
    """Give the group of each version 1 controller that this process is in."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in filter(None, controllers.split(",")):
            yield controller, path


def _works(place: Hierarchy) -> bool:
    try:
        group = Group(SandboxSpec(), place)
        with group.entered():
            pass
        group.remove()
    except OSError:
        return False
    return True


class Group:
    """Hold one attempt's group, one folder for each hierarchy.

    Raises:
        OSError: It cannot be made or limited.
    """

    def __init__(self, spec: SandboxSpec, place: Hierarchy) -> None:
        self._place = place
        name = f"{mark.short(mark.current())}-{os.getpid()}-{next(_numbers)}"
        self._folders = tuple(base / name for base in place.bases)
        for folder in self._folders:
            folder.mkdir(parents=True)
            _limit(folder, spec)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let this thread be in the group, and with it whatever it starts meanwhile (version 1 only)."""
        if self._place.version != 1:
            yield
            return
        thread = str(threading.get_native_id())
        try:
            for folder in self._folders:
                _write(folder / "tasks", thread)
            yield
        finally:
            for folder in self._place.own:
                _write(folder / "tasks", thread)

    @property
    def prefix(self) -> Sequence[str]:
        """Give the words to put before a command, so that it steps into the group first (version 2 only)."""
        if self._place.version == 1:
            return ()
        return ("/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', f"{self._folders[0]}/cgroup.procs")

    def take(self, pid: int) -> None:
        """Put a process of one thread, which waits for it, into the group."""
        for folder in self._folders:
            _write(folder / "cgroup.procs", str(pid))

    def ran_out_of_memory(self) -> bool:
        """Say whether the kernel ended a process of the group because its memory was used up."""
        name = "memory.oom_control" if self._place.version == 1 else "memory.events"
        try:
            lines = (self._folders[0] / name).read_text().splitlines()
        except OSError:
            return False
        return any(line.startswith("oom_kill ") and not line.endswith(" 0") for line in lines)

    def remove(self) -> None:
        """Remove the group; what still holds it is left to the reaper."""
        for folder in self._folders:
            _remove(folder)


def _limit(folder: Path, spec: SandboxSpec) -> None:
    memory, processes = str(spec.memory_mb * 1024 * 1024), str(spec.pids + _OURS)
    limits = {"memory.limit_in_bytes": memory, "memory.max": memory, "pids.max": processes}
    limits |= {"memory.memsw.limit_in_bytes": memory, "memory.swap.max": "0"}
    for name, value in limits.items():
        if (folder / name).exists():
            _write(folder / name, value)


def _write(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _remove(folder: Path) -> bool:
    """Remove an empty group; right after its last process's end the kernel may need a moment."""
    for _ in range(_TRIES):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            time.sleep(_PAUSE_S)
        else:
            return True
    return False


def remove_leftovers(of: str) -> int:
    """Remove the groups of processes with the mark `of`; gives the number of attempts whose groups went."""
    place = hierarchy()
    if place is None:
        return 0
    return max(sum(_remove(path) for path in base.glob(f"{mark.short(of)}-*")) for base in place.bases)
