"""A named set of tasks with a content hash, and the kinds of suite that can be loaded."""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, cast, get_args

from pydantic import BaseModel, ConfigDict

from benchmarks.errors import SuiteError
from benchmarks.phases import refused_by
from benchmarks.settings import read_settings
from benchmarks.task import Task
from benchmarks.task_id import id_fault
from task_agent.sandbox.base import SandboxKind
from task_agent.sandbox.choose import Needs
from task_agent.sandbox.roots import find_root
from traces.errors import NotFoundError, UsageError


class Kind(Protocol):
    """Make suites of one kind of settings; a module, whose other names are its own."""

    def load(self, settings: Mapping[str, object], base: Path) -> Suite:
        """Load the suite that the settings describe."""

    def stands_on(self, settings: Mapping[str, object], base: Path) -> Sequence[Path]:
        """Name every file and folder on disk that `load` would read, the one that the settings call `path` first.

        What is not there yet, and would be read if it were, is named too. A suite that is generated stands on none.
        """


KINDS: dict[str, str] = {
    "pitfalls": "benchmarks.pitfalls.generator",
    "harbor": "benchmarks.harbor.dataset",
    "spreadsheetbench": "benchmarks.spreadsheetbench.reader",
    "exercism": "benchmarks.exercism.reader",
    "bfcl": "benchmarks.bfcl.reader",
    "table": "benchmarks.table.reader",
}


VARIANT = "~"
"""Stands between a task's id and the number of its variant."""


@dataclass(frozen=True)
class Suite:
    """Hold tasks under one name.

    `vary` makes another task of a task's kind, the same for the same number: other names, numbers and files, the same
    work. A suite that cannot make any has none. Such a task is found by the id `<task>~<number>`; it is no task of
    the suite, and no part of its hash.

    `examine` reads all that the tasks of some ids will need when they are worked on and graded, and raises a
    `SuiteError` for what cannot be read. A suite that has read all of it when it is loaded has none.

    Raises:
        SuiteError: There is no task, two have the same id, or an id cannot be one.
    """

    name: str
    tasks: tuple[Task, ...]
    vary: Callable[[Task, int], Task] | None = field(default=None, compare=False, repr=False)
    examine: Callable[[Collection[str]], None] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.tasks:
            raise SuiteError(f"suite {self.name!r} has no tasks")
        faults = [fault for task in self.tasks if (fault := id_fault(task.id))]
        if faults:
            raise SuiteError(f"suite {self.name!r}: {faults[0]}")
        twice = [task_id for task_id, count in Counter(task.id for task in self.tasks).items() if count > 1]
        if twice:
            raise SuiteError(f"suite {self.name!r} has two tasks named {twice[0]!r}")

    @functools.cached_property
    def hash(self) -> str:
        """Hash the tasks' digests; the order of the tasks does not matter."""
        digests = sorted(task.digest for task in self.tasks)
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    @functools.cached_property
    def _by_id(self) -> dict[str, Task]:
        return {task.id: task for task in self.tasks}

    def task(self, task_id: str) -> Task:
        """Give the task of that id, or the variant of one.

        Raises:
            NotFoundError: There is none.
        """
        name, mark, number = task_id.rpartition(VARIANT)
        if mark and self.vary is not None and name in self._by_id and number.isdecimal():
            return self.vary(self._by_id[name], int(number))
        found = self._by_id.get(task_id)
        if found is None:
            near = difflib.get_close_matches(task_id, self._by_id, n=3)
            raise NotFoundError("task", task_id, close_matches=near)
        return found

    @property
    def needs(self) -> Needs:
        """Say what its tasks need of a sandbox, as `task_agent.sandbox.choose` asks."""
        kinds = {kind: self._refused(kind) for kind in get_args(SandboxKind)}
        return Needs(
            needs_image=any(task.needs_image for task in self.tasks),
            needs_jail=any(task.needs_jail for task in self.tasks),
            refused={kind: why for kind, why in kinds.items() if why},
            cpus=max(place.cpus for task in self.tasks for place in task.places),
        )

    def _refused(self, kind: SandboxKind) -> str:
        """Say what some tasks ask for that a kind cannot give: the first of them, and how many more there are."""
        found = [(task.id, why) for task in self.tasks if (why := refused_by(kind, task))]
        if not found:
            return ""
        more = f", and {len(found) - 1:,} more of {len(self.tasks):,}" if len(found) > 1 else ""
        return f"{found[0][0]!r} ({found[0][1]}){more}"

    def without(self, names: Collection[str]) -> Suite:
        """Give the suite without the tasks of these ids.

        Raises:
            SuiteError: One of them is not there, or none would be left.
        """
        unknown = [name for name in names if name not in self._by_id]
        if unknown:
            near = difflib.get_close_matches(unknown[0], self._by_id, n=3)
            hint = near and f"did you mean {', '.join(near)}?"
            raise SuiteError(f"`suite.without`: no task {unknown[0]!r}", key="suite.without", hint=hint or "")
        left = tuple(task for task in self.tasks if task.id not in names)
        return replace(self, tasks=left) if names else self

    def with_variants(self, number: int) -> Suite:
        """Give the suite with a variant beside every task, for whoever must know both."""
        if self.vary is None:
            return self
        return replace(self, tasks=(*self.tasks, *(self.vary(task, number) for task in self.tasks)))


