"""The mark a run leaves on all it starts, so that what a dead driver left is found, and nothing else is.

It travels in the environment: whatever process starts from a marked one carries it, and the sandboxes
write it into their folders' names and their containers' labels.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "RATCHET_RUN"
LABEL = "ratchet.run"
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
