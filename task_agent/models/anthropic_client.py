"""The one way to talk to a model: the real SDK, over the network or over an in-process model.

Importing this module costs one to three seconds (the SDK); import it where a client is made.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import anthropic
import httpx2

from task_agent.errors import OutOfTimeError, ProviderRateLimitedError, ProviderUnavailableError
from task_agent.models import _wire
from task_agent.models._failures import GarbledError, after_failure, lost, passing, translate
from task_agent.models.base import ModelReply, ModelRequest, WireModel, WireRequest
from task_agent.models.credentials import Credentials, key_for
from task_agent.models.incident import Hear, Incident, IncidentKind
from task_agent.models.prices import PriceTable
from traces.wellformed import well_formed

_IN_PROCESS_URL = "http://in-process.invalid"
_CONNECT_S = 10.0


@dataclass(slots=True)
class _Progress:
    """Follow one call: how its latest try ended, None while an answer is awaited, and the message it ended with."""

    hear: Hear
    failed_status: int | None = None
    message: Mapping[str, Any] | None = None  # Any: JSON

    def fail(self, status: int, kind: IncidentKind, text: str, number: int) -> None:
        """Note how a try failed, and tell who asked."""
        self.failed_status = status
        self.hear(Incident(kind, text, {"try": number, **({"status": status} if status else {})}))


_progress: ContextVar[_Progress] = ContextVar("progress")
_NO_ANSWER = 0


class _Watch(anthropic.Middleware):
    """Note each try's end, so that time running out in a back-off is told from a slow model, and none goes unheard."""

    async def handle_async(
        self,
        request: anthropic.APIRequest,
        call_next: Callable[[anthropic.APIRequest], Awaitable[anthropic.AsyncAPIResponse[Any]]],  # Any: SDK's own
    ) -> anthropic.AsyncAPIResponse[Any]:  # Any: SDK's own
        progress, number = _progress.get(), request.retries_taken
        progress.failed_status = None
        try:
            response = await call_next(request)
        except anthropic.APIConnectionError as error:
            progress.fail(_NO_ANSWER, lost(error), str(error.__cause__ or error), number)
            raise
        status = response.status_code
        if response.http_response.is_success:
            progress.message = _message_of(response.http_response, progress, number)
        elif kind := passing(status):
            progress.fail(status, kind, f"status {status}", number)
        else:
            progress.failed_status = status
        return response


def _message_of(response: httpx2.Response, progress: _Progress, number: int) -> Mapping[str, Any]:  # Any: JSON
    """Read the message of an answer, so that it can be sent back; what is none is asked for again."""
    body: Any = None  # Any: JSON
    problem = "the provider's answer is not a message"
    try:
        body = well_formed(response.json())
    except ValueError:
        problem = "the provider's answer is not JSON"
    except RecursionError:
        problem = "the provider's answer is nested too deeply"
    if not _wire.is_message(body):
        progress.fail(_NO_ANSWER, IncidentKind.GARBLED, problem, number)
        raise GarbledError(message=problem, request=response.request)
    message: Mapping[str, Any] = body  # Any: JSON
    return message


class _WireModelBrokeError(anthropic.AnthropicError):
    """Carry a bug of an in-process model past the SDK, which would retry any other exception."""


