"""A person's word on candidates that wait for it: one file each in the run's folder.

The driver enters them into its ledger: it is the only writer there, and a word may be said while none lives.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from optimizer.ledger import ReviewRow
from optimizer.progress import Progress
from optimizer.state import HELD
from traces.errors import UsageError

if TYPE_CHECKING:  # who only asks what was said builds no bench
    from optimizer.bench import Bench

REVIEWS = "reviews"


def give(folder: Path, review: ReviewRow) -> None:
    """Say a word, once and for all; the same word again changes nothing.

    Raises:
        UsageError: Another word was said about the candidate, or the folder cannot be written.
    """
    target = folder / REVIEWS / f"{review.candidate}.json"
    draft = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        target.parent.mkdir(exist_ok=True)
        draft.write_text(json.dumps(asdict(review), ensure_ascii=False) + "\n", encoding="utf-8")
        os.link(draft, target)  # never replaces what stands
    except FileExistsError:
        _check_same(given(folder).get(review.candidate), review)
    except OSError as error:
        raise UsageError(f"cannot write to {target.parent}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


def given(folder: Path) -> Mapping[str, ReviewRow]:
    """Read the words that were said about a run's candidates; a file that holds none is passed over."""
    rows = (_read(path) for path in sorted((folder / REVIEWS).glob("*.json")))
    return {row.candidate: row for row in rows if row is not None}


def hold(bench: Bench, candidate: str) -> None:
    """Let a candidate wait for a person's word from now on."""
    bench.ledger.conclude_stage(candidate, HELD, {})
    text = f"{candidate} waits for a person's word: ratchet review {bench.run} {candidate}"
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


def _check_same(said: ReviewRow | None, review: ReviewRow) -> None:
    if said is None or said.accepted != review.accepted:
        word = "something else" if said is None else "accepted" if said.accepted else "refused"
        raise UsageError(f"{review.candidate} was {word} before, and a word stands")


def _read(path: Path) -> ReviewRow | None:
    try:
        row = ReviewRow(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    fits = isinstance(row.accepted, bool) and all(isinstance(text, str) for text in (row.by, row.reason, row.given_at))
    return row if fits and row.candidate == path.stem else None
