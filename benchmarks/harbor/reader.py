"""One task folder in Harbor's format, read into a task."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.digest import task_digest
from benchmarks.errors import SuiteError
from benchmarks.harbor.config import KEEP_PROCESSES, REWARD_KEY, parse_config
from benchmarks.harbor.files import FolderFiles, JoinedFiles, read_text
from benchmarks.harbor.host_env import filled
from benchmarks.harbor.options import AS_IT_IS, ReadOptions
from benchmarks.harbor.place import PIDS, PlaceSource, read_place
from benchmarks.harbor.tables import Artifacts, HarborConfig, HealthTable, StepTable
from benchmarks.task import Artifact, HealthCheck, Hook, Step, Task
from task_agent.sandbox.base import SandboxSpec
from traces.errors import Place

__all__ = ["ANY_IMAGE", "PIDS", "read_task"]

DEFAULT_AGENT_TIMEOUT_S = 600.0

ANY_IMAGE = "any_image"
"""Key of [metadata] that says: coreutils and a plain python3 are enough, whatever the Dockerfile is FROM."""

_SYSTEM = re.compile(r"/|/(s?bin|lib\w*|etc|dev|proc|sys|run)(/.*)?|/usr(/(?!src/).*)?|/root|/home(/[^/]+)?|/var|/tmp")
"""Folders that hold what graders run or read unasked: to carry one over would be to carry over a forgery."""

_OFFLINE_ENV = {"UV_OFFLINE": "1", "PIP_NO_INDEX": "1"}
_ROOT_USERS = (None, "root", 0, "0")

_REFUSED_PATHS = {
    "trajectory.json": "starting from a recorded trajectory is not supported",
    "environment/docker-compose.yaml": "compose environments are not supported",
    "environment/docker-compose.yml": "compose environments are not supported",
    "tests/test.bat": "only linux tasks are supported",
}


def read_task(folder: Path, options: ReadOptions = AS_IT_IS) -> Task:
    """Read one task folder; its name becomes the task's id.

    Raises:
        SuiteError: A file is missing or wrong, or the task needs what is not supported.
    """
    folder = folder.resolve()
    toml = read_text(folder / "task.toml")
    config = parse_config(toml, folder / "task.toml", options.host)
    _refuse_paths(folder, config)
    task = _Reader(folder, config, options).task()
    return replace(task, digest=task_digest(task))


def _refuse_paths(folder: Path, config: HarborConfig) -> None:
    steps = [f"steps/{step.name}" for step in config.steps]
    refused = dict(_REFUSED_PATHS)
    refused |= {f"{step}/trajectory.json": _REFUSED_PATHS["trajectory.json"] for step in steps}
    refused |= {f"{step}/tests/test.bat": _REFUSED_PATHS["tests/test.bat"] for step in steps}
    if (folder / "steps").is_dir():
        extra = [f"steps/{path.name}" for path in sorted((folder / "steps").iterdir())]
        refused |= {name: "is no step that task.toml names" for name in extra if name not in steps}
    for name, why in refused.items():
        if (folder / name).exists():
            raise SuiteError(why, place=Place(folder / name))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Put a task together from its folder and its task.toml."""

    folder: Path
    config: HarborConfig
    options: ReadOptions

    def task(self) -> Task:
        """Read the whole task."""
        config = self.config
        category, cluster = config.metadata.get("category"), config.metadata.get("cluster")
        task = Task(
            id=self.folder.name,
            instruction="",
            environment=self._place(),
            tests={},
            category=category if isinstance(category, str) and category else "default",
            cluster=cluster if isinstance(cluster, str) and cluster else None,
            agent_timeout_s=config.agent.timeout_sec or DEFAULT_AGENT_TIMEOUT_S,
            verifier_timeout_s=config.verifier.timeout_sec,
            verifier_env=self._verifier_env(config.verifier.env),
            solution_env=filled(config.solution.env, self.options.host),
            metadata=config.metadata,
            step_reward=config.multi_step_reward_strategy or "mean",
            healthcheck=_health(config.environment.healthcheck),
            hooks=tuple(Hook(hook.command, hook.timeout_sec) for hook in config.verifier.collect),
            verifier_place=self._verifier_place(),
            reward_key=self.options.reward_key or config.metadata.get(REWARD_KEY),
        )
        task = replace(task, artifacts=self._artifacts(config.artifacts, task.environment))
        return self._with_steps(task) if config.steps else self._single(task)

    def _single(self, task: Task) -> Task:
        return replace(
            task,
            instruction=read_text(self.folder / "instruction.md"),
            tests=_tests(FolderFiles(self.folder / "tests"), self.folder / "tests"),
            solution=FolderFiles(self.folder / "solution"),
        )

    def _with_steps(self, task: Task) -> Task:
        steps = tuple(self._step(task, step) for step in self.config.steps)
        return replace(
            task,
            instruction="\n\n".join(f"{number}. {step.task.instruction}" for number, step in enumerate(steps, 1)),
            steps=steps,
            agent_timeout_s=sum(step.task.agent_timeout_s for step in steps),
            environment=replace(task.environment, rounds=1 if task.verifier_place else len(steps)),
        )

    def _step(self, task: Task, step: StepTable) -> Step:
        folder = self.folder / "steps" / step.name
        tests = JoinedFiles(FolderFiles(self.folder / "tests"), FolderFiles(folder / "tests"))
        solution = FolderFiles(folder / "solution")
        least = {"reward": step.min_reward} if isinstance(step.min_reward, float) else step.min_reward
        part = replace(
            task,
            id=f"{task.id}/{step.name}",
            instruction=read_text(folder / "instruction.md"),
            tests=_tests(tests, folder / "tests"),
            solution=solution if "solve.sh" in solution else FolderFiles(self.folder / "solution"),
            agent_timeout_s=step.agent.timeout_sec or task.agent_timeout_s,
            verifier_timeout_s=_timeout(step, self.config),
            verifier_env={**task.verifier_env, **self._verifier_env(step.verifier.env)},
            healthcheck=_health(step.healthcheck),
            artifacts=(*task.artifacts, *self._artifacts(step.artifacts, task.environment)),
        )
        return Step(part, FolderFiles(folder / "workdir"), least or {})

    def _verifier_env(self, env: Mapping[str, str]) -> dict[str, str]:
        return {**(_OFFLINE_ENV if self.options.offline else {}), **filled(env, self.options.host)}

    def _place(self) -> SandboxSpec:
        config, options = self.config, self.options
        source = PlaceSource(self.folder / "environment", self.folder / "task.toml", config.environment)
        place = read_place(source, options, any_image=config.metadata.get(ANY_IMAGE) is True)
        agent, verifier = self._networks()
        built = place.build_context is not None
        name, keeps = self.folder.name, self._keeps()
        return replace(
            place,
            network=agent,
            verifier_network=None if verifier == agent or config.verifier.separate else verifier,
            user=_user(config.agent.user, options.user, built=built),
            verifier_user=None
            if config.verifier.separate
            else _user(config.verifier.user, options.verifier_user, built=built),
            keep_processes=keeps,
            system_changes=options.changes_system(name),
            apart=not keeps and self._apart(place),
        )

    def _keeps(self) -> bool:
        return self.options.keeps(self.folder.name) or self.config.metadata.get(KEEP_PROCESSES) is True

    def _apart(self, place: SandboxSpec) -> bool:
        """Say whether it is graded apart: once, with a work directory that holds no programs and no settings."""
        if not self.options.wants_apart(self.folder.name):
            return False
        several = "it is graded in steps" if self.config.steps else ""
        inside = f"its work directory is {place.workdir}" if _SYSTEM.fullmatch(place.workdir) else ""
        why = several or inside
        if why and self.options.apart is not True:
            raise SuiteError(f"task {self.folder.name!r} cannot be graded apart: {why}", key="suite.apart")
        return not why and not self.config.verifier.separate

    def _networks(self) -> tuple[bool, bool]:
        """Say whether the agent has the network, and whether the verifier has."""
        if self.options.offline:
            return False, False
        asked = self.config.environment.network
        usual = self.options.default_network if asked is None else asked
        agent, verifier = self.config.agent.network_mode, self.config.verifier.network_mode
        return (usual if agent is None else agent == "public"), (usual if verifier is None else verifier == "public")

    def _verifier_place(self) -> SandboxSpec | None:
        verifier = self.config.verifier
        if not verifier.separate:
            return None
        table = verifier.environment or self.config.environment
        own = (self.folder / "tests" / "Dockerfile").exists()
        key = "verifier.environment" if verifier.environment is not None else "environment"
        if not own and table.docker_image is None:
            table = table.model_copy(update={"docker_image": self.config.environment.docker_image})
        context = self.folder / ("tests" if own else "environment")
        place = read_place(PlaceSource(context, self.folder / "task.toml", table, key), self.options)
        asked = table.network if verifier.network_mode is None else verifier.network_mode == "public"
        network = self.options.default_network if asked is None else asked
        user = _user(verifier.user, self.options.verifier_user, built=place.build_context is not None)
        return replace(place, network=network and not self.options.offline, verifier_user=user)

    def _artifacts(self, given: Artifacts, place: SandboxSpec) -> tuple[Artifact, ...]:
        """Name what is to be copied out, from the work directory where that is known already."""
        found = []
        for one in given:
            known = one.source if place.image_workdir else posixpath.join(place.workdir, one.source)
            source = posixpath.normpath(known)
            destination = (one.destination or source).strip("/")
            found.append(Artifact(source, destination, tuple(one.exclude)))
        return tuple(found)


def _tests(files: Mapping[str, bytes], folder: Path) -> Mapping[str, bytes]:
    if "test.sh" not in files:
        raise SuiteError("is missing, so nothing can be graded", place=Place(folder / "test.sh"))
    return files


def _timeout(step: StepTable, config: HarborConfig) -> float:
    given = "timeout_sec" in step.verifier.model_fields_set
    return step.verifier.timeout_sec if given else config.verifier.timeout_sec


def _user(own: str | int | None, usual: str | None, *, built: bool) -> str | None:
    """Name a user for the engine; root is what a place without an image of its own has anyway."""
    given = usual if own is None else own
    if given is None or (given in _ROOT_USERS and not built):
        return None
    return str(given)


def _health(table: HealthTable | None) -> HealthCheck | None:
    if table is None:
        return None
    return HealthCheck(
        command=table.command,
        interval_s=table.interval_sec,
        timeout_s=table.timeout_sec,
        start_period_s=table.start_period_sec,
        start_interval_s=table.start_interval_sec,
        retries=table.retries,
    )
