"""A person's word on candidates that wait for it: one file each in the run's folder.

A word may be said while no driver lives; `optimizer.stages.waiting` enters it into the ledger.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from optimizer.ledger import ReviewRow
from traces.errors import UsageError

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
