from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from task_agent.harness import HarnessBundle
from task_agent.harness.hunks import Line, file_diffs
from task_agent.harness.patch import diff

_TEXT = st.lists(st.sampled_from(["a", "b", "c", "", "long line", "x\ty", "é\r", "\u2028"]), max_size=25).map("\n".join)
_FILES = st.dictionaries(st.sampled_from(["harness.yaml", "prompts/a.md", "tools/t/run"]), _TEXT.map(str.encode))


def _of(old: str, new: str, *, context: int | None) -> list[list[tuple[Line | None, Line | None]]]:
    found = file_diffs(HarnessBundle({"README.md": old.encode()}), HarnessBundle({"README.md": new.encode()}),
                       context=context)  # fmt: skip
    return [[tuple(pair) for pair in hunk.pairs] for each in found for hunk in each.hunks]


def _split(text: str) -> list[str]:
    return [line.removesuffix("\n") for line in io.StringIO(text)]


@given(_TEXT, _TEXT)
def test_side_by_side_holds_every_line_of_both_files_in_order(old: str, new: str) -> None:
    pairs = [pair for hunk in _of(old, new, context=None) for pair in hunk]
    if old != new:
        assert [line.text for line, _ in pairs if line] == _split(old)
        assert [line.text for _, line in pairs if line] == _split(new)
        assert [line.old for line, _ in pairs if line] == list(range(1, len(_split(old)) + 1))
        assert [line.new for _, line in pairs if line] == list(range(1, len(_split(new)) + 1))
    assert all(left is right for left, right in pairs if (left or right) and "same" in {_kind(left), _kind(right)})


@given(_TEXT, _TEXT)
def test_hunks_with_context_hold_every_changed_line_once_and_in_order(old: str, new: str) -> None:
    whole = [line for hunk in _of(old, new, context=None) for pair in hunk for line in pair]
    some = [line for hunk in _of(old, new, context=3) for pair in hunk for line in pair]
    for kind in ("removed", "added"):
        assert [line for line in some if _kind(line) == kind] == [line for line in whole if _kind(line) == kind]
    assert len(some) <= len(whole)


@given(_FILES, _FILES)
def test_hunks_and_the_patch_agree_on_files_lines_and_headers(old: dict[str, bytes], new: dict[str, bytes]) -> None:
    parent, child = HarnessBundle(old), HarnessBundle(new)
    found, patch = file_diffs(parent, child), diff(parent, child)
    assert [each.path for each in found] == [change.path for change in patch.changes]
    assert sum(each.added for each in found) == patch.stat.added
    assert sum(each.removed for each in found) == patch.stat.removed
    headers = [hunk.header for each in found for hunk in each.hunks]
    written = [line for line in io.StringIO(patch.unified()) if line.startswith("@@")]
    assert [_without_zero(header) for header in headers] == [_without_zero(line.strip()) for line in written]


def test_files_that_are_no_text_and_new_programs_are_told_apart() -> None:
    parent = HarnessBundle({"README.md": b"x", "tools/t/run": b"plain\n", "skills/a": b"\xff", "z": b"gone\n"})
    child = HarnessBundle({"README.md": b"a\0b", "tools/t/run": b"#!/bin/sh\n", "skills/a": b"\xfe", "y": b"#!x"})
    found = {each.path: each for each in file_diffs(parent, child)}
    assert found["README.md"].binary
    assert found["skills/a"].binary
    assert (found["skills/a"].hunks, found["skills/a"].added) == ((), 0)
    assert found["tools/t/run"].mode_changed
    assert (found["tools/t/run"].old_mode, found["tools/t/run"].new_mode) == ("100644", "100755")
    assert (found["z"].status, found["z"].new_mode, found["z"].mode_changed) == ("removed", None, False)
    assert (found["y"].status, found["y"].hunks[0].lines[0].ended) == ("added", False)


def _kind(line: Line | None) -> str:
    return line.kind if line else "none"


def _without_zero(header: str) -> str:
    """Leave out where an empty side is said to stand: `-0,0` at the top, or `-5,0` after line 5."""
    return " ".join("0" if part.endswith(",0") else part for part in header.split())
