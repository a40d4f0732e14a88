"""Foretells attempts of the simulated agent from their tokens: the rewards it would earn, without its work."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.simulated.course import HarnessReading
from benchmarks.simulated.profile import TaskProfile, profile
from benchmarks.simulated.settings import SimulatedSettings
from benchmarks.simulated.truth import attempt_succeeds, read_harness, success_chance, working_tools
from benchmarks.suite import Suite
from optimizer.attempt_spec import AttemptResult, AttemptStatus
from optimizer.schedule.base import Job
from optimizer.studies.tool_trial import ToolTrials
from task_agent.harness import HarnessBundle
from traces.errors import UsageError
from traces.event import TokenUsage


@dataclass(frozen=True, slots=True)
class Prospect:
    """Hold what decides attempts of one harness on one task; `tools` are its script tools that work there."""

    read: HarnessReading
    known: TaskProfile
    tools: tuple[str, ...]

    @property
    def chance(self) -> float:
        """Give the true chance of success."""
        return success_chance(self.read, self.known, self.tools)

    def succeeds(self, token: str) -> bool:
        """Say whether the attempt with this token succeeds."""
        return attempt_succeeds(self.read, self.known, token, self.tools)


Prospects = Mapping[tuple[str, str], Prospect]
"""By harness (content hash) and task."""


@dataclass(slots=True)
class Seer:
    """Look at harnesses and tasks as the simulated agent would, at each once.

    Args:
        suite: Where tasks and variants are found.
        settings: The simulated model's.
        trials: Tries script tools that claim to help.
    """

    suite: Suite
    settings: SimulatedSettings
    trials: ToolTrials
    _profiles: dict[str, TaskProfile] = field(default_factory=dict)
    _readings: dict[str, HarnessReading] = field(default_factory=dict)

    def look(self, bundle: HarnessBundle, tasks: Iterable[str]) -> Prospects:
        """Say what becomes of a harness on tasks.

        Raises:
            UsageError: Nobody can tell: code orchestrates it, or its checks run commands.
        """
        read, works = self._read(bundle), functools.partial(self.trials.works, bundle)
        found = {}
        for name in tasks:
            known = self._known(name)
            found[bundle.hash, name] = Prospect(read, known, tuple(working_tools(read, known, works)))
        return found

    def _known(self, name: str) -> TaskProfile:
        if name not in self._profiles:
            self._profiles[name] = profile(self.suite.task(name), self.settings.slip_scale)
        return self._profiles[name]

    def _read(self, bundle: HarnessBundle) -> HarnessReading:
        read = self._readings.get(bundle.hash) or read_harness(bundle)
        if read is None:
            raise UsageError(
                "what this harness truly does is unknown: code orchestrates it, or it runs commands of its own",
                hint="name another harness in the run file",
            )
        self._readings[bundle.hash] = read
        return read


class Foreteller:
    """Run attempts by foretelling them; each needs its harness and task among `prospects`."""

    def __init__(self, prospects: Prospects, seed: int) -> None:
        self._prospects = prospects
        self._seed = seed

    async def run(self, job: Job) -> AttemptResult:
        """Give the result of one attempt: it costs nothing, takes no time and leaves no trace."""
        spec = job.spec
        reward = float(self._prospects[spec.harness, spec.task].succeeds(spec.token(self._seed)))
        return AttemptResult(spec, AttemptStatus.SCORED, reward, None, "foretold", TokenUsage(), 0.0, 0, 0.0, 1)

    async def flush(self) -> list[dict[str, Any]]:
        """Seal nothing (Any: JSON)."""
        return []

    async def close(self) -> None:
        """Hold nothing."""
