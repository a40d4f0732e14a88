"""How well proposers foresaw: what they named against what happened, over all their candidates that were screened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from optimizer.propose.prediction import AFRESH, CHOSEN, Foresight, PredictionScore

OPEN = "open"
"""How a session without a brief is named."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """Hold one decided proposal: who made it, whether it was kept, and how its prediction was scored, if it was."""

    author: str
    brief: str
    kept: bool
    score: PredictionScore | None


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """Add up the proposals of one author with one brief; `brief` is empty for all of an author's.

    `afresh` of the `measured` predictions were held against attempts that no task was chosen by.
    """

    author: str
    brief: str
    proposals: int
    kept: int
    measured: int
    afresh: int = 0
    fixes: Foresight = field(default_factory=lambda: Foresight(0, 0, 0))
    damage: Foresight = field(default_factory=lambda: Foresight(0, 0, 0))

    def __str__(self) -> str:
        kept = f"{self.proposals} decided, {self.kept} kept"
        if not self.measured:
            return f"{kept}, no prediction measured"
        basis = f" ({self.basis})" if self.fixes.named else ""
        return f"{kept}; named to be fixed: {_hits(self.fixes)}{basis}; named at risk: {_hits(self.damage)}"

    @property
    def basis(self) -> str:
        """Say how far luck is in the fixes that came true; empty when nothing was measured."""
        return basis(self.afresh, self.measured)


def track_records(told: Iterable[Foretold]) -> tuple[TrackRecord, ...]:
    """Add up by author and brief, in the order of their first proposal."""
    groups: dict[tuple[str, str], list[Foretold]] = {}
    for each in told:
        groups.setdefault((each.author, each.brief or OPEN), []).append(each)
    return tuple(_sum(author, brief, rows) for (author, brief), rows in groups.items())


def basis(afresh: int, measured: int) -> str:
    """Say what the fixes named in `measured` predictions were held against, `afresh` of them against fresh attempts."""
    if not measured:
        return ""
    if afresh in (0, measured):
        return AFRESH if afresh else CHOSEN
    return f"in {afresh} of {measured} predictions {AFRESH}, in the others {CHOSEN}"


def opening(told: Sequence[Foretold], author: str, brief: str) -> Iterator[str]:
    """Tell an author its record, with this brief and with all; nothing before it has one."""
    mine = [each for each in told if each.author == author]
    if not mine:
        return
    yield f"Your record so far: {_sum(author, '', mine)}."
    same = [each for each in mine if each.brief == brief]
    if brief and same and len(same) < len(mine):
        yield f"With this brief: {_sum(author, brief, same)}."
    if missed := _missed(mine):
        yield f"Tasks that were damaged and not named at risk: {missed}. Think longer about who pays for a change."


def _sum(author: str, brief: str, rows: Sequence[Foretold]) -> TrackRecord:
    scores = [row.score for row in rows if row.score is not None]
    return TrackRecord(
        author,
        brief,
        proposals=len(rows),
        kept=sum(row.kept for row in rows),
        measured=len(scores),
        afresh=sum(score.afresh for score in scores),
        fixes=_add(score.fixes for score in scores),
        damage=_add(score.damage for score in scores),
    )


def _add(parts: Iterable[Foresight]) -> Foresight:
    counts = [(part.named, part.happened, part.hits) for part in parts]
    return Foresight(*(sum(column) for column in zip(*counts, strict=True))) if counts else Foresight(0, 0, 0)


def _missed(rows: Sequence[Foretold]) -> int:
    scores = [row.score.damage for row in rows if row.score is not None]
    return sum(damage.happened - damage.hits for damage in scores)


def _hits(found: Foresight) -> str:
    share = "" if found.precision is None else f" ({found.precision:.0%})"
    return f"{found.hits} of {found.named} came true{share}, {found.happened} happened in all"
