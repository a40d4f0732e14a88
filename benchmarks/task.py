"""One problem: instruction, environment, verifier, and the reference solution where there is one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from benchmarks.entry import Entry
from task_agent.models.base import ModelReply
from task_agent.sandbox.base import SandboxSpec
from task_agent.sandbox.roots import Root, stand_on

BARE_IMAGES = frozenset(
    {"debian:bookworm", "debian:bookworm-slim", "python:3.11-slim-bookworm", "ratchet-base:bookworm"}
)
"""Images that hold Debian 12, at most with its Python 3.11, and nothing else."""


class Split(StrEnum):
    """Name who may see a task: `train` the proposer, `heldout` the gate only, `test` nobody until the end."""

    TRAIN = "train"
    HELDOUT = "heldout"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Say which command must succeed before an agent's first one.

    Failures within the first `start_period_s` do not count; after that `retries` in a row are too many.
    """

    command: str
    interval_s: float = 5.0
    timeout_s: float = 30.0
    start_period_s: float = 0.0
    start_interval_s: float = 5.0
    retries: int = 3


@dataclass(frozen=True, slots=True)
class Artifact:
    """Name a file or folder to copy out after the agent's phase; `exclude` are patterns of paths below it."""

    source: str
    destination: str
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hook:
    """Hold a command that runs after the agent's phase, before artifacts are copied out."""

    command: str
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """Hold one step of a task of several: what is asked and graded as a task, in the sandbox of the whole.

    `files` are put into the work directory before it, and `setup.sh` of them is run. Below `min_reward`
    (by name of the reward; `reward` is the one that counts) the steps after it are not begun.
    """

    task: Task
    files: Mapping[str, bytes] = field(default_factory=dict)
    min_reward: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """Say how a model grades: by which rubric, which model, and which file of the sandbox holds the answer."""

    rubric: str
    model: str
    base_url: str | None
    answer_path: str
    row: Mapping[str, Any] = field(default_factory=dict)  # Any: what else the judge is shown, JSON


@dataclass(frozen=True, slots=True)
class Task:
    """Describe one problem in memory, whatever format it was read from.

    `files` maps are relative POSIX path -> bytes and may be lazy. `tests` is the verifier's folder
    (`test.sh` is run with bash); `solution` the reference's (`solve.sh` is run with bash from the
    work directory; `slips/<slip>.sh` are wrong variants for the simulated model, never part of
    Harbor's format). `category` is the stratum; tasks of one `cluster` are near-copies that stay in
    one split and count as one. `digest` is the content hash (sha256 hex).

    `steps` make a task of several, whose reward is their mean or the last one's; its own tests are
    empty. `verifier_place` is where grading happens when not where the agent worked: a fresh sandbox
    that gets the artifacts. `reward_key` names the reward that counts among several. `judge` is the
    model that grades instead of tests.
    """

    id: str
    instruction: str
    environment: SandboxSpec
    tests: Mapping[str, bytes]
    solution: Mapping[str, bytes] = field(default_factory=dict)
    category: str = "default"
    cluster: str | None = None
    agent_timeout_s: float = 600.0
    verifier_timeout_s: float = 600.0
    verifier_env: Mapping[str, str] = field(default_factory=dict)
    solution_env: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)  # Any: free table of task.toml
    digest: str = ""
    steps: tuple[Step, ...] = ()
    step_reward: Literal["mean", "final"] = "mean"
    healthcheck: HealthCheck | None = None
    artifacts: tuple[Artifact, ...] = ()
    hooks: tuple[Hook, ...] = ()
    verifier_place: SandboxSpec | None = None
    reward_key: str | None = None
    judge: JudgeSpec | None = None

    @property
    def parts(self) -> tuple[Task, ...]:
        """List what an agent is asked, one after the other: the steps, or the task itself."""
        return tuple(step.task for step in self.steps) or (self,)

    @property
    def needs_image(self) -> bool:
        """Say whether only a container of its own image will do.

        False for files on a bare distribution: a jail with this machine's own tools stands in for it.
        """
        return any(_needs_image(place) for place in self.places)

    @property
    def places(self) -> tuple[SandboxSpec, ...]:
        """List where it is worked on and, where that is elsewhere, graded."""
        return (self.environment,) if self.verifier_place is None else (self.environment, self.verifier_place)

    @property
    def needs_jail(self) -> bool:
        """Say whether it stands on a root of its own, which only a jail can have."""
        return self.environment.root is not None

    def on_roots(self, find: Callable[[SandboxSpec], Root | None]) -> Task:
        """Give the task standing on the root of its image, where one is found; it is another task then."""
        root = find(self.environment)
        place = self.verifier_place and find(self.verifier_place)
        if root is None or (self.verifier_place is not None and place is None):
            return self
        digest = hashlib.sha256(f"{self.digest} on {root.image_id}".encode()).hexdigest()
        verifier = stand_on(self.verifier_place, place) if self.verifier_place and place else None
        return replace(self, environment=stand_on(self.environment, root), verifier_place=verifier, digest=digest)


@dataclass(frozen=True, slots=True)
class Reward:
    """Hold what a verifier yielded: a value in [0, 1] and, for people, its output and named parts.

    `tests` is the status of each test that the verifier reported (`ctrf.json`); `artifacts` are the
    entries copied out, by destination, and `left_out` the sources of those that were too large to be kept.
    """

    value: float
    output: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)
    tests: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, Entry] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    bill: ModelReply | None = None
    """What a judge's call used."""


def _needs_image(place: SandboxSpec) -> bool:
    if (
        place.build_context is not None
        or place.keep_processes
        or place.root_powers
        or place.user
        or place.verifier_user
    ):
        return True
    return place.image is not None and place.image not in BARE_IMAGES
