"""One task folder in Harbor's format, read into a task."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.digest import task_digest
from benchmarks.errors import SuiteError
from benchmarks.harbor.config import (
    DEFAULT_AGENT_TIMEOUT_S,
    DEFAULT_CPUS,
    DEFAULT_MEMORY_MB,
    DEFAULT_STORAGE_MB,
    HarborConfig,
    find_line,
    parse_config,
)
from benchmarks.harbor.files import FolderFiles, RenamedFiles
from benchmarks.harbor.layout import Layout, read_layout
from benchmarks.task import Task
from task_agent.sandbox.base import SandboxSpec
from traces.errors import Place

PIDS = 512
"""Harbor sets no limit on processes; this one stops a fork bomb and leaves room for a build."""

ANY_IMAGE = "any_image"
"""Key of [metadata] that says: coreutils and a plain python3 are enough, whatever the Dockerfile is FROM."""

_REFUSED_PATHS = {
    "steps": "tasks of several steps are not supported",
    "trajectory.json": "starting from a recorded trajectory is not supported",
    "environment/docker-compose.yaml": "compose environments are not supported",
    "environment/docker-compose.yml": "compose environments are not supported",
    "tests/test.bat": "only linux tasks are supported",
}


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        raise SuiteError("is missing, so this folder is not a task in Harbor's format", place=Place(path)) from None
    except OSError as problem:
        raise SuiteError(f"cannot be read: {problem.strerror}", place=Place(path)) from None
    except UnicodeDecodeError as problem:
        raise SuiteError(f"is not UTF-8 text: {problem}", place=Place(path)) from problem


def _refuse_paths(folder: Path) -> None:
    for name, why in _REFUSED_PATHS.items():
        if (folder / name).exists():
            raise SuiteError(why, place=Place(folder / name))


def _engine_only(config: HarborConfig, context: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Give the build context of an environment that only an engine can make."""
    if context:
        return context
    return {"Dockerfile": f"FROM {config.environment.docker_image}\n".encode()}


def _dockerfile(folder: Path, config: HarborConfig, context: Mapping[str, bytes]) -> str | None:
    if "Dockerfile" in context:
        return _read_text(folder / "environment" / "Dockerfile")
    if config.environment.docker_image is None:
        where = Place(folder / "environment" / "Dockerfile")
        raise SuiteError("is missing, and task.toml names no `environment.docker_image`", place=where)
    return None


def _absolute_workdir(given: str, folder: Path, toml: str) -> str:
    if not posixpath.isabs(given):
        where = Place(folder / "task.toml", find_line(toml, "environment.workdir"))
        raise SuiteError(f"`environment.workdir`: {given!r} is not absolute", place=where, key="environment.workdir")
    return posixpath.normpath(given)


def _last_workdir(dockerfile: str | None) -> str | None:
    """Find the last absolute WORKDIR of a Dockerfile that is not plain."""
    words = [line.split(maxsplit=1) for line in (dockerfile or "").splitlines()]
    found = [word[1].strip() for word in words if len(word) == 2 and word[0].upper() == "WORKDIR"]
    return found[-1] if found and posixpath.isabs(found[-1]) and "$" not in found[-1] else None


def _environment(folder: Path, toml: str, config: HarborConfig) -> SandboxSpec:
    place = config.environment
    context = FolderFiles(folder / "environment")
    dockerfile = _dockerfile(folder, config, context)
    layout: Layout | None = read_layout(dockerfile, context) if dockerfile is not None else None
    if place.workdir is not None:
        workdir = _absolute_workdir(place.workdir, folder, toml)
    else:
        workdir = layout.workdir if layout else _last_workdir(dockerfile) or "/app"
    spec = SandboxSpec(
        workdir=workdir,
        env=dict(place.env),
        image=place.docker_image,
        network=place.network,
        memory_mb=place.memory_mb or DEFAULT_MEMORY_MB,
        cpus=place.cpus or DEFAULT_CPUS,
        pids=PIDS,
        disk_mb=place.storage_mb or DEFAULT_STORAGE_MB,
    )
    names = replace(layout, workdir=workdir).below_workdir() if layout else None
    if layout is None or names is None or workdir == "/":
        return replace(spec, build_context=_engine_only(config, context))
    files = RenamedFiles(context, names)
    image = place.docker_image or (None if config.metadata.get(ANY_IMAGE) is True else layout.image)
    return replace(spec, image=image, files=files, env={**layout.env, **place.env})


def read_task(folder: Path) -> Task:
    """Read one task folder; its name becomes the task's id.

    A Dockerfile that only lays out files is followed here, so that the task also runs without an
    engine. Any other environment keeps its `build_context`, which only the docker sandbox can use.

    Raises:
        SuiteError: A file is missing or wrong, or the task needs what is not supported.
    """
    folder = folder.resolve()
    toml = _read_text(folder / "task.toml")
    _refuse_paths(folder)
    config = parse_config(toml, folder / "task.toml")
    tests = FolderFiles(folder / "tests")
    if "test.sh" not in tests:
        raise SuiteError("is missing, so nothing can be graded", place=Place(folder / "tests" / "test.sh"))
    category, cluster = config.metadata.get("category"), config.metadata.get("cluster")
    task = Task(
        id=folder.name,
        instruction=_read_text(folder / "instruction.md"),
        environment=_environment(folder, toml, config),
        tests=tests,
        solution=FolderFiles(folder / "solution"),
        category=category if isinstance(category, str) and category else "default",
        cluster=cluster if isinstance(cluster, str) and cluster else None,
        agent_timeout_s=config.agent.timeout_sec or DEFAULT_AGENT_TIMEOUT_S,
        verifier_timeout_s=config.verifier.timeout_sec,
        verifier_env=config.verifier.env,
        solution_env=config.solution.env,
        metadata=config.metadata,
    )
    return replace(task, digest=task_digest(task))
