"""A dataset of tasks in Harbor's format, read into a suite; the kind `harbor` of suites."""

from __future__ import annotations

import difflib
import fnmatch
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchmarks.errors import SuiteError
from benchmarks.harbor.options import AS_IT_IS, Chosen, ReadOptions
from benchmarks.harbor.reader import read_task
from benchmarks.harbor.sources import Source, find_source
from benchmarks.settings import read_settings
from benchmarks.suite import Suite
from benchmarks.task import Task
from traces.errors import Place

PROBLEMS_SHOWN = 3
_WAY_OUT = "mend it, or leave the folder out by its name under `suite.exclude` of a run file"


class DatasetConfig(BaseModel):
    """Say which tasks to read, and how."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    path: str
    """A task folder, a folder of them, a registry.json or a dataset.toml; relative to the run file."""
    dataset: str | None = None
    """`name` or `name@version` of a registry's dataset."""
    checkouts: dict[str, str] = {}
    """Where a registry's repositories are checked out, by their address; relative to the registry."""
    only: list[str] | None = None
    """Names of tasks to read and no others; `*` stands for anything."""
    exclude: list[str] = []
    """Names of tasks to leave out; the way to go on when one of them is not supported."""
    difficulty: list[str] | None = None
    """Read only tasks whose `metadata.difficulty` is one of these."""
    category: list[str] | None = None
    """Read only tasks whose `metadata.category` is one of these."""
    limit: int | None = Field(default=None, ge=1)
    """Read only this many, in the order of their names."""
    images: dict[str, str] = {}
    """Images that are here, by the names that tasks have after FROM or under `docker_image`."""
    host_env: list[str] = []
    """Variables of this machine that tasks may take as `${NAME}`."""
    keep_processes: bool | list[str] = False
    """Grade with what the agent started still running: every task, or those named."""
    reward_key: str | None = None
    """The reward that counts where a verifier names several."""
    default_network: bool = False
    """Give the network to tasks that do not say, as Harbor does."""
    root_powers: bool = False
    """Let root change owners and users, as package managers and many services must; only in containers."""
    system_changes: bool | list[str] = False
    """Put changed shells, interpreters and C libraries back before grading; else they are tampering."""
    apart: bool | list[str] = False
    """Grade in a fresh container of the image, by the work directory alone."""
    user: str | None = None
    """Who the agent is in tasks that name nobody; what holds a living daemon, where it is not root."""
    verifier_user: str | None = None
    """Who the verifier is in tasks that name nobody."""
    offline: bool = False
    """Run agents and verifiers without the network, whatever tasks say, and tell uv and pip so."""

    @model_validator(mode="after")
    def _is_apart_or_not(self) -> Self:
        """Refuse a choice that the other one would undo in silence."""
        for key in ("keep_processes", "system_changes"):
            if self.apart is not False and getattr(self, key) is True:
                raise ValueError(f"`apart` and `{key}: true` exclude each other; name the tasks that need `{key}`")
        return self

    @property
    def options(self) -> ReadOptions:
        """Give what concerns the reading of a single task."""
        return ReadOptions(
            images=self.images,
            host={name: os.environ[name] for name in self.host_env if name in os.environ},
            keep_processes=_chosen_by(self.keep_processes),
            reward_key=self.reward_key,
            default_network=self.default_network,
            root_powers=self.root_powers,
            system_changes=_chosen_by(self.system_changes),
            apart=_chosen_by(self.apart),
            user=self.user,
            verifier_user=self.verifier_user,
            offline=self.offline,
        )


def _chosen_by(given: bool | list[str]) -> Chosen:
    return given if isinstance(given, bool) else frozenset(given)


def _check_names(config: DatasetConfig, names: Sequence[str]) -> None:
    lists = {"only": config.only or (), "exclude": config.exclude}
    given = {"keep_processes": config.keep_processes, "system_changes": config.system_changes, "apart": config.apart}
    lists |= {key: names for key, names in given.items() if isinstance(names, list)}
    for key, wanted in lists.items():
        for name in wanted:
            if not fnmatch.filter(names, name):
                near = ", ".join(difflib.get_close_matches(name, names, n=3))
                hint = near and f"did you mean {near}?"
                raise SuiteError(f"no task folder {name!r}", key=f"suite.{key}", hint=hint)