class CommonSettings(BaseModel):
    """Hold the keys that every kind of suite knows."""

    model_config = ConfigDict(extra="forbid")

    without: list[str] = []
    """Ids of tasks to leave out; a run writes here which tasks it left out because a check failed them."""
    use_checks: bool = True
    """Leave out tasks that `ratchet tasks check` found undecidable here."""
    roots: Path | None = None
    """A folder of root file systems, made by `ratchet tasks roots`: tasks whose image is there run in a jail on it."""


def common_settings(settings: dict[str, object]) -> CommonSettings:
    """Take the keys that every kind knows out of `settings`.

    Raises:
        SuiteError: One of them has a wrong value.
    """
    known = {name: settings.pop(name) for name in CommonSettings.model_fields if name in settings}
    return read_settings(CommonSettings, known)


def load_suite(config: Mapping[str, object], base: Path) -> Suite:
    """Load the suite a run file describes: `kind`, and that kind's own settings.

    Args:
        config: For example `{"kind": "pitfalls", "seed": 1}` or `{"kind": "harbor", "path": "tasks"}`;
            `without` leaves tasks out of any kind.
        base: The folder that relative paths start from, usually the run file's.

    Raises:
        SuiteError: The kind is unknown, a setting is wrong, or a task cannot be read.
    """
    settings = dict(config)
    kind, common = _kind(settings.pop("kind", None)), common_settings(settings)
    suite = kind.load(settings, base).without(common.without)
    return suite if common.roots is None else on_roots(suite, base / common.roots.expanduser())


def stands_on(config: Mapping[str, object], base: Path) -> list[Path]:
    """Name the files and folders on disk that a suite is made of, graders included; arguments as of `load_suite`.

    Raises:
        SuiteError: The kind is unknown, or a setting or what leads to the tasks is wrong.
    """
    settings = dict(config)
    kind, common = _kind(settings.pop("kind", None)), common_settings(settings)
    roots = [] if common.roots is None else [base / common.roots.expanduser()]
    return [*_with_linked(kind.stands_on(settings, base)), *roots]


def _kind(name: object) -> Kind:
    if not isinstance(name, str) or name not in KINDS:
        raise SuiteError(
            f"`suite.kind` is {name!r}; known kinds: {', '.join(KINDS)}",
            key="suite.kind",
            hint="write for example `suite: {kind: pitfalls, seed: 1}`",
        )
    return cast(Kind, importlib.import_module(KINDS[name]))  # the registry names such modules only


def _with_linked(places: Iterable[Path]) -> list[Path]:
    """Add the folders that links below lead to, which walking through a folder passes by."""
    found: dict[Path, Path] = {}
    left = [*places]
    while left:
        place = left.pop(0)
        if found.setdefault(place.resolve(), place) is place:
            below = (Path(folder, name) for folder, folders, _ in os.walk(place) for name in folders)
            left += [path for path in below if path.is_symlink()]
    return [*found.values()]


def on_roots(suite: Suite, roots: Path) -> Suite:
    """Let tasks stand on root file systems where their images are among `roots`.

    Raises:
        SuiteError: There is no such folder, or what it holds is no root.
    """
    if not roots.is_dir():
        hint = "make it with: ratchet tasks roots"
        raise SuiteError(f"`suite.roots` names {str(roots)!r}, which is no folder", key="suite.roots", hint=hint)
    try:
        placed = tuple(task.on_roots(lambda spec: find_root(roots, spec)) for task in suite.tasks)
        return replace(suite, tasks=placed)
    except UsageError as error:
        raise SuiteError(error.message, key="suite.roots", hint=error.hint) from None
