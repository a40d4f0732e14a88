"""The log of who read held-out and test traces: people may, but what they change afterwards fits those tasks.

A log, not a truth: one line of JSON each, appended with one write beside a living driver, and
nothing is decided from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from optimizer.run_folder import RunFolder

FILE = "readings.jsonl"
SEALED = ("heldout", "test")
"""Splits whose traces are not to guide changes."""


def note_reading(folder: RunFolder, command: str, splits: Iterable[str], what: Sequence[str]) -> str | None:
    """Write down that somebody read held-out or test traces.

    Returns:
        A caution for the reader, None when nothing sealed was read.
    """
    sealed = [split for split in SEALED if split in set(splits)]
    if not sealed:
        return None
    at = datetime.now(UTC).isoformat(timespec="seconds")
    entry = {"at": at, "command": command, "splits": sealed, "what": list(what)}
    noted = "noted in readings.jsonl" if _append(folder, json.dumps(entry)) else "not noted: the run cannot be written"
    names = " and ".join("held-out" if split == "heldout" else split for split in sealed)
    return (
        f"caution: these are {names} traces ({noted}). Whoever changes a harness by hand after reading them fits it"
        " to the tasks that judge it; for ideas, read train traces"
    )


def readings(folder: RunFolder) -> int:
    """Count how often held-out or test traces were read."""
    try:
        return (folder.path / FILE).read_bytes().count(b"\n")
    except OSError:
        return 0


def _append(folder: RunFolder, entry: str) -> bool:
    try:
        fd = os.open(folder.path / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError:
        return False
    try:
        line = f"{entry}\n".encode()
        return os.write(fd, line) == len(line)
    except OSError:
        return False
    finally:
        os.close(fd)
