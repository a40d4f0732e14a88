"""What a proposer is, whoever plays it: it is given an assignment and reports how its session ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from optimizer.propose._editing import Proposal
from optimizer.propose.journal import Journal
from optimizer.propose.tools import SubmitTool
from optimizer.propose.trying import TryTool
from optimizer.propose.views import View
from optimizer.propose.workspace import Workspace
from traces.event import TokenUsage
from traces.recorder import Recorder

End = Literal["submitted", "no_change", "limit", "refused", "outage"]


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Bound one session; None is no bound."""

    turns: int | None = 60
    tokens: int | None = 2_000_000
    cost_usd: float | None = None
    time_s: float | None = 1800.0


@dataclass(frozen=True, slots=True)
class ProposalOutcome:
    """Report one session, however it ended.

    `end` is `submitted` exactly when there is a proposal. After an `outage` the session says nothing
    about the proposer: what it cost is to be billed, and its slot may be tried again. `cost_usd`
    leaves unpriced requests out and is None when none had a price.
    """

    proposal: Proposal | None
    end: End
    reason: str
    usage: TokenUsage
    cost_usd: float | None
    unpriced_requests: int
    turns: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """Give a proposer what it works with.

    `submit` takes its submission, `recorder` its session, and `journal` its finished steps, which are not
    paid or made again. `opening` is what it is told of the run; `tries` attempts train tasks for it, within an
    allowance, where it has one.
    """

    workspace: Workspace
    submit: SubmitTool
    opening: str
    recorder: Recorder
    limits: SessionLimits
    journal: Journal
    view: View = "traces"
    tries: TryTool | None = None


class Author(Protocol):
    """Propose at most one change: a model with tools, or a program."""

    async def propose(self, given: Assignment, /) -> ProposalOutcome:
        """Change the working copy and submit, give up, or use up the limits; each end is an outcome."""
        ...