def in_process_transport(wire: WireModel) -> httpx2.MockTransport:
    """Wrap an in-process model as the SDK's transport; time-outs do not apply to it."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        try:
            reply = wire(WireRequest(path=request.url.path, body=json.loads(request.content)))
        except Exception as error:  # the boundary to foreign code: any bug in it must surface as itself
            raise _WireModelBrokeError(str(error)) from error
        content = json.dumps(reply.body).encode()
        return httpx2.Response(
            reply.status, content=content, headers={"content-type": "application/json", **reply.headers}
        )

    return httpx2.MockTransport(answer)


class AnthropicClient:
    """Send requests through `anthropic.AsyncAnthropic`; one object serves all attempts of a process.

    It belongs to the event loop that first uses it. Answers are taken as the provider sent them (no
    re-modelling), so blocks of unknown types survive being sent back; only what could not be sent, half a
    surrogate pair above all, is replaced.

    Args:
        prices: Prices the requests; an unknown model's cost is None.
        wire: Answers in process instead of over the network; needs no key.
        api_key: Overrides the environment.
        base_url: The API's address; None is `ANTHROPIC_BASE_URL` or the provider's own.
        max_retries: Retries of the SDK (429, 408, 409, 5xx, no connection); it obeys `retry-after`
            without a cap, and the request's `timeout_s` bounds the whole call.
        clock: Unix seconds; dates the price and measures `duration_ms`.
        middleware: More SDK middleware, run once per HTTP attempt.

    Raises:
        CredentialsError: No wire, and no key in the argument or the environment.
    """

    def __init__(
        self,
        *,
        prices: PriceTable,
        wire: WireModel | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        max_retries: int = 2,
        clock: Callable[[], float] = time.time,
        middleware: Sequence[anthropic.Middleware] = (),
    ) -> None:
        self._prices = prices
        self._clock = clock
        credentials = _credentials(wire, api_key, base_url)
        self._sdk = anthropic.AsyncAnthropic(
            api_key=None if credentials.is_token else credentials.secret,
            auth_token=credentials.secret if credentials.is_token else None,
            base_url=_IN_PROCESS_URL if wire is not None else base_url,
            timeout=httpx2.Timeout(None, connect=_CONNECT_S),
            max_retries=max_retries,
            http_client=anthropic.DefaultAsyncHttpxClient(transport=in_process_transport(wire)) if wire else None,
            middleware=(*middleware, _Watch()),
            open_telemetry=False,
        )
        self._send: Callable[..., Awaitable[Any]] = self._sdk.messages.with_raw_response.create  # Any: SDK's own
        self._closed = False

    async def create(self, request: ModelRequest) -> ModelReply:
        """Return the model's next message.

        A refusal or a full context comes back as a reply with its `stop_reason`, since it was paid for.

        Raises:
            ProviderUnavailableError: No answer, 5xx, or an answer that is no message, after all retries.
            ProviderRateLimitedError: 429 after all retries, or time ran out waiting after one.
            ProviderRefusedRequestError: Another 4xx.
            OutOfTokensError: The prompt is longer than the model's context.
            OutOfTimeError: No answer within `timeout_s` although nothing had failed.
            CredentialsError: The key is refused, or the account behind it cannot pay.
        """
        started = self._clock()
        progress = _Progress(request.hear)
        _progress.set(progress)
        try:
            async with asyncio.timeout(request.timeout_s):
                response = (await self._send(**_wire.request_body(request))).http_response
        except TimeoutError:
            raise _out_of_time(request, progress) from None
        except _WireModelBrokeError as error:
            raise error.__cause__ or error from None
        except anthropic.AnthropicError as error:
            raise translate(error) from error
        return self._reply(request, response, progress.message or {}, started)

    async def close(self) -> None:
        """Release connections; safe to call twice."""
        if not self._closed:
            self._closed = True
            await self._sdk.close()

    def _reply(
        self,
        request: ModelRequest,
        response: httpx2.Response,
        body: Mapping[str, Any],  # Any: JSON
        started: float,
    ) -> ModelReply:
        now = self._clock()
        usage = _wire.usage_of(body["usage"])
        cost = self._prices.cost(
            body.get("model") or request.model,
            usage,
            datetime.fromtimestamp(now, UTC).date(),
            stored_1h=_wire.stored_1h(body["usage"]),
        )
        return ModelReply(
            content=body["content"],
            stop_reason=body["stop_reason"],
            usage=usage,
            cost_usd=cost,
            request_id=response.headers.get("request-id"),
            duration_ms=(now - started) * 1000,
            raw_usage=body["usage"],
            stop_details=body.get("stop_details") or {},
        )


def _credentials(wire: WireModel | None, api_key: str | None, base_url: str | None) -> Credentials:
    if api_key is not None or wire is not None:
        return Credentials(secret=api_key or "in-process", variable="")
    return key_for(base_url)


def _out_of_time(
    request: ModelRequest, progress: _Progress
) -> OutOfTimeError | ProviderRateLimitedError | ProviderUnavailableError:
    if progress.failed_status is None:
        return OutOfTimeError(f"the model gave no answer within {request.timeout_s:g} s")
    return after_failure(progress.failed_status, f"time ran out after {request.timeout_s:g} s while waiting to retry")
