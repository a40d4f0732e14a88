"""Completes names of runs and candidates in a shell; looks at folder names only, to be quick."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optimizer.run_folder import RunFolder, find_run, list_runs
from traces.errors import NotFoundError

MOST = 100
"""Attempts offered at once."""
CANDIDATE = re.compile(r"c\d{3,}")


def complete_run(ctx: Any, incomplete: str) -> list[str]:  # Any: typer keeps its classes to itself
    """Offer the runs, newest first, and `last`."""
    return [name for name in (*_runs(ctx), "last") if name.startswith(incomplete)]


def complete_candidate(ctx: Any, incomplete: str) -> list[str]:  # Any: see above
    """Offer the candidates of the run that is named, or of the last one."""
    return [name for name in _candidates(ctx) if name.startswith(incomplete)]


def complete_attempt(ctx: Any, incomplete: str) -> list[str]:  # Any: see above
    """Offer attempts by their first words: the candidate, its task, its number."""
    candidate, slash, rest = incomplete.partition("/")
    if not slash:
        return [f"{name}/" for name in complete_candidate(ctx, candidate)]
    folder = _run(ctx)
    return list(_attempts(folder, candidate, rest.partition("/")[0])) if folder else []


def _attempts(folder: RunFolder, candidate: str, task: str) -> Iterator[str]:
    import sqlite3
    from contextlib import closing

    question = (
        "SELECT task, replicate FROM attempts WHERE candidate = ? AND task LIKE ? ORDER BY task, replicate LIMIT ?"
    )
    with closing(sqlite3.connect(f"file:{folder.ledger}?mode=ro", uri=True)) as ledger:
        for found, replicate in ledger.execute(question, (candidate, f"{task}%", MOST)):
            yield f"{candidate}/{found}/a{replicate:02d}"


def complete_run_or_attempt(ctx: Any, incomplete: str) -> list[str]:  # Any: see above
    """Offer attempts of the last run, which needs no name, and the runs."""
    return [*complete_attempt(ctx, incomplete), *complete_run(ctx, incomplete)]


def complete_run_or_candidate(ctx: Any, incomplete: str) -> list[str]:  # Any: see above
    """Offer candidates of the last run, which needs no name, and the runs."""
    return [*complete_candidate(ctx, incomplete), *complete_run(ctx, incomplete)]


def _runs(ctx: Any) -> list[str]:  # Any: see above
    return [folder.id for folder in list_runs(_folder(ctx))]


def _folder(ctx: Any) -> Path:  # Any: see above
    return Path(ctx.params.get("runs_dir") or os.environ.get("RATCHET_RUNS_DIR") or "runs")


def _run(ctx: Any) -> RunFolder | None:  # Any: see above
    try:
        return find_run(_folder(ctx), ctx.params.get("run") or "last")
    except NotFoundError:
        return None


def _candidates(ctx: Any) -> Iterator[str]:  # Any: see above
    folder = _run(ctx)
    if folder and folder.candidates.is_dir():
        yield from sorted(path.name for path in folder.candidates.iterdir() if CANDIDATE.fullmatch(path.name))
