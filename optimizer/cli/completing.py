"""Completes names of runs and candidates in a shell; looks at folder names only, to be quick."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optimizer.run_folder import RunFolder, find_run, list_runs
from traces.errors import NotFoundError

CANDIDATE = re.compile(r"c\d{3,}")


def complete_run(ctx: Any, incomplete: str) -> list[str]:  # Any: typer keeps its classes to itself
    """Offer the runs, newest first, and `last`."""
    return [name for name in (*_runs(ctx), "last") if name.startswith(incomplete)]


def complete_candidate(ctx: Any, incomplete: str) -> list[str]:  # Any: see above
    """Offer the candidates of the run that is named, or of the last one."""
    return [name for name in _candidates(ctx) if name.startswith(incomplete)]


def complete_run_or_candidate(ctx: Any, incomplete: str) -> list[str]:  # Any: see above
    """Offer candidates of the last run, which needs no name, and the runs."""
    return [*complete_candidate(ctx, incomplete), *complete_run(ctx, incomplete)]


def _runs(ctx: Any) -> list[str]:  # Any: see above
    return [folder.id for folder in list_runs(_folder(ctx))]


def _folder(ctx: Any) -> Path:  # Any: see above
    return Path(ctx.params.get("runs_dir") or os.environ.get("RATCHET_RUNS_DIR") or "runs")


def _candidates(ctx: Any) -> Iterator[str]:  # Any: see above
    try:
        folder: RunFolder = find_run(_folder(ctx), ctx.params.get("run") or "last")
    except NotFoundError:
        return
    if folder.candidates.is_dir():
        yield from sorted(path.name for path in folder.candidates.iterdir() if CANDIDATE.fullmatch(path.name))
