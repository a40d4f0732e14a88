"""Ray, imported with the settings that must be in place before its import; start and end of a cluster."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
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
_NO_START = (RuntimeError, ValueError, OSError, ray.exceptions.RayError, SystemExit)
"""What Ray raises when it does not start: it has no class for that, and leaves altogether where no cluster answers."""


class Cluster:
    """Hold this process's connection to Ray, and end what it started.

    A process that is connected already keeps its connection, and `close` leaves it alone.

    Args:
        address: `local` starts a cluster of this machine alone; anything else joins that cluster.
        num_cpus: The cores of a local cluster, by default all.
    """

    def __init__(self, address: str, num_cpus: int | None) -> None:
        self._temp: Path | None = None
        self._ours = not ray.is_initialized()
        if not self._ours:
            return
        options: dict[str, Any] = {}  # Any: Ray's own settings
        if address == LOCAL:
            self._temp = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{mark.short(mark.current())}-"))
            options = {
                "num_cpus": num_cpus,
                "include_dashboard": False,
                "object_store_memory": _OBJECT_STORE_BYTES,
                "_temp_dir": str(self._temp),
            }
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                namespace=f"ratchet-{os.getpid()}",
                **options,
            )
        except _NO_START as error:
            self.close()
            raise _no_start(address, error) from error

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
            ray.shutdown()
        if self._temp is not None:
            shutil.rmtree(self._temp, ignore_errors=True)
            self._temp = None


def _no_start(address: str, error: BaseException) -> SchedulerStartError:
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    if address != LOCAL:
        return SchedulerStartError(f"no Ray cluster answers at {address!r}: {said}", hint="check `schedule.address`")
    hint = "make room in /dev/shm and the temporary directory, or take `schedule: {kind: inline}`, which needs no Ray"
    return SchedulerStartError(f"Ray did not start here: {said}", hint=hint)
