"""The mark a run leaves on all it starts, so that what a dead driver left is found, and nothing else is.

It travels in the environment: whatever process starts from a marked one carries it, and the sandboxes
write it into their folders' names and their containers' labels.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "RATCHET_RUN"
LABEL = "ratchet.run"
OWNER_LABEL = "ratchet.process"
_LENGTH = 16
_SHORT = 8


def mark_of(uid: str) -> str:
    """Give the mark of the run with this unique id; all marks have one length, so that no output depends on it."""
    return hashlib.sha256(uid.encode()).hexdigest()[:_LENGTH]


def current() -> str:
    """Give the mark this process was given, or nothing."""
    return os.environ.get(VARIABLE, "")


def short(mark: str) -> str:
    """Give the part of a mark that stands in the names of folders; zeros stand for none."""
    return (mark or "0" * _SHORT)[:_SHORT]


def environment() -> dict[str, str]:
    """Give the variable to hand on to a process whose environment is otherwise made from nothing."""
    return {VARIABLE: current()} if current() else {}


def put_on(mark: str) -> None:
    """Mark this process's environment from now on; an empty mark takes it off."""
    if mark:
        os.environ[VARIABLE] = mark
    else:
        os.environ.pop(VARIABLE, None)


@contextmanager
def marked(mark: str) -> Iterator[None]:
    """Mark this process's environment for a while."""
    before = current()
    put_on(mark)
    try:
        yield
    finally:
        put_on(before)


def owner() -> str:
    """Name this process so that no other ever has the same name: its world, its number there, and when it began."""
    return f"{_world()}:{os.getpid()}:{_began(os.getpid())}"


def is_orphaned(owner: str) -> bool:
    """Say whether the process of that name ran where this one can see it, and is gone."""
    world, _, process = owner.partition(":")
    number, _, began = process.partition(":")
    if world != _world() or not number.isdigit():
        return False
    return _began(int(number)) != began


def _world() -> str:
    """Name this start of the machine and the namespace in which process numbers count."""
    start = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{start}/{Path('/proc/self/ns/pid').readlink().name.strip('pid:[]')}"


def _began(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
