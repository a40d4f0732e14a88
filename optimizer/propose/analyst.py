"""Has a model read the trace of one failing train attempt, in a fresh context, and report a digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

from optimizer.propose.digests import MAX_CAUSE_CHARS, MAX_STORY_CHARS, Digest
from optimizer.propose.views import TRAIN, WallError
from optimizer.seat import SILENT, Seat
from task_agent.errors import ProviderRefusedRequestError
from task_agent.meter import Budget, Meter
from task_agent.models.base import ToolSchema
from task_agent.tools.base import ToolInput, ToolResult
from traces.event import Event, TokenUsage
from traces.render import render

MAX_TRACE_CHARS: Final = 60_000
MAX_EVENT_CHARS: Final = 4_000
MAX_QUOTE_CHARS: Final = 300

REPORT_DIGEST = ToolSchema(
    name="report_digest",
    description="Report why the attempt failed. Call it once, at the end.",
    input_schema={
        "type": "object",
        "properties": {
            "cause": {
                "type": "string",
                "description": "The kind of mistake in three to eight words, or empty.",
            },
            "event": {"type": "integer", "description": "The number of the event where it went wrong."},
            "quote": {"type": "string", "description": "One line of that event, copied exactly."},
            "story": {"type": "string", "description": "Two to four sentences: what happened."},
        },
        "required": ["cause", "event", "quote", "story"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True)
class Analysis:
    """Hold a digest and what it cost; `cost_usd` is None when no request had a price."""

    digest: Digest
    usage: TokenUsage
    cost_usd: float | None
    unpriced_requests: int
    turns: int


class ReportDigestTool:
    """Take one report; a place or a quote that the trace does not have is sent back once, then left out.

    Args:
        attempt: The attempt read.
        events: Its event numbers.
        shown: The trace as the analyst was shown it.
    """

    schema = REPORT_DIGEST

    def __init__(self, attempt: str, events: frozenset[int], shown: str) -> None:
        self.digest: Digest | None = None
        self._attempt = attempt
        self._events = events
        self._shown = _squeezed(shown)
        self._sent_back = False

    @property
    def reported(self) -> bool:
        """Say whether there is a report."""
        return self.digest is not None

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Keep the report and end the run, or ask once for a place and a quote that stand in the trace."""
        event, quote = int(tool_input["event"]), str(tool_input["quote"]).strip()
        known, stands = event in self._events, not quote or _squeezed(quote) in self._shown
        if not (known and stands) and not self._sent_back:
            self._sent_back = True
            wrong = f"the trace has no event [{event}]" if not known else "the quote does not stand in the trace"
            return ToolResult(f"{wrong}; report again, copying exactly", is_error=True)
        self.digest = Digest(
            self._attempt,
            " ".join(str(tool_input["cause"]).split())[:MAX_CAUSE_CHARS] or None,
            event if known else None,
            quote[:MAX_QUOTE_CHARS] if stands else "",
            str(tool_input["story"]).strip()[:MAX_STORY_CHARS],
        )
        return ToolResult("reported", ends_run=True)


async def analyse(events: Sequence[Event], seat: Seat, budget: Budget) -> Analysis:
    """Read one attempt; an analyst that will not or cannot report leaves a digest without a cause.

    Args:
        events: The attempt's events.
        seat: The analyst's own.
        budget: What it may use.

    Raises:
        WallError: The attempt is not of train.
        AttemptError: The provider failed: an outage is no digest, ask again later.
    """
    key = events[0].key
    if key.split != TRAIN:
        raise WallError("trace of attempt", key.attempt, key.split)
    shown = opening(events)
    tool, meter = ReportDigestTool(key.attempt, frozenset(event.seq for event in events), shown), Meter(budget)
    system = resources.files(__package__).joinpath("analyst.md").read_text(encoding="utf-8")
    silent = (*SILENT, ProviderRefusedRequestError)  # a trace that no provider takes has no digest
    problem = await seat.hear(shown, tool, meter, system=system, name="analyst", silent=silent)
    digest = tool.digest or Digest(key.attempt, None, None, "", f"the analyst {problem}")
    return Analysis(digest, meter.usage, meter.cost_usd, meter.unpriced_requests, meter.turns)


def opening(events: Sequence[Event]) -> str:
    """Write the analyst's one message: the trace, a very long one without its middle."""
    text = render(events, max_chars=MAX_EVENT_CHARS).replace("</trace", "<\\/trace")
    if len(text) > MAX_TRACE_CHARS:
        head, tail = MAX_TRACE_CHARS // 3, MAX_TRACE_CHARS * 2 // 3
        text = f"{text[:head]}\n[... {len(text) - head - tail:,} characters not shown ...]\n{text[-tail:]}"
    return f"<trace>\n{text.rstrip()}\n</trace>"


def _squeezed(text: str) -> str:
    return " ".join(text.split())
