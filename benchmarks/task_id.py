"""A task's id, by which people name it and what its attempts leave is filed."""

from __future__ import annotations

LONGEST = 200
"""Bytes of the longest id: a file's name has 255, and endings come after it."""


def id_fault(name: str) -> str:
    """Say why `name` cannot be a task's id; empty when it can."""
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        return f"{name!r} cannot name a task"
    size = len(name.encode(errors="surrogatepass"))
    if size > LONGEST:
        return f"{name[:40] + '...'!r} cannot name a task: it has {size} bytes, and a file's name holds {LONGEST} of it"
    return ""
