from __future__ import annotations

from typing import Any

import pytest

from optimizer.propose import Proposal, ProposalOutcome, SessionLimits, Workspace, propose
from optimizer.propose.session import system_prompt
from task_agent.errors import ProviderRefusedRequestError, ProviderUnavailableError
from task_agent.models.base import ModelReply
from task_agent.models.scripted import ScriptedModel, call, reply, say
from traces import CredentialsError, EventKind, MemoryRecorder, RatchetError, TokenUsage

EDIT = call("edit_file", {"path": "prompts/system.md", "old": "Be quick.", "new": "Look first."})
CLAIM = {
    "title": "Look first",
    "hypothesis": "The header is not in the first row.",
    "refuted_by": "It fails as often with the header found.",
    "evidence": ["c000/sum-01/a00"],
    "prediction": {"fixes": ["sum-01"], "at_risk": []},
}
SUBMIT = call("submit_change", CLAIM)


class Session:
    """Run one scripted session and keep what it asked and recorded."""

    def __init__(self, workspace: Workspace, *steps: ModelReply | RatchetError) -> None:
        self.model = ScriptedModel(steps)
        self.recorder = MemoryRecorder()
        self._workspace = workspace

    async def run(self, **limits: Any) -> ProposalOutcome:
        return await propose(
            self._workspace,
            client=self.model,
            model="meta",
            effort="high",
            recorder=self.recorder,
            user_id="token",
            limits=SessionLimits(**limits),
            slot=7,
        )


async def test_a_session_reads_edits_and_submits(workspace: Workspace) -> None:
    steps = (call("list_attempts", {}), call("read_trace", {"attempt": "c000/sum-01/a00"}), EDIT, SUBMIT)
    session = Session(workspace, *steps)
    outcome = await session.run()
    assert outcome.end == "submitted"
    assert outcome.proposal is not None
    assert b"Look first." in outcome.proposal.bundle.files["prompts/system.md"]
    assert (outcome.turns, outcome.usage, outcome.cost_usd) == (4, TokenUsage(40, 20), 0.0)


async def test_the_first_request_states_goals_tools_overview_and_slot(workspace: Workspace) -> None:
    session = Session(workspace, EDIT, SUBMIT)
    await session.run()
    request = session.model.requests[0]
    assert request.system == system_prompt()
    assert [tool.name for tool in request.tools][-1] == "submit_change"
    assert request.messages[0].content[0]["text"].splitlines()[-1] == "Slot: 7"
    assert (request.user_id, request.effort, request.model) == ("token", "high", "meta")


async def test_the_session_is_traced_as_the_proposers(workspace: Workspace) -> None:
    session = Session(workspace, EDIT, SUBMIT)
    await session.run()
    events = session.recorder.events
    assert {event.agent for event in events} == {"proposer"}
    assert [event.kind for event in events].count(EventKind.TOOL_RESULT) == 2


async def test_a_refused_submission_can_be_mended(workspace: Workspace) -> None:
    outcome = await Session(workspace, SUBMIT, EDIT, SUBMIT).run()
    assert outcome.end == "submitted"


async def test_stopping_without_a_change_is_asked_about_once(workspace: Workspace) -> None:
    session = Session(workspace, say("I looked."), say("There is no cause that two tasks share."))
    outcome = await session.run()
    assert (outcome.end, outcome.proposal) == ("no_change", None)
    assert outcome.reason == "There is no cause that two tasks share."
    assert len(session.model.requests) == 2


async def test_a_reminded_proposer_may_still_submit(workspace: Workspace) -> None:
    assert (await Session(workspace, say("Done."), EDIT, SUBMIT).run()).end == "submitted"


@pytest.mark.parametrize("limits", [{"turns": 1}, {"tokens": 15}, {"cost_usd": 0.0}, {"time_s": 0.0}])
async def test_each_limit_ends_the_session_and_what_was_used_is_reported(
    workspace: Workspace, limits: dict[str, float]
) -> None:
    outcome = await Session(workspace, EDIT, SUBMIT).run(**limits)
    assert (outcome.end, outcome.proposal) == ("limit", None)
    assert "used" in outcome.reason
    assert outcome.turns <= 1


async def test_a_submission_on_the_last_turn_counts(workspace: Workspace) -> None:
    assert (await Session(workspace, EDIT, SUBMIT).run(turns=2)).end == "submitted"


