"""Which tasks of a suite a new run stands on: what a check here found undecidable is left out, and that is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.check_record import Fitness
from benchmarks.suite import Suite, common_settings
from optimizer.config import RunConfig
from traces.errors import ConfigError

_NAMED = 5
_OWN = ("pitfalls",)
"""Kinds whose tasks come with Ratchet, whose own tests check them."""


@dataclass(frozen=True, slots=True)
class FitTasks:
    """Hold the suite that is left, the run file that says so, and a sentence for people, or none."""

    suite: Suite
    config: RunConfig
    said: str


def fit_tasks(config: RunConfig, suite: Suite, fitness_of: Callable[[Suite], Fitness]) -> FitTasks:
    """Leave out what a check found undecidable; what was never checked stays.

    The ids go into `suite.without` of the run file, so that a resumed run and every worker stand on the
    same tasks whatever is checked later.

    Raises:
        ConfigError: Nothing would be left.
    """
    if not common_settings(dict(config.suite)).use_checks:
        return FitTasks(suite, config, "")
    found = fitness_of(suite)
    said = _sentence(found, len(suite.tasks), own=config.suite.get("kind") in _OWN)
    if not found.undecidable:
        return FitTasks(suite, config, said)
    if len(found.undecidable) == len(suite.tasks):
        hint = "mend the tasks and check them again with `ratchet tasks check`, or set `suite.use_checks: false`"
        raise ConfigError(f"no task can be decided here: {said}", key="suite", hint=hint)
    without = [*config.suite.get("without", ()), *sorted(found.undecidable)]
    config = config.model_copy(update={"suite": {**config.suite, "without": without}})
    return FitTasks(suite.without(found.undecidable), config, said)


def _sentence(found: Fitness, count: int, *, own: bool) -> str:
    parts: list[str] = []
    if found.undecidable:
        counts = Counter(found.undecidable.values())
        kinds = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in sorted(counts.items()))
        named = ", ".join(sorted(found.undecidable)[:_NAMED]) + (", ..." if len(found.undecidable) > _NAMED else "")
        parts.append(f"{len(found.undecidable)} of {count} tasks left out, which a check found {kinds} ({named})")
    if found.unchecked and not own:
        parts.append(f"{len(found.unchecked)} of {count} tasks were never checked with `ratchet tasks check`")
    return "; ".join(parts)
