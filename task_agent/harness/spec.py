"""`harness.yaml`: everything about a harness that is a number, a name or a switch."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from task_agent.harness.pattern import Name
from task_agent.harness.yaml_source import YamlSource, check_model, read_yaml

BuiltinTool = Literal["bash", "edit_file", "view"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]
Count = Annotated[int, Field(ge=1, strict=True)]
Amount = Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)]
Commands = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=2000)], ...], Field(max_length=10)]

LOOK_AROUND = (
    "ls -A | head -n 30",
    "find . -maxdepth 1 -type f -size -1000k | sort | head -n 10 | xargs -r -d '\\n' head -v -n 3 -c 400 | cat -v",
    "for program in python3 git sqlite3 jq gcc node; do command -v $program; done; true",
)
"""What a snapshot shows unless a harness says otherwise: names, how small files begin, programs."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Limits(_Section):
    """Bound one attempt; all its agents share these."""

    turns: Count = 30
    """Model calls."""
    tokens: Count = 200_000
    """Tokens of all requests together: input, output, and what the cache served or stored."""
    time_s: Amount = 600.0
    """Seconds from the agent's start to its end."""
    cost_usd: Amount | None = None
    """Money; requests without a known price do not count toward it."""
    command_timeout_s: Amount = 60.0
    """Seconds one command or script tool may take before it is killed."""
    max_output_tokens: Count = 4096
    """Tokens one reply of the model may have."""


class Checks(_Section):
    """Hold the main agent to checks each time it wants to be done, whatever the pattern."""

    prompt: Annotated[str, Field(max_length=4000)] = ""
    """What it is asked when it first wants to be done; nothing when empty."""
    commands: Commands = ()
    """Shell commands, run in the working directory; what fails goes back to the agent."""
    rounds: Annotated[int, Field(ge=1, le=10, strict=True)] = 2
    """How often, at most, failing commands go back to the agent."""


class Orchestration(_Section):
    """Choose how the attempt's agents work together."""

    pattern: str = "react"
    """Name of a built-in pattern."""
    params: dict[str, Any] = Field(default_factory=dict)  # Any: each pattern validates its own
    """Parameters of that pattern."""
    checks: Checks = Checks()
    """What must hold before the main agent may finish."""


class ModelRole(_Section):
    """Set what one agent role asks of its model; which model it is belongs to the run file."""

    effort: Effort | None = None
    """Reasoning effort; None leaves the run file's choice."""


class Snapshot(_Section):
    """Show the environment in the first message, so that no turn goes into looking around."""

    enabled: StrictBool = False
    """Whether to."""
    commands: Commands = LOOK_AROUND
    """What is run in the working directory for it, before the first turn."""
    max_chars: Annotated[int, Field(ge=500, strict=True)] = 4000
    """Characters of all it shows; the middle is left out."""


class Trim(_Section):
    """Take old tool results out of a conversation that has grown long."""

    above_tokens: Annotated[int, Field(ge=1000, strict=True)] | None = None
    """Size of a request from which on it is done; None never does."""
    keep_results: Count = 8
    """The newest results, which stay; as many older ones must have come together before any goes."""


class Context(_Section):
    """Say what of the world reaches a model's context."""

    max_tool_output_chars: Annotated[int, Field(ge=100, strict=True)] = 8000
    """Characters of one tool's output the model sees; the middle is left out, the trace keeps all."""
    snapshot: Snapshot = Snapshot()
    """What an agent is shown of the environment before its first turn."""
    trim: Trim = Trim()
    """When old tool results leave a conversation."""


class SearchRange(_Section):
    """Give the tuner room for one key: `low` to `high`, or `choices`."""

    low: float | int | None = None
    """Smallest value to try."""
    high: float | int | None = None
    """Largest value to try; whole numbers at both ends leave whole numbers between them."""
    step: float | int | None = None
    """Distance of the values between `low` and `high`; they must be a multiple of it apart."""
    log: StrictBool = False
    """Try small values as often as large ones: for ranges over several powers of ten."""
    choices: tuple[str | int | float | bool | None, ...] | None = None
    """Values to try."""

    @model_validator(mode="after")
    def _one_form(self) -> SearchRange:
        if self.choices is not None:
            if self.model_fields_set != {"choices"} or not self.choices:
                raise ValueError("give either `low` and `high`, or `choices` alone with at least one value")
            return self
        if self.low is None or self.high is None or self.low >= self.high:
            raise ValueError("give `low` and `high` with low < high, or `choices`")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("`log` needs a `low` above 0 and no `step`")
        if self.step is not None and not _divides(self.step, self.high - self.low):
            raise ValueError(f"`step` must divide the {self.high - self.low:g} between `low` and `high` evenly")
        return self

    @property
    def samples(self) -> tuple[object, ...]:
        """List values that must all be valid for the key: the ends, or every choice."""
        return self.choices if self.choices is not None else (self.low, self.high)


def _divides(step: float, width: float) -> bool:
    return step > 0 and math.isclose(width / step, round(width / step), rel_tol=1e-9) and round(width / step) >= 1


class HarnessSpec(_Section):
    """Hold a parsed `harness.yaml`."""

    name: Name
    """Short name for people; not part of what the harness does."""
    tools: tuple[BuiltinTool, ...] = ("bash",)
    """Built-in tools the main agent is offered; script tools in `tools/` are always offered."""
    limits: Limits = Limits()
    """Bounds of one attempt."""
    orchestration: Orchestration = Orchestration()
    """How agents work together."""
    models: dict[str, ModelRole] = Field(default_factory=dict)
    """Settings by agent role."""
    context: Context = Context()
    """What reaches a model's context."""
    search: dict[str, SearchRange] = Field(default_factory=dict)
    """Dotted keys of this file the tuner may vary, and how far."""

    @model_validator(mode="after")
    def _tools_differ(self) -> HarnessSpec:
        if len(set(self.tools)) != len(self.tools):
            raise ValueError("a tool is listed twice in `tools`")
        return self


@lru_cache(maxsize=256)
def parse_spec(content: bytes, path: Path = Path("harness.yaml")) -> HarnessSpec:
    """Parse and validate the text of a `harness.yaml`; equal text is parsed once per process.

    Raises:
        HarnessError: It is not a valid one; the error says where.
    """
    return check_model(HarnessSpec, read_yaml(content, path))


def spec_source(content: bytes, path: Path) -> YamlSource:
    """Parse the text again for the places of its keys."""
    return read_yaml(content, path)
