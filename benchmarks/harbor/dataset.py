"""A folder of task folders in Harbor's format, read into a suite."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from benchmarks.errors import SuiteError
from benchmarks.harbor.reader import read_task
from benchmarks.settings import read_settings
from benchmarks.suite import Suite
from benchmarks.task import Task
from traces.errors import Place

PROBLEMS_SHOWN = 3


class DatasetConfig(BaseModel):
    """Say which task folders to read."""

    model_config = ConfigDict(extra="forbid", strict=True)

    path: str
    """A task folder, or a folder of them; relative to the run file."""
    only: list[str] | None = None
    """Names of task folders to read and no others."""
    exclude: list[str] = []
    """Names of task folders to leave out; the way to go on when one of them is not supported."""
    limit: int | None = Field(default=None, ge=1)
    """Read only this many, in the order of their names."""


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise SuiteError("is not a folder of tasks", place=Place(root), key="suite.path")
    if (root / "task.toml").exists():
        return [root]
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _chosen(folders: list[Path], config: DatasetConfig) -> list[Path]:
    names = [folder.name for folder in folders]
    for name in (*(config.only or ()), *config.exclude):
        if name not in names:
            near = ", ".join(difflib.get_close_matches(name, names, n=3))
            raise SuiteError(f"no task folder {name!r}", key="suite.only", hint=near and f"did you mean {near}?")
    kept = [folder for folder in folders if folder.name not in config.exclude]
    if config.only is not None:
        kept = [folder for folder in kept if folder.name in config.only]
    return kept[: config.limit]


def read_tasks(folders: Iterable[Path]) -> list[Task]:
    """Read every folder, or say which cannot be read; none is skipped.

    Raises:
        SuiteError: At least one cannot be read; the first few are named.
    """
    tasks: list[Task] = []
    problems: list[SuiteError] = []
    for folder in folders:
        try:
            tasks.append(read_task(folder))
        except SuiteError as problem:
            problems.append(problem)
    if problems:
        first = problems[0]
        more = [f"\n{problem.message}" for problem in problems[1:PROBLEMS_SHOWN]]
        rest = f"\nand {len(problems) - PROBLEMS_SHOWN} more" if len(problems) > PROBLEMS_SHOWN else ""
        hint = first.hint or "mend the task, or name its folder under `exclude`"
        raise SuiteError(f"{first.message}{''.join(more)}{rest}", key=first.key, hint=hint)
    return tasks


def load(settings: Mapping[str, object], base: Path) -> Suite:
    """Read the settings of the run file and then the tasks."""
    config = read_settings(DatasetConfig, settings)
    root = (base / Path(config.path).expanduser()).resolve()
    folders = _chosen(_folders(root), config)
    if not folders:
        raise SuiteError("holds no task folders", place=Place(root), key="suite.path")
    return Suite(name=root.name, tasks=tuple(read_tasks(folders)))