async def test_a_refusal_and_a_refused_request_end_the_session(workspace: Workspace) -> None:
    refused = await Session(workspace, reply([], stop_reason="refusal")).run()
    wrong = await Session(workspace, ProviderRefusedRequestError("prompt is too long")).run()
    assert refused.end == wrong.end == "refused"
    assert wrong.reason == "prompt is too long"


async def test_an_outage_is_told_apart_and_keeps_its_bill(workspace: Workspace) -> None:
    outcome = await Session(workspace, EDIT, ProviderUnavailableError("down")).run()
    assert (outcome.end, outcome.turns, outcome.usage.total) == ("outage", 1, 15)


async def test_a_missing_key_is_not_an_outcome(workspace: Workspace) -> None:
    with pytest.raises(CredentialsError):
        await Session(workspace, CredentialsError("no key")).run()


async def test_an_unpriced_session_is_not_free(workspace: Workspace) -> None:
    outcome = await Session(workspace, say("a", cost_usd=None), say("b", cost_usd=None)).run()
    assert (outcome.cost_usd, outcome.unpriced_requests) == (None, 2)


async def test_unknown_tools_and_malformed_inputs_do_not_end_the_session(workspace: Workspace) -> None:
    steps = (call("rm", {}), call("edit_file", {"path": 3, "new": "x"}), call("query_traces", {}), EDIT, SUBMIT)
    assert (await Session(workspace, *steps).run()).end == "submitted"


# A reviewer --------------------------------------------------------------------------------------


class Critic:
    """Object to the first proposals with these words, then to none."""

    def __init__(self, *words: str) -> None:
        self._words = list(words)
        self.read: list[str] = []

    async def __call__(self, proposal: Proposal) -> str:
        self.read.append(proposal.title)
        return self._words.pop(0) if self._words else ""


async def reviewed(workspace: Workspace, critic: Critic, *steps: ModelReply, **limits: Any) -> ProposalOutcome:
    return await propose(
        workspace,
        client=ScriptedModel(steps),
        model="meta",
        effort=None,
        recorder=MemoryRecorder(),
        user_id="token",
        limits=SessionLimits(**limits),
        slot=7,
        review=critic,
    )


def again(**change: Any) -> ModelReply:
    return call("submit_change", {**CLAIM, **change})


async def test_a_proposal_nobody_objects_to_ends_the_session(workspace: Workspace) -> None:
    critic = Critic()
    outcome = await reviewed(workspace, critic, EDIT, SUBMIT)
    assert (outcome.end, outcome.turns, critic.read) == ("submitted", 2, ["Look first"])


async def test_the_author_may_amend_once_and_what_it_submits_then_stands(workspace: Workspace) -> None:
    critic = Critic("name a task", "still not good")
    outcome = await reviewed(workspace, critic, EDIT, SUBMIT, again(refuted_by="sum-01 fails again"))
    assert outcome.proposal is not None
    assert (outcome.end, outcome.proposal.refuted_by) == ("submitted", "sum-01 fails again")
    assert critic.read == ["Look first"]


async def test_the_same_proposal_submitted_again_stands(workspace: Workspace) -> None:
    assert (await reviewed(workspace, Critic("too much"), EDIT, SUBMIT, SUBMIT)).end == "submitted"


async def test_an_objection_can_make_the_author_withdraw(workspace: Workspace) -> None:
    words = say("That cannot be tested; I withdraw it.")
    outcome = await reviewed(workspace, Critic("too much"), EDIT, SUBMIT, words, words)
    assert (outcome.end, outcome.proposal, outcome.reason) == (
        "no_change",
        None,
        "That cannot be tested; I withdraw it.",
    )


async def test_a_proposal_pushed_back_on_the_last_turn_stands(workspace: Workspace) -> None:
    outcome = await reviewed(workspace, Critic("too much"), EDIT, SUBMIT, turns=2)
    assert outcome.end == "submitted"


async def test_what_does_not_hold_is_refused_before_the_reviewer_is_asked(workspace: Workspace) -> None:
    critic = Critic("too much")
    await reviewed(workspace, critic, SUBMIT, EDIT, SUBMIT, SUBMIT)
    assert critic.read == ["Look first"]
