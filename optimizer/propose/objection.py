"""A reviewer's one look at a proposal before anything is spent on it: is it one mechanism, and could it be refuted."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

from optimizer.propose._editing import Proposal
from optimizer.seat import Seat
from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.patch import unified
from task_agent.meter import Budget, Meter
from task_agent.models.base import ToolSchema
from task_agent.tools.base import ToolInput, ToolResult
from traces.event import TokenUsage

BUDGET = Budget(turns=4, tokens=200_000, time_s=600)
_CLOSING = re.compile(r"</(diff|contract)")

REPORT_REVIEW = ToolSchema(
    name="report_review",
    description="Report on the proposal. Call it once.",
    input_schema={
        "type": "object",
        "properties": {
            "one_mechanism": {"type": "boolean", "description": "Whether it is one mechanism."},
            "refutable": {"type": "boolean", "description": "Whether fresh train attempts could show it wrong."},
            "objection": {
                "type": "string",
                "description": "What the author should change, when either is false; else empty.",
            },
        },
        "required": ["one_mechanism", "refutable", "objection"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True)
class Objection:
    """Hold what the reviewer said.

    Both findings are None when there is none: the model would not, or could not, report. That objects to nothing
    and is recorded.
    """

    one_mechanism: bool | None
    refutable: bool | None
    text: str
    usage: TokenUsage
    cost_usd: float | None
    unpriced_requests: int
    turns: int

    @property
    def stands(self) -> bool:
        """Say whether the author is asked to amend."""
        return self.one_mechanism is False or self.refutable is False

    def to_record(self) -> dict[str, Any]:
        """Give plain JSON values (Any: JSON)."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Objection:
        """Read what `to_record` gave (Any: JSON)."""
        return cls(**{**record, "usage": TokenUsage(**record["usage"])})


class ReportReviewTool:
    """Take one report; an objection without a word to the author is sent back once."""

    schema = REPORT_REVIEW

    def __init__(self) -> None:
        self.findings: tuple[bool, bool] | None = None
        self.text = ""
        self._sent_back = False

    @property
    def reported(self) -> bool:
        """Say whether there is a report."""
        return self.findings is not None

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Keep the report and end the run."""
        findings = bool(tool_input["one_mechanism"]), bool(tool_input["refutable"])
        text = str(tool_input["objection"]).strip()
        if not all(findings) and not text and not self._sent_back:
            self._sent_back = True
            return ToolResult("say in `objection` what the author should change", is_error=True)
        self.findings, self.text = findings, "" if all(findings) else text
        return ToolResult("reported", ends_run=True)


def shown(proposal: Proposal, champion: HarnessBundle, *, names: bool = True) -> str:
    """Write a reviewer's one message: the contract, with train attempts and tasks by name or without, and the diff."""
    claimed = {
        "evidence": list(proposal.evidence),
        "predicted_fixes": list(proposal.prediction.fixes),
        "predicted_at_risk": list(proposal.prediction.at_risk),
    }
    said = {"title": proposal.title, "hypothesis": proposal.hypothesis}
    contract = {**said, **(claimed if names else {}), "refuted_by": proposal.refuted_by}
    told = _fenced(json.dumps(contract, indent=1, ensure_ascii=False))
    return f"<contract>\n{told}\n</contract>\n\n<diff>\n{_fenced(unified(champion, proposal.bundle)).rstrip()}\n</diff>"


def digest(message: str) -> str:
    """Name what a reviewer was shown, so that the same proposal is never reviewed twice."""
    return hashlib.sha256(message.encode()).hexdigest()


async def review(message: str, seat: Seat) -> Objection:
    """Have a reviewer in a fresh context read one proposal.

    Args:
        message: The proposal as `shown` writes it.
        seat: The reviewer's own.

    Raises:
        AttemptError: The provider failed: an outage is no review, ask again later.
    """
    tool, meter = ReportReviewTool(), Meter(BUDGET)
    problem = await seat.hear(message, tool, meter, system=system_prompt(), name="reviewer")
    one_mechanism, refutable = tool.findings or (None, None)
    return Objection(
        one_mechanism,
        refutable,
        f"the reviewer {problem}" if problem else tool.text,
        usage=meter.usage,
        cost_usd=meter.cost_usd,
        unpriced_requests=meter.unpriced_requests,
        turns=meter.turns,
    )


def system_prompt() -> str:
    """Read what a reviewer is told first."""
    return resources.files(__package__).joinpath("objection.md").read_text(encoding="utf-8")


def _fenced(text: str) -> str:
    """Keep text from closing the block it is put into."""
    return _CLOSING.sub(r"<\\/\1", text)
