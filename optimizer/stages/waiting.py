"""Candidates that wait for a person's word, where the run file wants one before a keep becomes champion."""

from __future__ import annotations

from optimizer.review import given
from optimizer.run_folder import RunFolder
from optimizer.stages.bench import Bench
from optimizer.state import HELD
from optimizer.telling.progress import Progress


def hold(bench: Bench, candidate: str) -> None:
    """Let a candidate wait for a person's word from now on."""
    bench.ledger.conclude_stage(candidate, HELD, {})
    text = f"{candidate} waits for a person's word: {RunFolder(bench.folder).command('review', candidate)}"
    bench.listen(Progress("notice", text, {"candidate": candidate}))


def enter(bench: Bench) -> None:
    """Enter into the ledger what people have said about candidates that wait for it."""
    if bench.config.autonomy == "auto":
        return
    said = given(bench.folder)
    for candidate in bench.ledger.state().waiting:
        if (row := said.get(candidate.id)) is not None:
            bench.ledger.enter_review(row)
            word = "accepted" if row.accepted else "refused"
            text = f"{row.candidate}: {word} by {row.by}" + (f": {row.reason}" if row.reason else "")
            bench.ledger.note("review", text)
            bench.listen(Progress("notice", text, {"candidate": row.candidate, "accepted": row.accepted}))
