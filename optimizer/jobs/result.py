"""A trial's `result.json` as Harbor writes it; what is not used here, or is newer than this page, is passed over."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

OURS = "ratchet"
"""The key of `agent_result.metadata` under which an export of ours says what Harbor has no field for."""

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Tokens = Annotated[int, Field(strict=True, ge=0)]


def _in_utc(given: object) -> object:
    """Take a moment without a zone as UTC, which is what Harbor writes."""
    bare = isinstance(given, str) and not given.endswith("Z") and "+" not in given[10:] and "-" not in given[10:]
    return f"{given}Z" if bare else given


Moment = Annotated[AwareDatetime, BeforeValidator(_in_utc)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class ModelInfo(_Part):
    """Name the model that an agent asked."""

    name: str
    provider: str | None = None


class AgentInfo(_Part):
    """Name the agent."""

    name: str
    version: str = "unknown"
    model_info: ModelInfo | None = None


class AgentResult(_Part):
    """Say what the agent used; `n_input_tokens` includes what a cache served."""

    n_input_tokens: Tokens | None = None
    n_cache_tokens: Tokens | None = None
    n_output_tokens: Tokens | None = None
    cost_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    metadata: dict[str, Any] | None = None  # Any: the agent's own JSON

    @property
    def tokens(self) -> int | None:
        """Add up what is known; None when nothing is."""
        if self.n_input_tokens is None and self.n_output_tokens is None:
            return None
        return (self.n_input_tokens or 0) + (self.n_output_tokens or 0)


class VerifierResult(_Part):
    """Hold the rewards by name; None when the verifier left none."""

    rewards: dict[str, Number] | None = None


class ExceptionInfo(_Part):
    """Say what ended a trial."""

    type: str = Field(validation_alias=AliasChoices("exception_type", "type"))
    message: str = Field(default="", validation_alias=AliasChoices("exception_message", "message"))


class StepResult(_Part):
    """Name one step of a trial of several."""

    step_name: str


class TrialResult(_Part):
    """Hold what is read of one trial."""

    id: str | None = None
    task_name: str
    trial_name: str
    task_checksum: str | None = None
    agent_info: AgentInfo
    agent_result: AgentResult | None = None
    verifier_result: VerifierResult | None = None
    exception_info: ExceptionInfo | None = None
    started_at: Moment | None = None
    finished_at: Moment | None = None
    step_results: list[StepResult] | None = None

    @property
    def ours(self) -> dict[str, Any]:  # Any: JSON
        """Give what an export of ours wrote beside Harbor's fields; empty for another tool's trial."""
        found = ((self.agent_result.metadata if self.agent_result else None) or {}).get(OURS)
        return found if isinstance(found, dict) else {}

    @property
    def duration_s(self) -> float:
        """Give the whole trial's time; 0 when it is not told."""
        if self.started_at is None or self.finished_at is None:
            return 0.0
        return max(0.0, (self.finished_at - self.started_at).total_seconds())
