"""Why an attempt ended without a verifier's reward, and what follows: one frozen table, by exception class.

What is provably infrastructure and happens before the first agent step is tried again, twice, in both
arms alike, and is missing after that. Whatever can depend on what the agent did is reward 0 and final:
dropping or repeating such attempts would favour the harness that causes them (KEEP_GATE, "Edge cases").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from task_agent import errors
from traces.errors import CredentialsError
from traces.storage import StorageError, no_more_files

MAX_RETRIES: Final = 2
"""How often an attempt is tried again when infrastructure failed before its first step."""


class Fault(StrEnum):
    """Name who is to blame."""

    INFRASTRUCTURE = "infrastructure"
    AGENT = "agent"
    BENCHMARK = "benchmark"
    RATCHET = "ratchet"


@dataclass(frozen=True, slots=True)
class Cause:
    """Say what one kind of failure means for the score.

    `retry` holds only before the agent's first step. `zero` means the attempt counts with reward 0;
    otherwise it is missing. `fatal` stops the run at once, and
    the attempt stays owed: no other could do better.
    """

    name: str
    fault: Fault
    retry: bool = False
    zero: bool = False
    fatal: bool = False


CAUSES: Final[Mapping[type[BaseException], Cause]] = MappingProxyType(
    {
        errors.SandboxLostError: Cause("sandbox_lost", Fault.INFRASTRUCTURE, retry=True),
        errors.EngineLostError: Cause("engine_lost", Fault.INFRASTRUCTURE, retry=True),
        errors.ProviderUnavailableError: Cause("provider_unavailable", Fault.INFRASTRUCTURE, retry=True),
        errors.ProviderRateLimitedError: Cause("provider_rate_limited", Fault.INFRASTRUCTURE, retry=True),
        errors.ProviderRefusedRequestError: Cause("request_refused", Fault.AGENT, zero=True),
        CredentialsError: Cause("credentials", Fault.INFRASTRUCTURE, fatal=True),
        StorageError: Cause("storage", Fault.INFRASTRUCTURE, fatal=True),
        errors.OutOfTurnsError: Cause("out_of_turns", Fault.AGENT, zero=True),
        errors.OutOfTimeError: Cause("out_of_time", Fault.AGENT, zero=True),
        errors.OutOfTokensError: Cause("out_of_tokens", Fault.AGENT, zero=True),
        errors.OutOfMoneyError: Cause("out_of_money", Fault.AGENT, zero=True),
        errors.OutOfDiskError: Cause("out_of_disk", Fault.AGENT, zero=True),
        errors.ArtifactTooLargeError: Cause("artifact_too_large", Fault.AGENT, zero=True),
        errors.AgentRefusedError: Cause("agent_refused", Fault.AGENT, zero=True),
        errors.SafetyBlockedError: Cause("safety_blocked", Fault.AGENT, zero=True),
        errors.AgentCrashedError: Cause("agent_crashed", Fault.AGENT, zero=True),
        errors.TamperedError: Cause("tampered", Fault.AGENT, zero=True),
        errors.VerifierBrokenError: Cause("verifier_broken", Fault.BENCHMARK, zero=True),
    }
)

SANDBOX_LOST_AT_WORK: Final = Cause("sandbox_lost_at_work", Fault.AGENT, zero=True)
"""The sandbox died after it had started for the agent: out of memory looks just like this, so it counts."""

UNCLASSIFIED: Final = Cause("unclassified", Fault.RATCHET)
"""An exception nobody foresaw: a bug of ours, so the attempt is missing and the report shows it."""

WORKER_LOST: Final = Cause("worker_lost", Fault.INFRASTRUCTURE)
"""The worker's process or machine died, more often than the scheduler tries again."""


def classify(error: BaseException, *, started: bool) -> Cause:
    """Look up what `error` means; `started` says whether the agent had taken a step that could lead to it."""
    if no_more_files(error):
        return CAUSES[StorageError]
    if started and isinstance(error, errors.SandboxLostError) and not isinstance(error, errors.EngineLostError):
        return SANDBOX_LOST_AT_WORK
    for kind in type(error).__mro__:
        if kind in CAUSES:
            return CAUSES[kind]
    return UNCLASSIFIED


def lost_before_first_step(name: str | None, turns: int) -> bool:
    """Say whether the cause called `name` took an attempt before anything the agent did could lead to it.

    A sandbox counts as lost only while no command had reached it; a provider may also fail at a later turn.
    """
    early = {cause.name for cause in CAUSES.values() if cause.retry}
    sandbox = CAUSES[errors.SandboxLostError].name
    return name in early and (name == sandbox or turns == 0)


def fault_of(name: str) -> Fault:
    """Say whose fault the cause called `name` is."""
    rows = [*CAUSES.values(), SANDBOX_LOST_AT_WORK, UNCLASSIFIED, WORKER_LOST]
    return next((cause.fault for cause in rows if cause.name == name), Fault.RATCHET)


def is_fatal(name: str | None) -> bool:
    """Say whether the cause called `name` stops the run."""
    return any(cause.fatal and cause.name == name for cause in CAUSES.values())
