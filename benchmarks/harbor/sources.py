"""Where the task folders of a dataset are: a folder of them, a `registry.json`, or a `dataset.toml`."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.errors import SuiteError
from benchmarks.harbor.files import read_text
from traces.errors import Place

_PARTS = ("task.toml", "instruction.md", "environment", "tests", "solution", "steps")
_TOML = "dataset.toml"
_NEARLY = re.compile(r"task\.(toml|ya?ml)|instructions?\.(md|txt)|run-tests\.sh", re.IGNORECASE)
"""Files that a folder has which was meant to be a task: mistyped, or of Terminal-Bench's first format."""


@dataclass(frozen=True, slots=True)
class Source:
    """Name a dataset and its task folders."""

    name: str
    folders: tuple[Path, ...]
    passed_over: Mapping[Path, str] = field(default_factory=dict)
    """Folders beside them that look like tasks, or hold some, and why they are none themselves."""


class RegistryTask(BaseModel):
    """Hold one task of a registry."""

    model_config = ConfigDict(extra="forbid")

    name: str
    path: str
    git_url: str | None = None
    git_commit_id: str | None = None


class RegistryDataset(BaseModel):
    """Hold one dataset of a registry."""

    model_config = ConfigDict(extra="forbid")

    name: str
    version: str | None = None
    description: str = ""
    tasks: list[RegistryTask]
    metrics: list[dict[str, Any]] | None = None  # Any: only the mean is computed, others are refused


class PackagedTask(BaseModel):
    """Hold one task of a dataset.toml; the digest is of a package, not of a folder."""

    model_config = ConfigDict(extra="forbid")

    name: str
    digest: str = ""


class PackagedDataset(BaseModel):
    """Hold a dataset.toml; what stands under [dataset] is for people."""

    model_config = ConfigDict(extra="forbid")

    dataset: dict[str, Any] = {}  # Any: free
    tasks: list[PackagedTask]
    files: list[dict[str, Any]] = []  # Any: only their path is looked at


def find_source(root: Path, dataset: str | None, checkouts: Mapping[str, Path]) -> Source:
    """Find the task folders.

    Args:
        root: A task folder, a folder of them, a registry.json or a dataset.toml.
        dataset: `name` or `name@version` of a registry's dataset; needed when it holds several.
        checkouts: Where the repositories of a registry are checked out, by their address.

    Raises:
        SuiteError: There are none, or the file cannot be followed; says where.
    """
    if root.suffix == ".json" and root.is_file():
        return _registry(root, dataset, checkouts)
    if dataset is not None:
        raise SuiteError("only a registry.json has several datasets", key="suite.dataset")
    if root.name == _TOML and root.is_file():
        return _packaged(root)
    if not root.is_dir():
        raise SuiteError("is not a folder of tasks", place=Place(root), key="suite.path")
    if (root / "task.toml").exists():
        return Source(root.name, (root,))
    folders = tuple(path for path in _below(root) if is_task_folder(path))
    if not folders:
        deeper = [path for path in _below(root) if any(is_task_folder(each) for each in _below(path))]
        hint = f"did you mean {deeper[0]}?" if deeper else ""
        raise SuiteError("holds no task folders", place=Place(root), key="suite.path", hint=hint)
    others = {path: _why_meant(path) for path in _below(root) if path not in folders}
    return Source(root.name, folders, {path: why for path, why in others.items() if why})


def _why_meant(path: Path) -> str:
    """Say why a folder that is no task looks as if tasks were meant; empty where it does not."""
    if found := sorted(each.name for each in path.iterdir() if _NEARLY.fullmatch(each.name)):
        return f"has {found[0]!r}, but nothing that a task in Harbor's format has"
    inner = next((each for each in (*path.glob("*/task.toml"), *path.glob("*/*/task.toml"))), None)
    return f"holds tasks further down, such as {inner.parent.relative_to(path.parent)}" if inner else ""


def _below(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def is_task_folder(path: Path) -> bool:
    """Say whether a folder means to be a task: it has at least one of a task's parts, if not all."""
    return any((path / part).exists() for part in _PARTS)


_JSON: Mapping[type, str] = {
    dict: "an object",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "a truth value",
}


def _registry(path: Path, dataset: str | None, checkouts: Mapping[str, Path]) -> Source:
    try:
        entries = json.loads(read_text(path))
        if not isinstance(entries, list):
            raise ValueError(f"it must be a list of datasets, and is {_JSON.get(type(entries), 'something else')}")
        found = [RegistryDataset.model_validate(entry) for entry in entries]
    except (ValueError, TypeError) as problem:
        raise SuiteError(f"is not a registry: {_first(problem)}", place=Place(path), key="suite.path") from None
    names = [f"{one.name}@{one.version}" if one.version else one.name for one in found]
    fits = [one for one, name in zip(found, names, strict=True) if dataset in (None, one.name, name)]
    if len(fits) != 1:
        which = f"{len(fits)} datasets {dataset!r}" if dataset else f"{len(found)} datasets"
        hint = f"set `suite.dataset` to one of {', '.join(names[:5])}"
        raise SuiteError(f"holds {which}", place=Place(path), key="suite.dataset", hint=hint)
    for metric in fits[0].metrics or ():
        if metric.get("type") != "mean":
            why = f"`metrics`: a score is the mean of rewards here, and {metric.get('type')!r} is not supported"
            raise SuiteError(why, place=Place(path), key="metrics")
    return Source(fits[0].name, tuple(_located(path, task, checkouts) for task in fits[0].tasks))


def _located(registry: Path, task: RegistryTask, checkouts: Mapping[str, Path]) -> Path:
    if task.git_url is None:
        return registry.parent / task.path
    checkout = checkouts.get(task.git_url)
    if checkout is None:
        why = f"task {task.name!r} is in {task.git_url}, and nothing is fetched here"
        hint = f"check it out, and name the folder: `checkouts: {{{task.git_url}: PATH}}`"
        raise SuiteError(why, place=Place(registry), key="suite.checkouts", hint=hint)
    wanted, there = task.git_commit_id, _commit(checkout, "HEAD")
    if wanted is not None and there is not None and _commit(checkout, wanted) != there:
        why = f"is at {there[:12]}, and task {task.name!r} wants {wanted[:12]}"
        raise SuiteError(why, place=Place(checkout), key="suite.checkouts", hint=f"git checkout {wanted}")
    return checkout / task.path


def _commit(checkout: Path, name: str) -> str | None:
    """Give the commit of a name, a tag or a shorter id in a checkout; None when it knows none, or is no checkout."""
    command = ["git", "-C", str(checkout), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def _packaged(path: Path) -> Source:
    try:
        found = PackagedDataset.model_validate(tomllib.loads(read_text(path)))
    except (tomllib.TOMLDecodeError, ValidationError) as problem:
        raise SuiteError(f"is not a dataset: {_first(problem)}", place=Place(path), key="suite.path") from None
    scripts = [str(file.get("path", "")) for file in found.files if str(file.get("path", "")).endswith(".py")]
    if scripts:
        why = f"`files`: a score is the mean of rewards here, and the metric {scripts[0]!r} is not run"
        raise SuiteError(why, place=Place(path), key="files")
    folders = tuple(path.parent / task.name.rpartition("/")[2] for task in found.tasks)
    return Source(str(found.dataset.get("name") or path.parent.name), folders)


def _first(problem: Exception) -> str:
    if isinstance(problem, ValidationError):
        fault = problem.errors()[0]
        return f"`{'.'.join(map(str, fault['loc'])) or 'an entry'}`: {fault['msg']}"
    return str(problem)
