"""Ask a model, in a fresh context, whether a change would be worth having without these tasks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

from optimizer.seat import Seat
from task_agent.meter import Budget, Meter
from task_agent.models.base import ToolSchema
from task_agent.tools.base import ToolInput, ToolResult
from traces.event import TokenUsage

MAX_TASKS_CHARS = 60_000
MAX_TASK_CHARS = 1_500
JUDGE_BUDGET = Budget(turns=4, tokens=400_000, time_s=600)
READERS = {"reflector": "judge.md", "advocate": "advocate.md", "referee": "referee.md"}
"""The agent's name in its trace -> what it is told first."""

REPORT_REFLECTION = ToolSchema(
    name="report_reflection",
    description="Report whether the change is overfitted to the training tasks. Call it once, at the end.",
    input_schema={
        "type": "object",
        "properties": {
            "overfit": {"type": "boolean", "description": "Whether the change leans on these very tasks."},
            "reason": {"type": "string", "description": "Two or three sentences for the author of the change."},
            "quotes": {
                "type": "array",
                "items": {"type": "string"},
                "description": "The lines that show it, copied exactly from the diff; empty when it is not overfitted.",
            },
        },
        "required": ["overfit", "reason", "quotes"],
        "additionalProperties": False,
    },
)

_CLOSING = re.compile(r"</(diff|tasks|finding|side)")


@dataclass(frozen=True, slots=True)
class Judgement:
    """Hold what a reader said.

    `overfit` is None when there is no judgement: the model would not, or could not, report one. That
    blocks nothing and is recorded. `dropped_quotes` do not occur in the diff; a finding of overfitting
    that is left without a quote does not block either.
    """

    overfit: bool | None
    reason: str
    quotes: tuple[str, ...]
    dropped_quotes: tuple[str, ...]
    usage: TokenUsage
    cost_usd: float | None
    unpriced_requests: int
    turns: int

    @property
    def blocks(self) -> bool:
        """Say whether the judgement stops the change."""
        return self.overfit is True and bool(self.quotes)

    def to_record(self) -> dict[str, Any]:
        """Give plain JSON values (Any: JSON)."""
        return {**asdict(self), "quotes": list(self.quotes), "dropped_quotes": list(self.dropped_quotes)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Judgement:
        """Read what `to_record` gave (Any: JSON)."""
        lists = {name: tuple(record[name]) for name in ("quotes", "dropped_quotes")}
        return cls(**{**record, **lists, "usage": TokenUsage(**record["usage"])})


class ReportReflectionTool:
    """Take one report; a finding without a true quote is sent back once.

    Args:
        diff: The diff as the judge was shown it.
    """

    schema = REPORT_REFLECTION

    def __init__(self, diff: str) -> None:
        self.overfit: bool | None = None
        self.reason = ""
        self.quotes: tuple[str, ...] = ()
        self.dropped: tuple[str, ...] = ()
        self._texts = (_squeezed(diff), _squeezed("\n".join(line[1:] for line in diff.splitlines())))
        self._sent_back = False

    @property
    def reported(self) -> bool:
        """Say whether there is a report."""
        return self.overfit is not None

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Keep the report and end the run, or ask once for quotes that stand in the diff."""
        given = [str(quote) for quote in tool_input["quotes"] if str(quote).strip()]
        self.overfit, self.reason = bool(tool_input["overfit"]), str(tool_input["reason"])
        self.quotes = tuple(quote for quote in given if self._stands(quote))
        self.dropped = tuple(quote for quote in given if not self._stands(quote))
        if self.overfit and not self.quotes and not self._sent_back:
            self._sent_back = True
            return ToolResult("none of the quotes stands in the diff; report again, copying exactly", is_error=True)
        return ToolResult("reported", ends_run=True)

    def _stands(self, quote: str) -> bool:
        return len(quote.strip()) > 2 and any(_squeezed(quote) in text for text in self._texts)


async def judge(diff: str, tasks: Sequence[str], seat: Seat) -> Judgement:
    """Judge a change by its diff and the train tasks' public descriptions alone.

    Args:
        diff: The unified diff.
        tasks: Instruction texts of train tasks, without ids.
        seat: The judge's own.

    Raises:
        AttemptError: The provider failed: an outage is no judgement, ask again later.
    """
    return await read_change(diff, opening(diff, tasks), seat, role="reflector")


async def read_change(diff: str, asked: str, seat: Seat, *, role: str) -> Judgement:
    """Have one reader (`reflector`, `advocate` or `referee`) answer `asked`, in a fresh context, with one report."""
    tool, meter = ReportReflectionTool(fenced(diff)), Meter(JUDGE_BUDGET)
    problem = await seat.hear(asked, tool, meter, system=system_prompt(role), name=role)
    return Judgement(
        overfit=tool.overfit,
        reason=f"the {READERS[role].removesuffix('.md')} {problem}" if problem else tool.reason,
        quotes=tool.quotes,
        dropped_quotes=tool.dropped,
        usage=meter.usage,
        cost_usd=meter.cost_usd,
        unpriced_requests=meter.unpriced_requests,
        turns=meter.turns,
    )


def system_prompt(role: str = "reflector") -> str:
    """Read what a reader is told first."""
    return resources.files(__package__).joinpath(READERS[role]).read_text(encoding="utf-8")


def opening(diff: str, tasks: Sequence[str]) -> str:
    """Write a reader's one message: the diff, and as many descriptions as fit."""
    shown: list[str] = []
    for text in tasks:
        item = _shortened(fenced(text.strip()))
        if sum(map(len, shown)) + len(item) > MAX_TASKS_CHARS:
            break
        shown.append(item)
    left_out = f"\n\n({len(tasks) - len(shown)} more descriptions are left out.)" if len(shown) < len(tasks) else ""
    described = "\n\n---\n\n".join(shown)
    return f"<diff>\n{fenced(diff).rstrip()}\n</diff>\n\n<tasks>\n{described}{left_out}\n</tasks>"


def fenced(text: str) -> str:
    """Keep text from closing the block it is put into."""
    return _CLOSING.sub(r"<\\/\1", text)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TASK_CHARS else f"{text[:MAX_TASK_CHARS]} [...]"


def _squeezed(text: str) -> str:
    return " ".join(text.split())
