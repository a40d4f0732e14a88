"""What can be decided about a candidate, and why: one table, cause -> verdict, level spent, public words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Name the four ends of an iteration."""

    KEEP = "keep"
    REJECT = "reject"
    UNDECIDED = "undecided"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Ruling:
    """Say what one cause decides.

    `public` is all a proposer may learn. Screen and gate rejections share their words on purpose:
    which stage ended a candidate is itself information about held-out scores.
    """

    verdict: Verdict
    public: str


NOT_BETTER = Ruling(Verdict.REJECT, "not better than the champion beyond noise")

RULINGS = {
    "better": Ruling(Verdict.KEEP, "better than the champion beyond noise"),
    "simpler": Ruling(Verdict.KEEP, "no worse without what it takes out"),
    "needed": Ruling(Verdict.REJECT, "may be worse without what it takes out"),
    "other_taken": Ruling(Verdict.REJECT, "no worse, but another removal was taken"),
    "not_better": NOT_BETTER,
    "worse_on_train": NOT_BETTER,
    "leak": Ruling(Verdict.REJECT, "holds text of particular tasks"),
    "overfit": Ruling(Verdict.REJECT, "judged to help these tasks only"),
    "duplicate": Ruling(Verdict.REJECT, "the same harness was decided before"),
    "refused": Ruling(Verdict.REJECT, "refused by a person"),
    "unreviewed": Ruling(Verdict.UNDECIDED, "the night was ended before a person said a word"),
    "outside_surface": Ruling(Verdict.INVALID, "changes what the run file locks"),
    "does_not_load": Ruling(Verdict.INVALID, "does not load"),
    "no_change": Ruling(Verdict.INVALID, "changes nothing"),
    "smoke_failed": Ruling(Verdict.INVALID, "fails to run a task at all"),
    "tampered": Ruling(Verdict.INVALID, "what it was measured on was changed"),
    "too_many_missing": Ruling(Verdict.INVALID, "too many attempts gave no score"),
    "level_exhausted": Ruling(Verdict.UNDECIDED, "the night's planned tests are used up"),
    "money": Ruling(Verdict.UNDECIDED, "the budget does not reach for a test"),
    "time": Ruling(Verdict.UNDECIDED, "the time does not reach for a test"),
    "ended": Ruling(Verdict.UNDECIDED, "the night was ended before a test"),
    "stale": Ruling(Verdict.UNDECIDED, "the champion changed meanwhile"),
}
"""Cause -> ruling. An outage is no cause: the stage stays pending and the run pauses."""


def ruling(cause: str) -> Ruling:
    """Look up what `cause` decides."""
    return RULINGS[cause]
