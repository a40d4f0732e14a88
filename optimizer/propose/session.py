"""One session of the meta-agent: it reads, edits its copy of the champion, and submits at most one change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources

from optimizer.propose.author import Assignment, End, ProposalOutcome, SessionLimits
from optimizer.propose.jail import Jail
from optimizer.propose.journal import Journal
from optimizer.propose.overview import overview
from optimizer.propose.pivot import Pivot
from optimizer.propose.shell import ShellTool
from optimizer.propose.tools import KeptTool, Review, SubmitTool, toolset
from optimizer.propose.trying import Trying, TryTool
from optimizer.propose.views import View
from optimizer.propose.workspace import Workspace
from task_agent.agent import Agent, AgentSetup
from task_agent.errors import (
    AgentRefusedError,
    OutOfMoneyError,
    OutOfTimeError,
    OutOfTokensError,
    OutOfTurnsError,
    ProviderRateLimitedError,
    ProviderRefusedRequestError,
    ProviderUnavailableError,
)
from task_agent.meter import Budget, Meter
from task_agent.models.base import ModelClient
from traces.recorder import Recorder

MAX_OUTPUT_TOKENS = 16_000
TOOL_OUTPUT_CHARS = 26_000
REMINDER = "Nothing is submitted yet. Submit your change with `submit_change`, or say in a sentence why there is none."

_LIMITS = (OutOfTurnsError, OutOfTokensError, OutOfMoneyError, OutOfTimeError)
_OUTAGES = (ProviderUnavailableError, ProviderRateLimitedError)
_REFUSALS = (AgentRefusedError, ProviderRefusedRequestError)


@dataclass(frozen=True, slots=True)
class ModelAuthor:
    """Let a model propose, with tools over its workspace and, in a jail, a shell."""

    client: ModelClient
    model: str
    effort: str | None
    user_id: str
    jail: Jail | None = None

    async def propose(self, given: Assignment, /) -> ProposalOutcome:
        """Hold a session until the model submits, gives up, or has used its limits.

        Raises:
            CredentialsError: The key is missing or refused.
        """
        workspace, meter = given.workspace, Meter(_budget(given.limits))
        shell = None
        if self.jail is not None:
            shell = ShellTool(workspace, partial(self.jail.open, workspace, view=given.view))
        tools = toolset(workspace, given.submit, view=given.view, shell=shell, tries=given.tries)
        # Attempts stand in the ledger: asked for again, a try gives the same answer and costs nothing.
        again = (given.submit, given.tries)
        tools = [tool if tool in again else KeptTool(tool, workspace, given.journal) for tool in tools]
        agent = Agent(self._setup(), tools, client=self.client, recorder=given.recorder, meter=meter)
        try:
            end, reason = await _worked(agent, given.submit, given.opening)
        finally:
            if shell is not None:
                await shell.close()
        return ProposalOutcome(
            proposal=given.submit.proposal,
            end=end,
            reason=reason,
            usage=meter.usage,
            cost_usd=meter.cost_usd,
            unpriced_requests=meter.unpriced_requests,
            turns=meter.turns,
        )

    def _setup(self) -> AgentSetup:
        return AgentSetup(
            model=self.model,
            system=system_prompt(),
            name="proposer",
            effort=self.effort,
            max_tokens=MAX_OUTPUT_TOKENS,
            user_id=self.user_id,
            max_tool_output_chars=TOOL_OUTPUT_CHARS,
        )


async def propose(
    workspace: Workspace,
    *,
    client: ModelClient,
    model: str,
    effort: str | None,
    recorder: Recorder,
    user_id: str,
    limits: SessionLimits,
    slot: int,
    told: Sequence[str] = (),
    review: Review | None = None,
    trying: Trying | None = None,
    pivot: Pivot | None = None,
    view: View = "traces",
    jail: Jail | None = None,
    journal: Journal | None = None,
) -> ProposalOutcome:
    """Let a meta-agent work in `workspace` until it submits, gives up, or has used its limits.

    Args:
        workspace: Its folder; the session changes the working copy in it.
        client: Sends the requests.
        model: The model asked.
        effort: How hard it should think.
        recorder: Takes the session's events.
        user_id: The opaque token of this session.
        limits: What it may use.
        slot: The number of this proposal in the run.
        told: What the opening says besides: brief, record, what is closed to it.
        review: Asks a reviewer about a submission before it is accepted.
        trying: Lets it attempt train tasks with its change before it submits.
        pivot: The standstill it is to end, if there is one.
        view: What it sees of attempts: the switch of the ablation.
        jail: Where a shell's commands run; there is no shell without one.
        journal: The session's steps: what stands there is not done again; `client` gives back its replies.

    Raises:
        CredentialsError: The key is missing or refused.
    """
    kept = journal or Journal()
    submit = SubmitTool(workspace, review, pivot)
    opening = kept.head(lambda: overview(workspace, slot, view, told, pivot))
    tries = None if trying is None else TryTool(workspace, trying)
    given = Assignment(workspace, submit, opening, recorder, limits, kept, view, tries)
    return await ModelAuthor(client, model, effort, user_id, jail).propose(given)


def system_prompt() -> str:
    """Read what a proposer is told first."""
    return resources.files(__package__).joinpath("system.md").read_text(encoding="utf-8")


async def _worked(agent: Agent, submit: SubmitTool, opening: str) -> tuple[End, str]:
    """Run the session and say how it ended; a submission counts whatever came after it.

    One that was pushed back stands when the session's limits leave no room to submit it again.
    """
    end: End = "no_change"
    reason = ""
    try:
        for message in (opening, REMINDER):
            reason = await agent.run(message)
            if submit.proposal:
                break
    except _LIMITS as error:
        end, reason = "limit", str(error)
        submit.proposal = submit.proposal or submit.pushed_back
    except _REFUSALS as error:
        end, reason = "refused", str(error)
    except _OUTAGES as error:
        end, reason = "outage", str(error)
    if submit.proposal:
        return "submitted", ""
    return end, reason.strip()[:500] or "ended without a word"


def _budget(limits: SessionLimits) -> Budget:
    return Budget(turns=limits.turns, tokens=limits.tokens, cost_usd=limits.cost_usd, time_s=limits.time_s)
