"""What was found of tasks by checking them here, by content and kind of sandbox, beside the suites' records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from benchmarks.check import UNDECIDABLE, CheckState, TaskCheck
from benchmarks.journal import locked, whole_lines
from benchmarks.registry import RegistryError
from benchmarks.task import Task
from task_agent.sandbox.base import SandboxKind

_UNREMEMBERED: tuple[CheckState, ...] = ("unsolved", "error")
"""States that say nothing of a task: it was not checked, or could not be."""


@dataclass(frozen=True, slots=True)
class Fitness:
    """Sort tasks, by their ids: which cannot be decided here, with the state, and which were never checked."""

    undecidable: Mapping[str, CheckState]
    unchecked: tuple[str, ...]


class CheckRecord:
    """Keep one line for each check of a task in `folder` (`runs/suites`); the last one counts.

    A task whose content changes has another digest, and so was never checked; nor was it in a kind of sandbox
    other than the one it was checked in.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "checks.jsonl"

    def remember(self, checked: Iterable[tuple[Task, TaskCheck]], *, sandbox: str, at: str) -> None:
        """Write down what was found; tasks without a solution, and those that could not be run, were not checked.

        Args:
            checked: Tasks and what was found of them.
            sandbox: The kind of sandbox it was found in.
            at: When, for people.
        """
        with locked(self._path) as journal:
            for task, row in checked:
                if row.state not in _UNREMEMBERED:
                    journal.append({**row.to_record(), "digest": task.digest, "sandbox": sandbox, "at": at})

    def kinds(self, tasks: Iterable[Task]) -> frozenset[str]:
        """Name the kinds of sandbox that any of these tasks was checked in.

        Raises:
            RegistryError: The record is damaged.
        """
        digests = {task.digest for task in tasks}
        return frozenset(kind for digest, kind in self._states() if digest in digests)

    def fitness(self, tasks: Iterable[Task], sandbox: SandboxKind) -> Fitness:
        """Sort tasks by what their last check in a kind of sandbox found.

        Raises:
            RegistryError: The record is damaged.
        """
        states = self._states()
        known = {task.id: states.get((task.digest, sandbox)) for task in tasks}
        undecidable = {name: state for name, state in known.items() if state in UNDECIDABLE}
        return Fitness(undecidable, tuple(name for name, state in known.items() if state is None))

    def _states(self) -> dict[tuple[str, str], CheckState]:
        """Read the last state of each content in each kind; errors, which older records hold, are passed over."""
        if not self._path.exists():
            return {}
        states: dict[tuple[str, str], CheckState] = {}
        for number, line in enumerate(whole_lines(self._path.read_bytes()).splitlines(), 1):
            try:
                row = json.loads(line)
                digest, kind, state = str(row["digest"]), str(row["sandbox"]), str(row["state"])
            except (ValueError, KeyError, TypeError) as error:
                raise RegistryError(f"line {number} of {self._path} is damaged: {error}") from error
            if state in get_args(CheckState) and state not in _UNREMEMBERED:
                states[digest, kind] = cast(CheckState, state)  # it is one of them
        return states
