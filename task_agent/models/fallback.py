"""Another model where the first refuses, or cannot be reached: a policy, and never a silent one."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from task_agent.errors import AttemptError, ProviderRateLimitedError, ProviderUnavailableError, SafetyBlockedError
from task_agent.models.base import Message, ModelClient, ModelReply, ModelRequest
from task_agent.models.incident import Incident, IncidentKind

_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_LEAST_S = 0.001


@dataclass(frozen=True, slots=True)
class Fallback:
    """Say which models are asked after a role's own, in order, and after what."""

    models: tuple[str, ...]
    on_refusal: bool = True
    on_outage: bool = False


class FallbackClient:
    """Ask the next model what one refused, or could not answer; the reply names the model that answered.

    A request for a fallback model starts with that one, so a conversation can stay with who answered it.
    A reply holds what the refusing models used, too; where nobody answers in the end, that part is lost
    with the error.

    Args:
        client: Sends the requests; it serves all of the models.
        fallback: The models and the policy.
        clock: Seconds that only grow: all models share the request's `timeout_s`.
    """

    def __init__(self, client: ModelClient, fallback: Fallback, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._fallback = fallback
        self._clock = clock

    async def create(self, request: ModelRequest) -> ModelReply:
        """Return the first answer that is no refusal, or the last refusal."""
        until = self._clock() + request.timeout_s
        refused: list[ModelReply] = []
        models = [request.model, *self._after(request.model)]
        for model, following in itertools.zip_longest(models, models[1:]):
            left_s = max(until - self._clock(), _LEAST_S)
            asked = request if model == request.model else _put_to(request, model, left_s)
            try:
                reply = await self._client.create(asked)
            except AttemptError as error:
                if following is None or not self._passes_on(error):
                    raise
                _tell(request, model, following, error)
                continue
            if following is None or reply.stop_reason != "refusal" or not self._fallback.on_refusal:
                break
            _tell(request, model, following, reply)
            refused.append(reply)
        return _summed(reply, refused) if model == request.model else replace(_summed(reply, refused), model=model)

    async def close(self) -> None:
        """Release connections; safe to call twice."""
        await self._client.close()

    def _after(self, model: str) -> tuple[str, ...]:
        models = self._fallback.models
        return models[models.index(model) + 1 :] if model in models else models

    def _passes_on(self, error: AttemptError) -> bool:
        if isinstance(error, SafetyBlockedError):
            return self._fallback.on_refusal
        return isinstance(error, ProviderUnavailableError | ProviderRateLimitedError) and self._fallback.on_outage


def without_thoughts(messages: Sequence[Message]) -> list[Message]:
    """Leave out what one model thought: its signatures mean nothing to another."""
    kept = (
        Message(said.role, [block for block in said.content if block.get("type") not in _THOUGHTS]) for said in messages
    )
    return [message for message in kept if message.content]


def refusal(model: str, reply: ModelReply) -> Incident:
    """Word a refusal as an incident."""
    said = reply.stop_details.get("explanation") or "the model refused to go on"
    data = {"model": model, "category": reply.stop_details.get("category"), "request_id": reply.request_id}
    return Incident(IncidentKind.REFUSAL, str(said), {key: value for key, value in data.items() if value is not None})


def _put_to(request: ModelRequest, model: str, timeout_s: float) -> ModelRequest:
    return replace(request, model=model, messages=without_thoughts(request.messages), timeout_s=timeout_s)


def _tell(request: ModelRequest, model: str, following: str, ended: ModelReply | AttemptError) -> None:
    """Tell why a model did not answer, and who is asked next; the tries of an outage were told one by one."""
    if isinstance(ended, ModelReply):
        told = refusal(model, ended)
        used = {"tokens": ended.usage.total, "cost_usd": ended.cost_usd}
        request.hear(replace(told, data={**told.data, **used}))
        why = "refused"
    elif isinstance(ended, SafetyBlockedError):
        request.hear(Incident(IncidentKind.SAFETY_BLOCK, str(ended), {"model": model}))
        why = "was blocked"
    else:
        why = "is out of reach"
    text = f"{model} {why}; {following} is asked"
    request.hear(Incident(IncidentKind.FALLBACK, text, {"from": model, "model": following}))


def _summed(reply: ModelReply, refused: Sequence[ModelReply]) -> ModelReply:
    """Add what the refusing models used; one request without a price leaves the whole unpriced."""
    if not refused:
        return reply
    replies = [*refused, reply]
    costs = [each.cost_usd for each in replies]
    known = [cost for cost in costs if cost is not None]
    usage = sum((each.usage for each in refused), reply.usage)
    duration_ms = sum(each.duration_ms for each in replies)
    return replace(
        reply, usage=usage, cost_usd=sum(known) if len(known) == len(costs) else None, duration_ms=duration_ms
    )
