"""A file of faults: which requests to the simulated model go wrong, and how."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchmarks.simulated.conversation import Conversation, parse, problem
from benchmarks.simulated.draws import uniform
from benchmarks.simulated.roles import Role, role_of
from task_agent.harness.yaml_source import check_model, read_yaml
from task_agent.models.fault import Fault
from task_agent.models.loopback import Asked
from traces.errors import ConfigError, NotFoundError, Place

FaultName = Literal[
    "rate_limited",
    "overloaded",
    "server_error",
    "status",
    "disconnect",
    "truncated",
    "garbled",
    "slow",
    "refusal",
    "blocked",
    "cut_off",
    "context_full",
    "prompt_too_long",
    "malformed_input",
    "unknown_tool",
]
"""The faults that a file may name."""

_PLAIN: Final[Mapping[str, Callable[[], Fault]]] = MappingProxyType(
    {
        "overloaded": Fault.overloaded,
        "server_error": Fault.server_error,
        "disconnect": Fault.disconnect,
        "truncated": Fault.truncated,
        "garbled": Fault.garbled,
        "refusal": Fault.refusal,
        "blocked": Fault.blocked,
        "cut_off": Fault.cut_off,
        "context_full": Fault.context_full,
        "prompt_too_long": Fault.prompt_too_long,
        "malformed_input": Fault.malformed_input,
        "unknown_tool": Fault.unknown_tool,
    }
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class FaultRule(_Part):
    """Say which requests meet a fault; a request must fit all that is set."""

    fault: FaultName
    """What happens."""
    chance: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of the fitting requests that meet it."""
    role: Role | None = None
    """Who asks, told by the tools offered and by what it was told first."""
    tool: str | None = None
    """A tool that is offered."""
    model: str | None = None
    """The model that is asked."""
    turn: Annotated[int, Field(ge=1, strict=True)] | None = None
    """The turn of the conversation, from 1."""
    request: Annotated[int, Field(ge=1, strict=True)] | None = None
    """The number of the request since the server started, in the order they came in."""
    tries: Annotated[int, Field(ge=1, strict=True)] = 1
    """How many tries of such a request meet it: 1 lets the first repetition through, 99 none."""
    status: Annotated[int, Field(ge=400, le=599, strict=True)] | None = None
    """The status of `fault: status`."""
    delay_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """The delay of `fault: slow`."""
    retry_after_s: Annotated[float, Field(ge=0, le=3600)] | None = None
    """How long `fault: rate_limited` asks to wait; it says nothing when empty."""

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        wanted = {"status": "status", "delay_s": "slow"}
        for key, fault in wanted.items():
            if (getattr(self, key) is not None) != (self.fault == fault):
                raise ValueError(f"`{key}` goes with `fault: {fault}`, and only with it")
        if self.retry_after_s is not None and self.fault != "rate_limited":
            raise ValueError("`retry_after_s` goes with `fault: rate_limited` only")
        return self

    def fits(self, asked: Asked, turn: int, said: Conversation) -> bool:
        """Say whether a request is of the kind this rule is about."""
        body = asked.request.body
        return (
            asked.tries < self.tries
            and self.role in (None, role_of(said))
            and (self.tool is None or self.tool in said.tool_names)
            and self.model in (None, body.get("model"))
            and self.turn in (None, turn)
            and self.request in (None, asked.number)
        )

    def made(self) -> Fault:
        """Make the fault."""
        if self.fault == "rate_limited":
            return Fault.rate_limited(retry_after_s=self.retry_after_s)
        if self.fault == "slow":
            return Fault.slow(self.delay_s or 0.0)
        if self.fault == "status":
            return Fault.status(self.status or 500)
        return _PLAIN[self.fault]()


class FaultFile(_Part):
    """Hold a file of faults."""

    seed: Annotated[int, Field(strict=True)] = 0
    """What the chances are drawn from."""
    faults: tuple[FaultRule, ...] = ()
    """The rules; the first that fits and is drawn decides."""


class FaultScript:
    """Say what happens to each request; `met` counts what happened, by name.

    But for rules with `request`, it is a function of the seed and the request: who asks (`metadata.user_id`),
    with which tools, at which turn, for the how-manieth time. So it does not matter in which order requests
    come in, and a night meets the same faults whatever its workers.
    """

    def __init__(self, file: FaultFile) -> None:
        self.met: Counter[str] = Counter()
        self._file = file
        self._counting = threading.Lock()

    def __call__(self, asked: Asked) -> Fault | None:
        """Give the fault that a request meets, or None; one that cannot be read meets none."""
        body = asked.request.body
        if problem(body):
            return None
        said = parse(body)
        turn = 1 + sum(message.get("role") == "assistant" for message in said.messages)
        who = _who(body, turn, said.tool_names)
        for number, rule in enumerate(self._file.faults):
            if rule.fits(asked, turn, said) and uniform(who, "fault", f"{self._file.seed}.{number}") < rule.chance:
                with self._counting:
                    self.met[rule.fault] += 1
                return rule.made()
        return None


def read_fault_file(path: Path) -> FaultFile:
    """Read a file of faults.

    Raises:
        NotFoundError: There is no such file.
        ConfigError: It is not YAML of the right shape.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError("file of faults", str(path), hint="see docs/simulated-model.md for one") from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", place=Place(path)) from None
    return check_model(FaultFile, read_yaml(content, path))


def _who(body: Mapping[str, Any], turn: int, tools: frozenset[str]) -> str:  # Any: JSON
    """Name who asks for what; a client that does not say who it is, is known by what it says."""
    user = (body.get("metadata") or {}).get("user_id")
    said = user or hashlib.sha256(json.dumps(body.get("messages"), sort_keys=True).encode()).hexdigest()
    return f"{said}\0{turn}\0{','.join(sorted(tools))}"
