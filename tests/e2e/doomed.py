"""Runs the command line, and kills at one exact moment of it: `doomed.py ORDERS words of the command`.

ORDERS is JSON: `log` names a file that gets every moment passed, one a line; `kills` lists when to send SIGKILL
and to whom (moment, nth, victim: driver, group or worker); `killed` names a file that gets the time of each.
A moment is a write of the ledger (before it, in the middle, after it), a file written, renamed or removed in
the run's folder, or the start of a shell. Nothing of the program is replaced: Python's own profile and audit
hooks are asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR


class Doom:
    """Counts moments and strikes at the one that was ordered."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self._kills = [[moment, nth, victim] for moment, nth, victim in orders.get("kills", ())]
        self._killed = Path(orders["killed"])
        self._log = open(orders["log"], "a", buffering=1) if "log" in orders else None  # noqa: SIM115, PTH123

    def at(self, moment: str) -> None:
        """Pass one moment."""
        if self._log is not None:
            self._log.write(f"{moment}\n")
        for kill in self._kills:
            if kill[0] == moment:
                kill[1] -= 1
                if kill[1] < 0 and self._strike(moment, kill[2]):
                    self._kills.remove(kill)
                    return

    def _strike(self, moment: str, victim: str) -> bool:
        """Send the signal; False when no worker lives yet, so that the next such moment will do."""
        pids = {"driver": [os.getpid()], "group": [0], "worker": workers(os.getpid())[:1]}[victim]
        if not pids:
            return False
        fd = os.open(self._killed, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(fd, f"{time.time()} {victim} {moment}\n".encode())
        os.close(fd)
        if victim == "group":
            os.killpg(0, signal.SIGKILL)
        os.kill(pids[0], signal.SIGKILL)
        return True

    # The ledger ---------------------------------------------------------------

    def profile(self, frame: FrameType, event: str, arg: Any) -> None:
        """Hear of every call in this thread; only the statements that open and close a ledger's write count."""
        if frame.f_code.co_name != "execute" or event not in ("call", "return"):
            return
        write = frame.f_back
        if write is None or write.f_code.co_name != "_write" or write.f_back is None:
            return
        outer = write.f_back.f_back
        if outer is not None:
            begins = write.f_back.f_code.co_name == "__enter__"
            when = {(True, "call"): "before", (False, "return"): "after"}.get((begins, event), "inside")
            self.at(f"ledger:{outer.f_code.co_name}:{_stage(outer)}:{when}")

    # Files and processes ------------------------------------------------------

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Hear of every file opened, renamed or removed, and of every process started."""
        if event == "sqlite3.connect" and threading.current_thread() is threading.main_thread():
            sys.setprofile(self.profile)  # from the first ledger on: it makes everything slower
        if event == "subprocess.Popen":
            self.at(f"process:{Path(str(args[0])).name}")
            return
        if event not in ("open", "os.rename", "os.remove", "os.truncate", "os.mkdir"):
            return
        if event == "open" and not (isinstance(args[2], int) and args[2] & WRITING):
            return
        path = str(args[1] if event == "os.rename" else args[0])
        if "/runs/" in path:
            self.at(f"file:{event.removeprefix('os.')}:{_kind(path)}")


def _stage(frame: FrameType) -> str:
    """Name the kind of stage an attempt's record belongs to, from whoever draws it."""
    found: FrameType | None = frame
    while found is not None:
        if found.f_code.co_name in ("_run_owed", "draw") and "stage" in found.f_locals:
            return str(found.f_locals["stage"]).partition("/")[0].partition("+")[0]
        found = found.f_back
    return "-"


def _kind(path: str) -> str:
    """Name a file by its place in a run's folder, without numbers."""
    inside = path.partition("/runs/")[2].partition("/")[2]
    for part, kind in (
        ("live/", "live-trace"), (".parquet", "segment"), ("manifest", "manifest"), ("candidates/", "candidate"),
        ("proposer/", "workspace"), ("report", "report"), ("ledger", "ledger"), ("events", "events"),
    ):  # fmt: skip
        if part in inside:
            return kind
    return "suites" if "/runs/suites" in path else "other"


def workers(driver: int) -> list[int]:
    """List the driver's Ray workers that hold attempts, oldest first."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                pid = int(entry.name)
                parents[pid] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                names[pid] = (entry / "cmdline").read_text()
    found = [pid for pid, name in names.items() if name.startswith("ray::WorkerActor")]
    return sorted(pid for pid in found if _below(pid, driver, parents))


def _below(pid: int, top: int, parents: dict[int, int]) -> bool:
    while pid > 1:
        if pid == top:
            return True
        pid = parents.get(pid, 0)
    return False


def main() -> None:
    """Set the hooks and run the command."""
    doom = Doom(json.loads(sys.argv[1]))
    from optimizer.cli.main import main as ratchet

    sys.addaudithook(doom.audit)
    ratchet(sys.argv[2:])


if __name__ == "__main__":
    main()
