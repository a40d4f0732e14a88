"""Harbor's exceptions and our causes: what ended a trial, in the words of the other side."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from optimizer.failure import CAUSES, UNCLASSIFIED, WORKER_LOST

EXCEPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AgentTimeoutError": "out_of_time",
        "ContextLengthExceededError": "out_of_tokens",
        "ContextWindowExceededError": "out_of_tokens",
        "OutputLengthExceededError": "out_of_tokens",
        "OutputTokenExceededError": "out_of_tokens",
        "AgentSafetyRefusalError": "agent_refused",
        "NonZeroAgentExitCodeError": "agent_crashed",
        "VerifierTimeoutError": "verifier_broken",
        "VerifierOutputParseError": "verifier_broken",
        "RewardFileNotFoundError": "verifier_broken",
        "RewardFileEmptyError": "verifier_broken",
        "AddTestsDirError": "verifier_broken",
        "DownloadVerifierDirError": "verifier_broken",
        "AgentSetupTimeoutError": "sandbox_lost",
        "EnvironmentBuildTimeoutError": "sandbox_lost",
        "EnvironmentStartTimeoutError": "sandbox_lost",
        "HealthcheckError": "sandbox_lost",
        "SandboxBuildFailedError": "sandbox_lost",
        "ApiUsageLimitError": "provider_rate_limited",
        "RateLimitError": "provider_rate_limited",
        "NetworkConnectionError": "provider_unavailable",
        "ServiceUnavailableError": "provider_unavailable",
        "AgentAuthenticationError": "credentials",
        "AuthenticationError": "credentials",
        "CancelledError": WORKER_LOST.name,
    }
)
"""Exception type of a trial -> cause of an attempt. What is not here is `unclassified`, its name kept as the detail."""

_NAMES: Final[Mapping[str, str]] = {cause.name: kind.__name__ for kind, cause in CAUSES.items()}


def cause_of(exception: str) -> str:
    """Give the cause that a trial's exception type stands for, Harbor's or ours."""
    ours = next((cause for cause, name in _NAMES.items() if name == exception), UNCLASSIFIED.name)
    return EXCEPTIONS.get(exception, ours)


def exception_of(cause: str) -> str:
    """Name the exception that a cause stands for; Harbor's own word where there is one."""
    known = next((name for name, ours in EXCEPTIONS.items() if ours == cause), None)
    return known or _NAMES.get(cause) or "".join(part.title() for part in cause.split("_")) + "Error"
