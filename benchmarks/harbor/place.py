"""The places of a task: its `environment` table and build context, read into what a sandbox needs."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.errors import SuiteError
from benchmarks.harbor.dockerfile import MappedContext, final_workdir
from benchmarks.harbor.files import FolderFiles, RenamedFiles, read_text
from benchmarks.harbor.host_env import filled
from benchmarks.harbor.layout import Layout, read_layout
from benchmarks.harbor.options import ReadOptions
from benchmarks.harbor.tables import EnvironmentTable
from benchmarks.harbor.toml_lines import find_line
from task_agent.sandbox.base import SandboxSpec
from task_agent.sandbox.buildkit import needs_buildkit
from task_agent.sandbox.refusals import refusal
from traces.errors import Place

DEFAULT_CPUS = 1.0
DEFAULT_MEMORY_MB = 2048
DEFAULT_STORAGE_MB = 10240
PIDS = 512
"""Harbor sets no limit on processes; this one stops a fork bomb and leaves room for a build."""


@dataclass(frozen=True, slots=True)
class PlaceSource:
    """Say where a place is described: the build context's folder, and the table of task.toml."""

    context: Path
    toml: Path
    table: EnvironmentTable
    key: str = "environment"

    def wrong(self, name: str, why: str) -> SuiteError:
        """Name a field of the table."""
        key = f"{self.key}.{name}"
        place = Place(self.toml, find_line(read_text(self.toml), key))
        return SuiteError(f"`{key}`: {why}", place=place, key=key)


def read_place(source: PlaceSource, options: ReadOptions, *, any_image: bool = False) -> SandboxSpec:
    """Read one place.

    A Dockerfile that only lays out files is followed here, so that the task also runs without an
    engine. Any other keeps its `build_context`, which only the docker sandbox can use.

    Raises:
        SuiteError: Nothing says what the place is made of, or something is wrong with it.
    """
    table = source.table
    context = FolderFiles(source.context)
    dockerfile = _dockerfile(source, context)
    image = options.images.get(table.docker_image or "", table.docker_image)
    layout = read_layout(dockerfile, context) if dockerfile is not None else None
    workdir = _workdir(source, dockerfile, layout)
    if workdir is not None and refusal("docker", SandboxSpec(workdir=workdir)):
        raise _taken(source, dockerfile or "", workdir)
    spec = SandboxSpec(
        workdir=workdir or "/",
        image_workdir=workdir is None or (table.workdir is None and image is not None),
        env=filled(table.env, options.host),
        image=image,
        build_timeout_s=table.build_timeout_sec,
        memory_mb=table.memory_mb or DEFAULT_MEMORY_MB,
        cpus=table.cpus or DEFAULT_CPUS,
        pids=PIDS,
        root_powers=options.root_powers,
        disk_mb=table.storage_mb or DEFAULT_STORAGE_MB,
    )
    if dockerfile is None:
        return spec
    names = replace(layout, workdir=spec.workdir).below_workdir() if layout else None
    if layout is None or names is None or image is not None or spec.workdir == "/":
        return replace(spec, build_context=MappedContext(context, options.images) if options.images else context)
    base = None if any_image else options.images.get(layout.image, layout.image)
    return replace(spec, image=base, files=RenamedFiles(context, names), env={**layout.env, **spec.env})


def _taken(source: PlaceSource, dockerfile: str, workdir: str) -> SuiteError:
    why = f"the work cannot be at {workdir!r}, where grading or the system has its own"
    if source.table.workdir is not None:
        return source.wrong("workdir", why)
    lines = [
        number for number, line in enumerate(dockerfile.splitlines(), 1) if line.lstrip()[:8].upper() == "WORKDIR "
    ]
    return SuiteError(why, place=Place(source.context / "Dockerfile", lines[-1] if lines else 1), key="WORKDIR")


def _dockerfile(source: PlaceSource, context: Mapping[str, bytes]) -> str | None:
    path = source.context / "Dockerfile"
    if "Dockerfile" not in context:
        if source.table.docker_image is None:
            raise SuiteError(f"is missing, and task.toml names no `{source.key}.docker_image`", place=Place(path))
        return None
    text = read_text(path)
    if source.table.docker_image is None and (found := needs_buildkit(text)):
        raise SuiteError(found.why, place=Place(path, found.line))
    return text


def _workdir(source: PlaceSource, dockerfile: str | None, layout: Layout | None) -> str | None:
    """Say where the work is; None where only the image can tell."""
    given = source.table.workdir
    if given is not None:
        if not posixpath.isabs(given):
            raise source.wrong("workdir", f"{given!r} is not absolute")
        return posixpath.normpath(given)
    if layout is not None and layout.workdir != "/":
        return layout.workdir
    return final_workdir(dockerfile) if dockerfile is not None else None
