"""Takes one earlier change out of a harness that has moved on since."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import NamedTuple

from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.errors import HarnessError
from task_agent.harness.patch import FileChange, Patch
from traces.errors import Place


class _Edit(NamedTuple):
    """Replace the lines from `start` to before `end` of the common file."""

    start: int
    end: int
    lines: list[str]


def reverse(harness: HarnessBundle, patch: Patch, *, after: bool = False) -> HarnessBundle:
    """Undo `patch` in a harness that later changes were made to; what those did stays.

    Args:
        harness: What came of the later changes.
        patch: The change to undo.
        after: Put lines that come back at the very place where later changes put some behind those, instead of
            refusing for want of an order.

    Raises:
        HarnessError: Later changes build on what the patch did, so that it cannot be taken out alone.
    """
    files = dict(harness.files)
    for change in patch.changes:
        content = _undone(change, files.get(change.path), after)
        if content is None:
            files.pop(change.path, None)
        else:
            files[change.path] = content
    return HarnessBundle(files)


def _undone(change: FileChange, now: bytes | None, after: bool) -> bytes | None:
    if now == change.new:
        return change.old
    if now is None or change.old is None or change.new is None:
        raise _built_on(change)
    try:
        base, back, on = (side.decode().split("\n") for side in (change.new, change.old, now))
    except UnicodeDecodeError:
        raise _built_on(change) from None
    return "\n".join(_merged(change, base, _edits(base, back), _edits(base, on), after)).encode()


def _edits(base: list[str], other: list[str]) -> list[_Edit]:
    found = difflib.SequenceMatcher(None, base, other, autojunk=False).get_opcodes()
    return [_Edit(low, high, other[start:end]) for tag, low, high, start, end in found if tag != "equal"]


def _merged(change: FileChange, base: list[str], undo: list[_Edit], later: list[_Edit], after: bool) -> list[str]:
    """Make both sets of edits, which may touch but not overlap; two insertions at one place need an order."""
    edits = sorted([*later, *undo], key=lambda edit: (edit.start, edit.end))
    lines: list[str] = []
    at = 0
    for number, edit in enumerate(edits):
        twin = number > 0 and (edit.start, edit.end) == edits[number - 1][:2]
        if edit.start < at or (twin and edit.start == edit.end and not after):
            raise _built_on(change)
        lines += base[at : edit.start] + edit.lines
        at = edit.end
    return lines + base[at:]


def _built_on(change: FileChange) -> HarnessError:
    return HarnessError("later changes build on what this one did here", place=Place(Path(change.path)))
