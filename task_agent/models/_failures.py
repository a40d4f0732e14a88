"""Which of our errors each of the SDK's becomes."""

from __future__ import annotations

import anthropic

from task_agent.errors import (
    OutOfTokensError,
    ProviderRateLimitedError,
    ProviderRefusedRequestError,
    ProviderUnavailableError,
    SafetyBlockedError,
)
from task_agent.models.incident import IncidentKind
from traces.errors import CredentialsError, RatchetError

_REFUSED_KEY = frozenset({401, 403})
_CANNOT_PAY = 402
_TOO_LARGE = 413
_RATE_LIMITED = 429
_TRANSIENT = frozenset({408, 409, 499})
_SERVER = 500
_OVERLOADED = 529
_TOO_LONG = "prompt is too long"  # the provider has no code for it; the words have been stable for years
_BLOCKED = "content filtering policy"  # nor for this: a 400 like any other, but for its words
_CUT_SHORT = "complete message body"  # how httpx words a body that ends before its announced length


class GarbledError(anthropic.APIConnectionError):
    """Say that a 200 held no message; a kind of lost connection, so that the SDK asks again."""


def translate(error: anthropic.AnthropicError) -> RatchetError:
    """Turn an error of the SDK, raised after its retries, into ours."""
    if isinstance(error, anthropic.APIStatusError):
        return _from_status(error)
    if isinstance(error, GarbledError):
        return ProviderUnavailableError(error.message)
    if isinstance(error, anthropic.APIConnectionError):
        cause = type(error.__cause__).__name__ if error.__cause__ else type(error).__name__
        return ProviderUnavailableError(f"no answer from the provider at {error.request.url.host!r} ({cause})")
    return ProviderUnavailableError(f"the SDK gave up: {error}")


def passing(status: int) -> IncidentKind | None:
    """Say which incident a status is, when the same request may do better; None when it may not."""
    if status == _RATE_LIMITED:
        return IncidentKind.RATE_LIMITED
    if status == _OVERLOADED:
        return IncidentKind.OVERLOADED
    return IncidentKind.SERVER_ERROR if status >= _SERVER or status in _TRANSIENT else None


def lost(error: anthropic.APIConnectionError) -> IncidentKind:
    """Say whether a connection ended before its answer or within it."""
    return IncidentKind.CUT_SHORT if _CUT_SHORT in str(error.__cause__) else IncidentKind.NO_ANSWER


def after_failure(status: int, what: str) -> ProviderRateLimitedError | ProviderUnavailableError:
    """Blame the provider for time lost in a back-off; status 0 means there had been no answer."""
    said = f"status {status}" if status else "no answer"
    if status == _RATE_LIMITED:
        return ProviderRateLimitedError(f"{what} ({said})")
    return ProviderUnavailableError(f"{what} ({said})")


def _from_status(error: anthropic.APIStatusError) -> RatchetError:
    status, text = error.status_code, _describe(error)
    if status in _REFUSED_KEY:
        return CredentialsError(f"the provider refused the key: {text}", hint="check ANTHROPIC_API_KEY")
    if status == _CANNOT_PAY or (error.error_code or "").endswith("spend_limit_reached"):
        return CredentialsError(f"the account cannot pay: {text}", hint="add credit or raise its spend limit")
    if status == _RATE_LIMITED:
        return ProviderRateLimitedError(text)
    if status >= _SERVER or status in _TRANSIENT:
        return ProviderUnavailableError(text)
    if status == _TOO_LARGE or _TOO_LONG in (error.api_message or ""):
        return OutOfTokensError(text)
    if _BLOCKED in (error.api_message or ""):
        return SafetyBlockedError(text)
    return ProviderRefusedRequestError(text)


def _describe(error: anthropic.APIStatusError) -> str:
    said = error.api_message or "no message"
    request = f", request {error.request_id}" if error.request_id else ""
    return f"{said} (status {error.status_code}{request})"
