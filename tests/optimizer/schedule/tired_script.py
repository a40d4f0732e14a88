"""Start Ray after some starts that failed half-way, as on a machine that is too busy; tell as JSON how that went."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import ray

from optimizer.schedule import SchedulerStartError
from optimizer.schedule._ray import LOCAL, Cluster


class Tired:
    """Start Ray as asked, but fail half-way as often as told, in the words Ray has when its time runs out."""

    def __init__(self, failures: int) -> None:
        self.folders: list[str] = []
        self._failures = failures

    def __call__(self, **options: Any) -> object:
        self.folders.append(options["_temp_dir"])
        if len(self.folders) <= self._failures:
            with contextlib.suppress(ValueError):
                ray.init(**{**options, "object_store_memory": 1})  # starts a part of Ray, then fails
            raise Exception("The current node timed out during startup.")
        return ray.init(**options)

    def left(self) -> list[str]:
        """List what the failed starts have left running."""
        failed = [os.fsencode(folder) for folder in self.folders[: self._failures]]
        lines = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                lines.append(entry.read_bytes())
        return [line.decode() for line in lines if any(folder in line for folder in failed)]


def told(tired: Tired) -> dict[str, object]:
    """Start, say what came of it, and end."""
    try:
        cluster = Cluster(LOCAL, 1, init=tired)
    except SchedulerStartError as error:
        return {"error": error.message, "hint": error.hint}
    cores = cluster.cores()
    cluster.close()
    return {"cores": cores}


if __name__ == "__main__":
    tired = Tired(int(sys.argv[1]))
    outcome = told(tired)
    sys.stdout.write(json.dumps({"starts": len(tired.folders), **outcome, "left": tired.left()}) + "\n")
