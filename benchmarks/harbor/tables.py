"""The tables of Harbor's task.toml, schema 1.0 to 1.4, as they are written."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

SCHEMA_VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")

_UNITS_MB = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0 * 1024}

NetworkMode = Literal["public", "no-network", "allowlist"]
Anything = Any  # a field that is refused whatever it holds, so its shape does not matter


def _in_seconds(name: str) -> AliasChoices:
    return AliasChoices(f"{name}_sec", name)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class TaskTable(_Table):
    """Hold `[task]`: what a registry shows; nothing of it changes an attempt."""

    name: str
    version: str | None = None
    description: str = ""
    authors: list[dict[str, str]] = []
    keywords: list[str] = []


class ArtifactTable(_Table):
    """Hold one of `artifacts`; a bare string is its source."""

    source: str
    destination: str | None = None
    exclude: list[str] = []
    service: str | None = None


Artifacts = list[Annotated[ArtifactTable, BeforeValidator(lambda it: {"source": it} if isinstance(it, str) else it)]]


class HealthTable(_Table):
    """Hold `healthcheck`."""

    command: str
    interval_sec: float = Field(default=5.0, ge=0, validation_alias=_in_seconds("interval"))
    timeout_sec: float = Field(default=30.0, gt=0, validation_alias=_in_seconds("timeout"))
    start_period_sec: float = Field(default=0.0, ge=0, validation_alias=_in_seconds("start_period"))
    start_interval_sec: float = Field(default=5.0, ge=0, validation_alias=_in_seconds("start_interval"))
    retries: int = Field(default=3, ge=1)


class CollectTable(_Table):
    """Hold one `[[verifier.collect]]`."""

    command: str
    service: str = "main"
    timeout_sec: float = Field(default=60.0, gt=0)
    user: str | int | None = None


class AgentTable(_Table):
    """Hold `[agent]`."""

    timeout_sec: float | None = Field(default=None, gt=0)
    user: str | int | None = None
    network_mode: NetworkMode | None = None
    allowed_hosts: list[str] | None = None


class EnvironmentTable(_Table):
    """Hold `[environment]`, and `[verifier.environment]`."""

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
    healthcheck: HealthTable | None = None
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
    def network(self) -> bool | None:
        """Say whether the task asks for the network; None when it does not say."""
        if self.network_mode is not None:
            return self.network_mode == "public"
        return self.allow_internet


class VerifierTable(_Table):
    """Hold `[verifier]`."""

    timeout_sec: float = Field(default=600.0, gt=0)
    env: dict[str, str] = {}
    user: str | int | None = None
    environment_mode: Literal["shared", "separate"] | None = None
    environment: EnvironmentTable | None = None
    collect: list[CollectTable] = []
    network_mode: NetworkMode | None = None
    allowed_hosts: list[str] | None = None

    @property
    def separate(self) -> bool:
        """Say whether grading has a place of its own."""
        return self.environment_mode == "separate" or (self.environment_mode is None and self.environment is not None)


class SolutionTable(_Table):
    """Hold `[solution]`."""

    env: dict[str, str] = {}


class StepTable(_Table):
    """Hold one of `[[steps]]`."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    agent: AgentTable = AgentTable()
    verifier: VerifierTable = VerifierTable()
    min_reward: float | dict[str, float] | None = None
    healthcheck: HealthTable | None = None
    artifacts: Artifacts = []


class HarborConfig(_Table):
    """Hold a whole task.toml."""

    schema_version: str = Field(default="1.4", validation_alias=AliasChoices("schema_version", "version"))
    source: str | None = None
    artifacts: Artifacts = []
    multi_step_reward_strategy: Literal["mean", "final"] | None = None
    metadata: dict[str, Any] = {}  # Any: the format leaves this table free
    task: TaskTable | None = None
    agent: AgentTable = AgentTable()
    verifier: VerifierTable = VerifierTable()
    environment: EnvironmentTable = EnvironmentTable()
    solution: SolutionTable = SolutionTable()
    steps: list[StepTable] = []

    @field_validator("schema_version")
    @classmethod
    def _known_version(cls, given: str) -> str:
        if given not in SCHEMA_VERSIONS:
            raise ValueError(f"{given!r} is not one of the versions read here: {', '.join(SCHEMA_VERSIONS)}")
        return given
