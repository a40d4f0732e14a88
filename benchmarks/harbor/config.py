"""The task.toml of Harbor's format, schema 1.0 to 1.4: every field is used, or refused by its name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator

from benchmarks.errors import SuiteError
from task_agent.harness.faults import closest, faults_in
from traces.errors import Place

SCHEMA_VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")
DEFAULT_AGENT_TIMEOUT_S = 600.0
DEFAULT_CPUS = 1.0
DEFAULT_MEMORY_MB = 2048
DEFAULT_STORAGE_MB = 10240

_UNITS_MB = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0 * 1024}
_ROOT_USERS = (None, "root", 0, "0")

NetworkMode = Literal["public", "no-network", "allowlist"]
Anything = Any  # a field that is refused whatever it holds, so its shape does not matter


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TaskTable(_Table):
    """Hold `[task]`: what a registry shows; nothing of it changes an attempt."""

    name: str
    version: str | None = None
    description: str = ""
    authors: list[dict[str, str]] = []
    keywords: list[str] = []


class AgentTable(_Table):
    """Hold `[agent]`."""

    timeout_sec: float | None = Field(default=None, gt=0)
    user: str | int | None = None
    network_mode: NetworkMode | None = None
    allowed_hosts: list[str] | None = None


class VerifierTable(_Table):
    """Hold `[verifier]`."""

    timeout_sec: float = Field(default=600.0, gt=0)
    env: dict[str, str] = {}
    user: str | int | None = None
    environment_mode: Literal["shared", "separate"] | None = None
    environment: Anything = None
    collect: list[Anything] = []
    network_mode: NetworkMode | None = None
    allowed_hosts: list[str] | None = None


class EnvironmentTable(_Table):
    """Hold `[environment]`."""

    build_timeout_sec: float = Field(default=600.0, gt=0)
    docker_image: str | None = None
    os: Literal["linux", "windows"] = "linux"
    cpus: float | None = Field(default=None, gt=0)
    memory_mb: int | None = Field(default=None, gt=0, validation_alias=AliasChoices("memory_mb", "memory"))
    storage_mb: int | None = Field(default=None, gt=0, validation_alias=AliasChoices("storage_mb", "storage"))
    gpus: int | None = None
    gpu_types: list[str] | None = None
    tpu: Anything = None
    mcp_servers: list[Anything] = []
    env: dict[str, str] = {}
    skills_dir: str | None = None
    workdir: str | None = None
    healthcheck: Anything = None
    network_mode: NetworkMode | None = None
    allowed_hosts: list[str] | None = None
    allow_internet: bool | None = None

    @field_validator("memory_mb", "storage_mb", mode="before")
    @classmethod
    def _size(cls, given: object) -> object:
        """Read the old spelling, such as 2G, 512M or 4096K."""
        if not isinstance(given, str):
            return given
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT])i?B?", given.strip(), re.IGNORECASE)
        if match is None:
            raise ValueError(f"{given!r} is not a size such as 2G or 512M")
        return max(1, round(float(match[1]) * _UNITS_MB[match[2].upper()]))

    @property
    def network(self) -> bool:
        """Say whether the task asks for the network; Harbor gives it to tasks that say nothing, we do not."""
        if self.network_mode is not None:
            return self.network_mode == "public"
        return self.allow_internet is True


class SolutionTable(_Table):
    """Hold `[solution]`."""

    env: dict[str, str] = {}


class HarborConfig(_Table):
    """Hold a whole task.toml."""

    schema_version: str = Field(default="1.4", validation_alias=AliasChoices("schema_version", "version"))
    source: str | None = None
    artifacts: list[Anything] = []
    multi_step_reward_strategy: Literal["mean", "final"] | None = None
    metadata: dict[str, Any] = {}  # Any: the format leaves this table free
    task: TaskTable | None = None
    agent: AgentTable = AgentTable()
    verifier: VerifierTable = VerifierTable()
    environment: EnvironmentTable = EnvironmentTable()
    solution: SolutionTable = SolutionTable()
    steps: list[Anything] = []

    @field_validator("schema_version")
    @classmethod
    def _known_version(cls, given: str) -> str:
        if given not in SCHEMA_VERSIONS:
            raise ValueError(f"{given!r} is not one of the versions read here: {', '.join(SCHEMA_VERSIONS)}")
        return given


def _host_variables(config: HarborConfig) -> Iterator[tuple[str, str]]:
    tables = {"environment": config.environment.env, "verifier": config.verifier.env, "solution": config.solution.env}
    for name, env in tables.items():
        for key, value in env.items():
            if "${" in value:
                yield f"{name}.env.{key}", "takes its value from the host, which is not supported"


def refusals(config: HarborConfig) -> Iterator[tuple[str, str]]:
    """Name every field whose meaning would be lost, with the reason."""
    place, verifier = config.environment, config.verifier
    unless_empty: dict[str, tuple[object, str]] = {
        "steps": (config.steps, "tasks of several steps are not supported"),
        "multi_step_reward_strategy": (config.multi_step_reward_strategy, "tasks of several steps are not supported"),
        "artifacts": (config.artifacts, "collecting artifacts is not supported"),
        "agent.allowed_hosts": (config.agent.allowed_hosts, "host lists are not supported"),
        "verifier.environment": (verifier.environment, "a separate verifier environment is not supported"),
        "verifier.collect": (verifier.collect, "collecting artifacts is not supported"),
        "verifier.allowed_hosts": (verifier.allowed_hosts, "host lists are not supported"),
        "environment.gpus": (place.gpus, "GPUs are not supported"),
        "environment.gpu_types": (place.gpu_types, "GPUs are not supported"),
        "environment.tpu": (place.tpu, "TPUs are not supported"),
        "environment.mcp_servers": (place.mcp_servers, "MCP servers are not supported"),
        "environment.skills_dir": (place.skills_dir, "a skills folder is not supported"),
        "environment.healthcheck": (place.healthcheck, "health checks are not supported"),
        "environment.allowed_hosts": (place.allowed_hosts, "host lists are not supported"),
    }
    yield from ((key, why) for key, (value, why) in unless_empty.items() if value)
    if place.os != "linux":
        yield "environment.os", "only linux is supported"
    if verifier.environment_mode == "separate":
        yield "verifier.environment_mode", "a separate verifier environment is not supported"
    for key, user in (("agent.user", config.agent.user), ("verifier.user", verifier.user)):
        if user not in _ROOT_USERS:
            yield key, f"only root is supported, not {user!r}"
    yield from _network_refusals(config)
    yield from _host_variables(config)


def _network_refusals(config: HarborConfig) -> Iterator[tuple[str, str]]:
    place = config.environment
    if place.network_mode == "allowlist":
        yield "environment.network_mode", "host lists are not supported"
    elif place.network_mode is not None and place.allow_internet not in (None, place.network):
        yield "environment.allow_internet", f"contradicts network_mode {place.network_mode!r}"
    usual = "public" if place.network else "no-network"
    for key, mode in (("agent", config.agent.network_mode), ("verifier", config.verifier.network_mode)):
        if mode not in (None, usual):
            yield f"{key}.network_mode", f"a network of its own is not supported; the environment's is {usual!r}"


def find_line(text: str, key: str) -> int | None:
    """Find the line that sets the dotted `key`, or else the line of the table it would stand in."""
    table, best, best_size = "", None, 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line)
        entry = re.match(r"\s*([\w.\"'-]+)\s*=", line)
        if header:
            table = found = re.sub(r"[\"'\s]", "", header[1])
        elif entry:
            found = ".".join(filter(None, (table, re.sub(r"[\"']", "", entry[1]))))
        else:
            continue
        if (key == found or key.startswith(found + ".")) and len(found) > best_size:
            best, best_size = number, len(found)
    return best


def parse_config(text: str, path: Path) -> HarborConfig:
    """Read a task.toml.

    Args:
        text: What the file holds.
        path: Where it lies, for messages.

    Raises:
        SuiteError: It is not TOML, a field is unknown or has a wrong value, or is not supported.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        at = re.search(r"line (\d+), column (\d+)", str(problem))
        place = Place(path, int(at[1]), int(at[2])) if at else Place(path, text.count("\n") + 1)  # its end
        raise SuiteError(f"is not TOML: {problem}", place=place) from problem
    environment = table.get("environment")
    if isinstance(environment, dict):
        _prefer_new_spelling(environment)
    try:
        config = HarborConfig.model_validate(table)
    except ValidationError as problem:
        raise _invalid(problem, text, path) from problem
    for key, why in refusals(config):
        raise SuiteError(f"`{key}`: {why}", place=Place(path, find_line(text, key)), key=key)
    return config


def _prefer_new_spelling(environment: dict[str, object]) -> None:
    """Drop `memory` and `storage` where the new spelling stands beside them, as Harbor does."""
    for old in ("memory", "storage"):
        if f"{old}_mb" in environment:
            environment.pop(old, None)


def _invalid(problem: ValidationError, text: str, path: Path) -> SuiteError:
    first = problem.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    unknown = first["type"] == "extra_forbidden"
    near = closest(key.rpartition(".")[2], faults_in(problem, HarborConfig)[0].allowed) if unknown else ""
    why = "is not a field of this format" if unknown else first["msg"].removeprefix("Value error, ")
    why += f"; did you mean `{near}`?" if near else ""
    hint = "take it out, or move it under [metadata], which is free" if unknown else ""
    return SuiteError(f"`{key}`: {why}", place=Place(path, find_line(text, key)), key=key, hint=hint)
