"""Writes a run's report files as the run goes; a reader never sees half of one."""

from __future__ import annotations

import os
from pathlib import Path

from optimizer.facts import Facts, read_facts
from optimizer.report.markdown import render
from optimizer.run_folder import RunFolder
from traces.errors import UsageError

HEAD_BYTES = 400
"""Where the page's mark stands: in its first bytes."""


def write_report(folder: RunFolder) -> None:
    """Write `report.md` as the run stands, and `report.html` when something was decided since it was written."""
    facts = read_facts(folder)
    put(folder.report, render(facts))
    write_page(facts)


def write_page(facts: Facts) -> Path:
    """Write `report.html` unless it shows this moment of the run already: it costs more than a step of a small run."""
    from optimizer.report.html import mark, page

    path = facts.folder.page
    if f'content="{mark(facts)}"' not in head_of(path):
        put(path, page(facts))
    return path


def save_page(facts: Facts, path: Path, *, redacted: bool = False) -> int:
    """Write the page to a file of a person's choice; return its bytes.

    Raises:
        UsageError: The file cannot be written there, or it is something else than such a page.
    """
    from optimizer.report.html import page

    if path.exists() and "ratchet-mark" not in head_of(path):
        raise UsageError(f"{path} exists and is no page of a report", hint="give another name with -o")
    text = page(facts, redacted=redacted)
    try:
        put(path, text, writer=f"-{os.getpid()}")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", hint="give another name with -o") from None
    return len(text.encode())


def put(path: Path, text: str, *, writer: str = "") -> None:
    """Put a file in its place in one step; `writer` tells apart who may write it at the same time."""
    draft = path.with_name(f".{path.name}{writer}.draft")
    try:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def head_of(path: Path) -> str:
    """Read the beginning of a file; empty when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""
