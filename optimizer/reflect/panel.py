"""A second reader argues against the first, and a third decides between them: each in a context of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from optimizer.reflect.judge import Judgement, fenced, opening, read_change
from optimizer.seat import Seat

MAX_REASON_CHARS = 1_500
SIDES = {True: "OVERFITTED", False: "WORTH HAVING", None: "NOT SAID"}


async def advocate(diff: str, tasks: Sequence[str], against: Judgement, seat: Seat) -> Judgement:
    """Argue the opposite of what the judge found; a judge who said nothing is taken to have passed the change.

    The advocate learns the side, and the lines held against the change where it defends it. It does not
    learn the judge's reasons, so it looks for its own.

    Raises:
        AttemptError: The provider failed; ask again later.
    """
    side = not against.blocks
    held = "".join(f"\nheld against it: {fenced(quote)}" for quote in against.quotes) if not side else ""
    asked = f"{opening(diff, tasks)}\n\n<side>\nYou argue: {SIDES[side]}{held}\n</side>"
    return await read_change(diff, asked, seat, role="advocate")


async def referee(diff: str, tasks: Sequence[str], findings: Sequence[Judgement], seat: Seat) -> Judgement:
    """Decide from the diff and what the other two found, without being told who found what.

    Raises:
        AttemptError: The provider failed; ask again later.
    """
    told = [finding for finding in findings if finding.overfit is not None]
    if hashlib.sha256(seat.user_id.encode()).digest()[0] % 2:
        told.reverse()
    shown = "\n\n".join(_finding(letter, finding) for letter, finding in zip("AB", told, strict=False))
    return await read_change(diff, f"{opening(diff, tasks)}\n\n{shown}".rstrip(), seat, role="referee")


def decisive(findings: Sequence[Judgement]) -> Judgement:
    """Choose the finding that counts: the last reader's who reported, the referee's before the judge's.

    Args:
        findings: Of judge, advocate and referee, or of the judge alone. An advocate argues; it decides nothing.
    """
    last = findings[-1]
    return last if last.overfit is not None else findings[0]


def _finding(letter: str, finding: Judgement) -> str:
    quotes = "".join(f"\nquoted: {fenced(quote)}" for quote in finding.quotes) or "\nquoted: no line of the diff"
    reason = fenced(finding.reason)[:MAX_REASON_CHARS]
    return f'<finding name="{letter}">\nfinds: {SIDES[finding.overfit]}\nbecause: {reason}{quotes}\n</finding>'
