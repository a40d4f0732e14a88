"""Ray, imported with the settings that must be in place before its import; start and end of a cluster."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # else workers get a rebuilt environment under `uv run`

import ray
import ray.exceptions

from optimizer.schedule.errors import SchedulerStartError
from task_agent.sandbox import mark

__all__ = ["LOCAL", "Cluster", "ray"]

LOCAL = "local"
PREFIX = "ray-"
_OBJECT_STORE_BYTES = 128 * 2**20
STARTS = 3
"""How often a cluster of this machine is started before it is given up: on a busy machine Ray's own time runs out."""
_KILL_ROUNDS, _KILL_PAUSE_S = 100, 0.05
_NO_START = (Exception, SystemExit)
"""What Ray raises when it does not start: bare exceptions for time that ran out, and it leaves where none answers."""

Init = Callable[..., object]
"""Start or join a cluster, as `ray.init` does."""


class Cluster:
    """Hold this process's connection to Ray, and end what it started.

    A process that is connected already keeps its connection, and `close` leaves it alone.

    Args:
        address: `local` starts a cluster of this machine alone; anything else joins that cluster.
        num_cpus: The cores of a local cluster, by default all.
        init: Starts or joins the cluster.

    Raises:
        SchedulerStartError: No cluster answers there, or none starts here, however often it is tried.
    """

    def __init__(self, address: str, num_cpus: int | None, *, init: Init = ray.init) -> None:
        self._temp: Path | None = None
        self._ours = not ray.is_initialized()
        if not self._ours:
            return
        for left in reversed(range(STARTS if address == LOCAL else 1)):
            try:
                init(**self._options(address, num_cpus))
            except _NO_START as error:
                self._end()
                if not left:
                    self._ours = False
                    raise _no_start(address, error) from error
            else:
                return

    def _options(self, address: str, num_cpus: int | None) -> dict[str, Any]:  # Any: Ray's own settings
        common = {
            "address": address,
            "log_to_driver": False,
            "logging_level": logging.ERROR,
            "namespace": f"ratchet-{os.getpid()}",
        }
        if address != LOCAL:
            return common
        self._temp = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{mark.short(mark.current())}-"))
        return {
            **common,
            "num_cpus": num_cpus,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
            "_temp_dir": str(self._temp),
        }

    def cores(self) -> int:
        """Count the cores of the whole cluster."""
        return max(int(self.resources().get("CPU", 1)), 1)

    def resources(self) -> dict[str, float]:
        """Name what the cluster's nodes offer."""
        offered: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        return offered

    def close(self) -> None:
        """End the connection, and the cluster with its temporary folder, if this object started them."""
        if self._ours:
            self._ours = False
            self._end()

    def _end(self) -> None:
        ray.shutdown()
        if self._temp is not None:
            _kill_started(self._temp)
            shutil.rmtree(self._temp, ignore_errors=True)
            self._temp = None


def _kill_started(temp: Path) -> None:
    """End what a start that failed half-way has left running and see it gone, which Ray forgets."""
    for _ in range(_KILL_ROUNDS):
        if not _kill_each(temp):
            return
        time.sleep(_KILL_PAUSE_S)


def _kill_each(temp: Path) -> int:
    killed = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):  # it has just ended, or is not ours
                if os.fsencode(temp) in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
                    killed += 1
    return killed


def _no_start(address: str, error: BaseException) -> SchedulerStartError:
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    if address != LOCAL:
        return SchedulerStartError(f"no Ray cluster answers at {address!r}: {said}", hint="check `schedule.address`")
    hint = (
        "wait until the machine is less busy and resume the run, make room in /dev/shm and the temporary directory, or"
        " take `schedule: {kind: inline}`, which needs no Ray"
    )
    return SchedulerStartError(f"Ray did not start here, tried {STARTS} times: {said}", hint=hint)
