"""Why an attempt can end without finishing its work.

::

    AttemptError (RatchetError)
    ├── SandboxLostError             the sandbox died or could not start
    │   └── EngineLostError          the engine behind it went down, with all it ran
    ├── ProviderUnavailableError     the provider answered 5xx, or not at all, beyond the SDK's retries
    ├── ProviderRateLimitedError     the provider answered 429 beyond the SDK's retries
    ├── ProviderRefusedRequestError  the provider answered 4xx: the request itself is wrong
    ├── OutOfTurnsError              the agent used its turns
    ├── OutOfTimeError               the agent used its time
    ├── OutOfTokensError             the agent used its tokens, or the model's context
    ├── OutOfMoneyError              the attempt used its money
    ├── OutOfDiskError               the agent's files grew beyond the task's limit
    ├── ArtifactTooLargeError        what the agent left to be graded elsewhere is too large to be carried there
    ├── AgentRefusedError            the model refused
    │   └── SafetyBlockedError       the provider's filter blocked what it answered
    ├── AgentCrashedError            harness code (a tool, orchestration) failed
    ├── TamperedError                the agent changed what it is graded with
    └── VerifierBrokenError          grading gave no reward through no fault of the agent

`optimizer.failure` says for each class whether to retry and whether a reward counts.
"""

from __future__ import annotations

from traces.errors import RatchetError


class AttemptError(RatchetError):
    """Stand at the root of what ends an attempt early."""


class SandboxLostError(AttemptError):
    """Say that the sandbox died from outside or could not start."""


class EngineLostError(SandboxLostError):
    """Say that the container engine went down or was restarted, which no command of an agent can bring about."""


class ProviderUnavailableError(AttemptError):
    """Say that the provider kept failing after the SDK's retries."""


class ProviderRateLimitedError(AttemptError):
    """Say that the provider kept answering 429 after the SDK's retries."""


class ProviderRefusedRequestError(AttemptError):
    """Say that the provider called the request itself wrong (a 4xx other than 429)."""


class OutOfTurnsError(AttemptError):
    """Say that the agent used all its turns."""


class OutOfTimeError(AttemptError):
    """Say that the agent used all its time."""


class OutOfTokensError(AttemptError):
    """Say that the agent used all its tokens, or filled the model's context."""


class OutOfMoneyError(AttemptError):
    """Say that the attempt used all its money."""


class OutOfDiskError(AttemptError):
    """Say that the agent's files together grew beyond what the task allows."""


class ArtifactTooLargeError(AttemptError):
    """Say that what the agent left to be graded elsewhere is too large to be carried there."""


class AgentRefusedError(AttemptError):
    """Say that the model refused to go on."""


class SafetyBlockedError(AgentRefusedError):
    """Say that the provider's filter blocked the model's answer."""


class AgentCrashedError(AttemptError):
    """Say that code of the harness failed: a tool or an orchestration."""


class TamperedError(AttemptError):
    """Say that the agent changed what it would be graded with."""


class VerifierBrokenError(AttemptError):
    """Say that grading gave no reward through no fault of the agent."""