def _chosen(folders: Sequence[Path], config: DatasetConfig) -> list[Path]:
    kept = [folder for folder in folders if not _is_named(folder, config.exclude)]
    if config.only is not None:
        kept = [folder for folder in kept if _is_named(folder, config.only)]
    for key in ("difficulty", "category"):
        wanted = getattr(config, key)
        if wanted is not None:
            kept = _with(kept, key, wanted)
    return kept[: config.limit]


def _refuse_passed_over(folders: Mapping[Path, str], exclude: Sequence[str]) -> None:
    left = {folder: why for folder, why in folders.items() if not _is_named(folder, exclude)}
    if left:
        first, *more = (f"{folder.name!r} {why}" for folder, why in left.items())
        rest = "".join(f"\n{each}" for each in more[: PROBLEMS_SHOWN - 1])
        rest += f"\nand {len(left) - PROBLEMS_SHOWN} more" if len(left) > PROBLEMS_SHOWN else ""
        raise SuiteError(f"{first}{rest}", place=Place(next(iter(left))), key="suite.path", hint=_WAY_OUT)


def _is_named(folder: Path, names: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(folder.name, name) for name in names)


def _with(folders: Sequence[Path], key: str, wanted: Sequence[str]) -> list[Path]:
    """Keep folders by a value of their metadata; one that cannot be read stays, for the reader to say why."""
    values = {folder: _metadata(folder) for folder in folders}
    known = sorted({str(found[key]) for found in values.values() if found and key in found})
    if not set(wanted) <= {*known}:
        missing = next(value for value in wanted if value not in known)
        raise SuiteError(f"no task has the {key} {missing!r}", key=f"suite.{key}", allowed=known)
    return [folder for folder, found in values.items() if found is None or str(found.get(key)) in wanted]


def _metadata(folder: Path) -> Mapping[str, Any] | None:  # Any: free table of task.toml
    try:
        found = tomllib.loads((folder / "task.toml").read_text()).get("metadata", {})
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def read_tasks(folders: Iterable[Path], options: ReadOptions = AS_IT_IS) -> list[Task]:
    """Read every folder, or say which cannot be read; none is skipped.

    Raises:
        SuiteError: At least one cannot be read; the first few are named.
    """
    tasks: list[Task] = []
    problems: list[SuiteError] = []
    for folder in folders:
        try:
            tasks.append(read_task(folder, options))
        except SuiteError as problem:
            problems.append(problem)
    if problems:
        first = problems[0]
        more = [f"\n{problem.message}" for problem in problems[1:PROBLEMS_SHOWN]]
        rest = f"\nand {len(problems) - PROBLEMS_SHOWN} more" if len(problems) > PROBLEMS_SHOWN else ""
        hint = first.hint or _WAY_OUT
        raise SuiteError(f"{first.message}{''.join(more)}{rest}", key=first.key, hint=hint)
    return tasks


def load(settings: Mapping[str, object], base: Path) -> Suite:
    """Read the settings of the run file and then the tasks."""
    config = read_settings(DatasetConfig, settings)
    source = _source(config, base)
    _check_names(config, [folder.name for folder in (*source.folders, *source.passed_over)])
    if config.only is None:
        _refuse_passed_over(source.passed_over, config.exclude)
    folders = _chosen(source.folders, config)
    if not folders:
        raise SuiteError("no task is left after `only`, `exclude`, `difficulty` and `category`", key="suite")
    return Suite(name=source.name, tasks=tuple(read_tasks(folders, config.options)))


def stands_on(settings: Mapping[str, object], base: Path) -> Sequence[Path]:
    """Name the folder of tasks, or the file that lists them and the task folders that it lists."""
    config = read_settings(DatasetConfig, settings)
    given = base / Path(config.path).expanduser()
    return (given,) if given.is_dir() else (given, *_source(config, base).folders)


def _source(config: DatasetConfig, base: Path) -> Source:
    root = (base / Path(config.path).expanduser()).resolve()
    checkouts = {url: (root.parent / Path(path).expanduser()).resolve() for url, path in config.checkouts.items()}
    return find_source(root, config.dataset, checkouts)
