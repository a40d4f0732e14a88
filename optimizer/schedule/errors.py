"""What can go wrong with a scheduler itself; the failure of an attempt is a result, not an error.

::

    WorkersUnavailableError (RatchetError)
    └── SchedulerStartError   no worker could be started
    RuntimeError
    └── RunnerBrokenError     a runner raised instead of returning a result: a bug, so it keeps its traceback
"""

from __future__ import annotations

from traces.errors import WorkersUnavailableError


class SchedulerStartError(WorkersUnavailableError):
    """Say that no worker could be started."""


class RunnerBrokenError(RuntimeError):
    """Say that a runner broke its promise to turn every failure into a result.

    Args:
        attempt: The attempt's id.
        problem: The worker's traceback, as text, since it may come from another process.
    """

    def __init__(self, attempt: str, problem: str) -> None:
        super().__init__(attempt, problem)
        self.attempt = attempt
        self.problem = problem

    def __str__(self) -> str:
        return f"the runner broke on attempt {self.attempt!r}:\n{self.problem}"
