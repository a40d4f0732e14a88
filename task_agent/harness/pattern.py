"""The orchestration patterns a harness may name, with their parameters and agent roles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

CODE = "code"
"""The pattern whose agents work together as the harness's `orchestration.py` says."""


class PatternParams(BaseModel):
    """Stand at the root of every pattern's parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ReactParams(PatternParams):
    """Configure `react`, which has nothing to configure."""


class VerifyThenFinishParams(PatternParams):
    """Configure `verify_then_finish`."""

    rounds: Annotated[int, Field(ge=1, le=10, strict=True)] = 2
    """How often, at most, the result is checked."""


class CodeParams(PatternParams):
    """Hand any parameters on to the harness's own `orchestration.py`, which knows what they mean."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, slots=True)
class PatternSpec:
    """Describe one pattern: the model of its parameters, and the roles of its agents.

    With `open_roles` there may be an agent of any role that has a prompt file, too.
    """

    params: type[PatternParams]
    roles: tuple[str, ...]
    open_roles: bool = False


PATTERNS: Mapping[str, PatternSpec] = MappingProxyType(
    {
        "react": PatternSpec(ReactParams, ("main",)),
        "verify_then_finish": PatternSpec(VerifyThenFinishParams, ("main", "verifier")),
        CODE: PatternSpec(CodeParams, ("main", "verifier"), open_roles=True),
    }
)
