"""What of an agent's work folder a grader gets: files, folders, and links that stay away from the grading.

A link into the verifier's folder would make the expected answer its own proof, and a pipe would let the
grader wait for ever. Such entries are left out; to grade, they are as good as absent.
"""

from __future__ import annotations

import posixpath
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO

from task_agent.sandbox._tar import Stream

GUARDED = ("/tests", "/logs/verifier", "/logs/agent", "/solution", "/harness", "/proc")
_IN_MEMORY_BYTES = 4_000_000
_SLACK_BYTES = 64_000_000


def leads_out(target: str, folder: str, guarded: Sequence[str] = GUARDED) -> bool:
    """Say whether a link to `target`, standing in the absolute `folder`, may lead into a guarded place.

    What climbs again after it went down is taken for such a link: where it leads depends on other links.
    """
    steps = [step for step in target.split("/") if step not in ("", ".")]
    down = next((place for place, step in enumerate(steps) if step != ".."), len(steps))
    if ".." in steps[down:]:
        return True
    goal = "/" + posixpath.normpath(posixpath.join(folder, target)).strip("/")
    return any(
        f"{goal}/".startswith(f"{place}/") or f"{place}/".startswith(goal.rstrip("/") + "/") for place in guarded
    )


@dataclass(frozen=True, slots=True)
class Work:
    """Hold the tar of a work folder, ready to be read, and whether all of it is there."""

    tar: IO[bytes]
    whole: bool


def carry(chunks: Iterable[bytes], folder: str, limit_bytes: int) -> Work:
    """Copy the tar of the absolute `folder`, whose entries begin with its last name, without what no grader gets."""
    spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - handed on to the caller
    parent, left = posixpath.dirname(folder), limit_bytes
    try:
        with (
            tarfile.open(fileobj=Stream(chunks, limit_bytes + _SLACK_BYTES), mode="r|") as source,
            tarfile.open(fileobj=spool, mode="w", format=tarfile.GNU_FORMAT) as copy,
        ):
            for entry in source:
                left -= entry.size
                if left < 0:
                    return Work(spool, whole=False)
                if _belongs(entry, parent):
                    copy.addfile(entry, source.extractfile(entry) if entry.isreg() else None)
    except tarfile.TarError:
        return Work(spool, whole=False)
    spool.seek(0)
    return Work(spool, whole=True)


def _belongs(entry: tarfile.TarInfo, parent: str) -> bool:
    if entry.issym():
        inside = "/" in entry.name.strip("/")  # the folder itself may not be a link
        return inside and not leads_out(entry.linkname, posixpath.join(parent, posixpath.dirname(entry.name)))
    return entry.isdir() or entry.isreg() or entry.islnk()
