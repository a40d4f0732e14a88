"""Ends what a dead driver left: processes, containers and temporary folders that carry the run's mark.

Nothing is found by its name's pattern alone. A second process, the guard, does the same the moment its
driver dies, so that nothing works on unattended; it is started as `python -m optimizer.reap`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from task_agent.sandbox import SandboxKind, mark
from task_agent.sandbox._cgroup import remove_leftovers as remove_groups
from task_agent.sandbox._folder import leftovers, remove_tree

RAY_FOLDER = "ray-"
_ROUNDS = 200
_PAUSE_S = 0.05
_GOODBYE = b"."
_GUARD_ENDS_S = 30.0


@dataclass(frozen=True, slots=True)
class Reaped:
    """Count what was found and ended."""

    processes: int = 0
    containers: int = 0
    folders: int = 0

    def __bool__(self) -> bool:
        return bool(self.processes or self.containers or self.folders)

    def __str__(self) -> str:
        counts = {"process": self.processes, "container": self.containers, "temporary folder": self.folders}
        plural = {"process": "processes"}
        said = [f"{n} {name if n == 1 else plural.get(name, name + 's')}" for name, n in counts.items() if n]
        return f"ended what an earlier driver had left: {', '.join(said) or 'nothing'}"


def reap(of: str, sandbox: SandboxKind | None) -> Reaped:
    """End everything that carries the mark `of`, but this process and those it stems from.

    Containers are looked for where `sandbox` is docker, and where it is None, which is whoever does not know what the
    run made: a proposer's jail may be of another kind than its tasks'.

    A process that cleared its environment, and one of another user, is not found. A joined cluster's
    other machines are not looked at: workers there end with their driver's connection.
    """
    processes = _end_processes(of)
    containers = _remove_containers(of) if sandbox in ("docker", None) else 0
    remove_groups(of)
    return Reaped(processes, containers, _remove_folders(of))


@contextmanager
def guarded(uid: str, sandbox: SandboxKind) -> Iterator[Reaped]:
    """Reap what an earlier driver of the run left, mark all that starts from now on, and leave nothing in the end.

    The caller holds the run's lock, so that whatever carries the mark has lost its driver.
    """
    of = mark.mark_of(uid)
    found = reap(of, sandbox)
    try:
        with mark.marked(of), _guard(of, sandbox):
            yield found
    finally:
        reap(of, sandbox)


@contextmanager
def _guard(of: str, sandbox: SandboxKind) -> Iterator[None]:
    """Keep a process that hears of this one's death by the end of its input, and reaps; `_GOODBYE` sends it home."""
    guard = subprocess.Popen(
        [sys.executable, "-P", "-m", "optimizer.reap", of, sandbox],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": tempfile.gettempdir()},
        start_new_session=True,
    )
    try:
        yield
    finally:
        try:
            guard.communicate(_GOODBYE, timeout=_GUARD_ENDS_S)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()


def _stand_guard(of: str, sandbox: SandboxKind) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read(1) != _GOODBYE:
        reap(of, sandbox)


def _end_processes(of: str) -> int:
    """Kill marked processes until a look finds none; gives the number of different ones."""
    wanted, spared = f"{mark.VARIABLE}={of}".encode(), _ancestors()
    ended: set[int] = set()
    for _ in range(_ROUNDS):
        found = [pid for pid in _pids() if pid not in spared and _end(pid, wanted)]
        if not found:
            break
        ended.update(found)
        time.sleep(_PAUSE_S)
    return len(ended)


def _end(pid: int, wanted: bytes) -> bool:
    """Kill `pid` if its environment at start held the mark; its number cannot pass to another meanwhile."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if wanted not in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _pids() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def _ancestors() -> set[int]:
    """Give this process and those above it: a resume may have been started by what the run itself started."""
    found, pid = set[int](), os.getpid()
    while pid > 0:
        found.add(pid)
        pid = _parent(pid)
    return found


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _remove_containers(of: str) -> int:
    from task_agent.sandbox.docker import reap as remove

    return remove({mark.LABEL: of})


def _remove_folders(of: str) -> int:
    rays = sorted(Path(tempfile.gettempdir()).glob(f"{RAY_FOLDER}{mark.short(of)}-*"))
    found = [path for path in (*leftovers(of), *rays) if os.geteuid() in (0, path.lstat().st_uid)]
    for path in found:
        remove_tree(path)
    return len(found)


if __name__ == "__main__":
    _stand_guard(sys.argv[1], "docker" if sys.argv[2] == "docker" else "process")
