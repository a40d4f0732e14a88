"""The tasks a simulated model knows, found again by the text an agent is given."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Protocol

from benchmarks.simulated.detector import Reading, ToolText, read_request
from benchmarks.simulated.known import Known, learn
from benchmarks.simulated.profile import TaskProfile, profile
from benchmarks.simulated.settings import SimulatedSettings
from benchmarks.task import Task

_KEPT_READINGS = 512

FixedPart = tuple[str, tuple[ToolText, ...]]
"""What a request says before its messages: the system text, and the tools offered."""


class HasTasks(Protocol):
    """Hold tasks; a suite does."""

    @property
    def tasks(self) -> Sequence[Task]:
        """The tasks."""
        ...


class Library:
    """Keep what the model knows by heart: its tasks, and readings of requests it has seen.

    Both are caches of pure functions. Of tasks with the same instruction the first one is known: an
    agent could not tell them apart either.
    """

    def __init__(self, suite: HasTasks, settings: SimulatedSettings) -> None:
        self.settings = settings
        self._tasks: dict[str, Task] = {}
        self._profiles: dict[str, TaskProfile] = {}
        self._readings: dict[FixedPart, Reading] = {}
        for task in (part for whole in suite.tasks for part in whole.parts):
            self._tasks.setdefault(task.instruction.strip(), task)

    @property
    def tasks(self) -> Mapping[str, Task]:
        """The known tasks by their instruction."""
        return self._tasks

    @functools.cached_property
    def known(self) -> Known:
        """What a change could have copied from these tasks."""
        return learn(self._tasks.values())

    def find(self, text: str) -> TaskProfile | None:
        """Find the task whose instruction stands between `<task>` and `</task>`."""
        start = text.find("<task>")
        end = text.rfind("</task>")
        task = self._tasks.get(text[start + 6 : end].strip()) if 0 <= start < end else None
        return self.profile(task) if task is not None else None

    def profile(self, task: Task) -> TaskProfile:
        """Look a task up, or at it for the first time."""
        known = self._profiles.get(task.id)
        if known is None or known.task is not task:
            known = self._profiles[task.id] = profile(task, self.settings.slip_scale)
        return known

    def read(self, fixed: FixedPart) -> Reading:
        """Read the fixed part of a request; equal parts are read once."""
        reading = self._readings.get(fixed)
        if reading is None:
            if len(self._readings) >= _KEPT_READINGS:
                del self._readings[next(iter(self._readings))]
            reading = self._readings[fixed] = read_request(*fixed)
        return reading
