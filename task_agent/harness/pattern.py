"""The orchestration patterns a harness may name, with their parameters and agent roles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator

HELPER = "helper"
"""The sub-agent of `delegate` that needs no prompt file."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]

CODE = "code"
"""The pattern whose agents work together as the harness's `orchestration.py` says."""


class PatternParams(BaseModel):
    """Stand at the root of every pattern's parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @property
    def own_roles(self) -> tuple[str, ...]:
        """The roles that the parameters name, beside the pattern's."""
        return ()


class ReactParams(PatternParams):
    """Configure `react`, which has nothing to configure."""


class VerifyThenFinishParams(PatternParams):
    """Configure `verify_then_finish`."""

    rounds: Annotated[int, Field(ge=1, le=10, strict=True)] = 2
    """How often, at most, the result is checked."""


class CodeParams(PatternParams):
    """Hand any parameters on to the harness's own `orchestration.py`, which knows what they mean."""

    model_config = ConfigDict(extra="allow")


class PlanThenActParams(PatternParams):
    """Configure `plan_then_act`."""

    look: StrictBool = True
    """Whether the planner may look at folders and files; it can change none either way."""


class BestOfNParams(PatternParams):
    """Configure `best_of_n`."""

    n: Annotated[int, Field(ge=2, le=8, strict=True)] = 3
    """How many drafts of the work are made, at most."""


class SubAgent(PatternParams):
    """Describe one kind of sub-agent to the agent that may start it."""

    about: Annotated[str, Field(max_length=300)] = ""
    """What it is for, in one line."""
    tools: tuple[str, ...] | None = None
    """The tools it is offered, by name; all of the harness's when left out."""


class DelegateParams(PatternParams):
    """Configure `delegate`."""

    agents: dict[Name, SubAgent] = Field(default_factory=lambda: {HELPER: SubAgent()}, min_length=1, max_length=8)
    """The sub-agents there are; each is told `prompts/<name>.md`."""
    most: Annotated[int, Field(ge=1, le=20, strict=True)] = 4
    """How many sub-agents an attempt may start, all depths together."""
    depth: Annotated[int, Field(ge=1, le=3, strict=True)] = 1
    """How deep sub-agents may delegate in turn; 1 lets none of them."""

    @field_validator("agents")
    @classmethod
    def _names_are_free(cls, agents: dict[str, SubAgent]) -> dict[str, SubAgent]:
        for name in agents:
            if name in _TAKEN:
                raise ValueError(f"a sub-agent cannot be called `{name}`: that is a role of its own")
        return agents

    @property
    def own_roles(self) -> tuple[str, ...]:
        """The sub-agents' names."""
        return tuple(self.agents)


_TAKEN = frozenset({"main", "system", "verifier", "planner", "chooser"})


@dataclass(frozen=True, slots=True)
class PatternSpec:
    """Describe one pattern: the model of its parameters, and the roles of its agents.

    With `open_roles` there may be an agent of any role that has a prompt file, too.
    """

    params: type[PatternParams]
    roles: tuple[str, ...]
    open_roles: bool = False

    def roles_under(self, params: Mapping[str, object]) -> tuple[str, ...]:
        """List the roles under these parameters; the first one begins."""
        return (*self.roles, *self.params.model_validate(params).own_roles)


PATTERNS: Mapping[str, PatternSpec] = MappingProxyType(
    {
        "react": PatternSpec(ReactParams, ("main",)),
        "verify_then_finish": PatternSpec(VerifyThenFinishParams, ("main", "verifier")),
        "plan_then_act": PatternSpec(PlanThenActParams, ("planner", "main")),
        "best_of_n": PatternSpec(BestOfNParams, ("main", "chooser")),
        "delegate": PatternSpec(DelegateParams, ("main",)),
        CODE: PatternSpec(CodeParams, ("main", "verifier"), open_roles=True),
    }
)
