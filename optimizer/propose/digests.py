"""What an analyst makes of one attempt's trace: a label, a place, a quote, a few sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from optimizer.propose.views import TRAIN

MAX_CAUSE_CHARS = 80
MAX_STORY_CHARS = 1_200


@dataclass(frozen=True, slots=True)
class Digest:
    """Hold an analyst's reading of one train attempt.

    `cause` is a short label that other attempts may share, None when the analyst found none or would not say.
    `event` is the number of the event where it went wrong, `quote` a line that stands there.
    """

    attempt: str
    cause: str | None
    event: int | None
    quote: str
    story: str
    split: str = TRAIN

    @classmethod
    def from_record(cls, attempt: str, record: dict[str, Any]) -> Digest:  # Any: JSON
        """Read what `to_record` gave."""
        return cls(attempt, record["cause"], record["event"], record["quote"], record["story"], record["split"])

    def to_record(self) -> dict[str, Any]:  # Any: JSON
        """Give it as the ledger keeps it."""
        return {
            "cause": self.cause,
            "event": self.event,
            "quote": self.quote,
            "story": self.story,
            "split": self.split,
        }

    def __str__(self) -> str:
        place = "" if self.event is None else f" at [{self.event}]"
        lines = [f"{self.attempt}{place}", f"cause: {self.cause or 'none found'}"]
        lines += [f"quote: {self.quote}"] if self.quote else []
        return "\n".join([*lines, self.story]).rstrip()
