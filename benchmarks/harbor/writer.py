"""Tasks written out as folders in Harbor's format."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.errors import SuiteError
from benchmarks.harbor.reader import ANY_IMAGE, PIDS
from benchmarks.harbor.tables import SCHEMA_VERSIONS
from benchmarks.suite import Suite
from benchmarks.task import Task
from task_agent.sandbox.base import Program, SandboxSpec

_UNWRITTEN = ("steps", "healthcheck", "artifacts", "hooks", "verifier_place", "reward_key")
_UNWRITTEN_OF_PLACES = (
    "user",
    "verifier_user",
    "keep_processes",
    "root_powers",
    "system_changes",
    "apart",
    "verifier_network",
    "build_timeout_s",
)
USUAL_IMAGE = "python:3.11-slim-bookworm"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    """Write one TOML value; tables inside lists become inline tables."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(str(key))} = {_value(item)}' for key, item in value.items())}}}"
    raise SuiteError(f"task.toml cannot hold {value!r}")


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _string(key)


def _table(name: str, entries: Mapping[str, object]) -> str:
    lines = [f"[{name}]", *(f"{_key(key)} = {_value(value)}" for key, value in entries.items() if value is not None)]
    return "\n".join(lines) + "\n"


def _task_toml(task: Task) -> str:
    place = task.environment
    environment: dict[str, object] = {
        **({} if place.image_workdir else {"workdir": place.workdir}),
        "cpus": place.cpus,
        "memory_mb": place.memory_mb,
        "storage_mb": place.disk_mb,
        "network_mode": "public" if place.network else "no-network",
    }
    if (place.build_context is not None or place.image_workdir) and place.image is not None:
        environment["docker_image"] = place.image
    tables = {
        "metadata": task.metadata,
        "agent": {"timeout_sec": task.agent_timeout_s},
        "verifier": {"timeout_sec": task.verifier_timeout_s},
        "verifier.env": task.verifier_env,
        "environment": environment,
        "environment.env": place.env,
        "solution.env": task.solution_env,
    }
    written = [_table(name, entries) for name, entries in tables.items() if entries]
    return f'schema_version = "{SCHEMA_VERSIONS[-1]}"\n\n' + "\n".join(written)


def _environment_files(place: SandboxSpec) -> dict[str, bytes]:
    if place.build_context is not None:
        return dict(place.build_context)
    if place.image_workdir:
        return {}
    lines = [
        f"FROM {place.image or USUAL_IMAGE}",
        f"WORKDIR {place.workdir}",
        *(["COPY files/ ./"] if place.files else []),
    ]
    files = {f"files/{name}": content for name, content in place.files.items()}
    return files | {"Dockerfile": ("\n".join(lines) + "\n").encode()}


def _refuse(task: Task) -> None:
    """Stop where Harbor's format would lose something of the task."""
    place = task.environment
    defaults = SandboxSpec()
    lost = {
        "environment.image": place.build_context is None and (place.image is None) != (ANY_IMAGE in task.metadata),
        "environment.files beside a build context": bool(place.files) and place.build_context is not None,
        "environment.pids": place.pids != PIDS,
        "environment.output_limit_bytes": place.output_limit_bytes != defaults.output_limit_bytes,
        "category": task.category != task.metadata.get("category", "default"),
        "cluster": task.cluster != task.metadata.get("cluster"),
        **{name: bool(getattr(task, name)) for name in _UNWRITTEN},
        **{f"environment.{name}": getattr(place, name) != getattr(defaults, name) for name in _UNWRITTEN_OF_PLACES},
    }
    for name, cannot in lost.items():
        if cannot:
            raise SuiteError(f"task {task.id!r} cannot be written: what it has for `{name}` is not written")


def _write_files(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if isinstance(content, Program):
            path.chmod(path.stat().st_mode | 0o111)


def write_task(task: Task, folder: Path) -> None:
    """Write one task as a folder that `read_task` reads back equal, if the folder bears the task's id.

    Raises:
        SuiteError: The task holds something that the format has no place for.
    """
    _refuse(task)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task.toml").write_bytes(_task_toml(task).encode())
    (folder / "instruction.md").write_bytes(task.instruction.encode())
    _write_files(_environment_files(task.environment), folder / "environment")
    _write_files(task.tests, folder / "tests")
    _write_files(task.solution, folder / "solution")


def write_suite(suite: Suite, folder: Path) -> None:
    """Write every task of a suite below `folder`."""
    for task in suite.tasks:
        write_task(task, folder / task.id)
