"""Exit codes: one table, for the command line, its help and its reference."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from task_agent.errors import ProviderRateLimitedError, ProviderRefusedRequestError, ProviderUnavailableError
from traces.errors import (
    BudgetError,
    CredentialsError,
    NotFoundError,
    ProviderError,
    RatchetError,
    RateLimitedError,
    SandboxUnavailableError,
    UsageError,
    WorkersUnavailableError,
)
from traces.storage import StorageError


class ExitCode(IntEnum):
    """Say how a command ended."""

    OK = 0
    BUG = 1
    USAGE = 2
    NOT_FOUND = 3
    CREDENTIALS = 4
    PROVIDER = 5
    SANDBOX = 6
    RATE_LIMITED = 7
    BUDGET = 8
    NOT_IMPROVED = 9
    STORAGE = 10
    WORKERS = 11
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Ending:
    """Hold one row: a code, its meaning, what to do, and the errors that end with it."""

    code: ExitCode
    meaning: str
    next: str
    errors: tuple[type[RatchetError], ...] = ()

    @property
    def name(self) -> str:
        """Name the code in words."""
        return self.code.name.lower().replace("_", " ")


ENDINGS: Final = (
    Ending(ExitCode.OK, "done", "read the answer"),
    Ending(
        ExitCode.BUG,
        "a bug of Ratchet, or a fault of the machine that has no code of its own; the message says which",
        "do what the message says, or report the bug",
    ),
    Ending(
        ExitCode.USAGE,
        "the call or a file is wrong, or files that a run's measurements stand on were changed under it",
        "do what the message says",
        (UsageError,),
    ),
    Ending(
        ExitCode.NOT_FOUND,
        "a run, candidate, attempt, task or file of that name does not exist",
        "take the name that the message suggests, or the list that it names",
        (NotFoundError,),
    ),
    Ending(ExitCode.CREDENTIALS, "a model's key is missing or refused", "set the key", (CredentialsError,)),
    Ending(
        ExitCode.PROVIDER,
        "the model's provider failed for longer than the run could wait; the run waits for you",
        "`ratchet resume RUN` when the provider is back",
        (ProviderError, ProviderUnavailableError, ProviderRefusedRequestError),
    ),
    Ending(
        ExitCode.SANDBOX,
        "no sandbox of the wanted kind works here",
        "`ratchet doctor` says why, and what mends it",
        (SandboxUnavailableError,),
    ),
    Ending(
        ExitCode.RATE_LIMITED,
        "the provider limits the rate for longer than the run could wait",
        "`ratchet resume RUN` later, or fewer attempts in flight",
        (RateLimitedError, ProviderRateLimitedError),
    ),
    Ending(
        ExitCode.BUDGET,
        "the budget (money or tokens) is used up; the run is finished and its results are kept",
        "read the report; give the next run more",
        (BudgetError,),
    ),
    Ending(
        ExitCode.NOT_IMPROVED,
        "no certified gain above zero; only with `--fail-unless-improved`",
        "read the report",
    ),
    Ending(
        ExitCode.STORAGE,
        "a disk, a run's folder or a file of it is full, read-only, gone, locked or damaged; what was recorded stays",
        "do what the message says, then `ratchet resume RUN`",
        (StorageError,),
    ),
    Ending(
        ExitCode.WORKERS,
        "the processes that attempts run in could not be started; the run waits for you",
        "`ratchet resume RUN` when the machine is less busy, or `schedule: {kind: inline}`",
        (WorkersUnavailableError,),
    ),
    Ending(ExitCode.INTERRUPTED, "interrupted; a run can be resumed", "`ratchet resume RUN`"),
)

CODES: Final[dict[type[RatchetError], ExitCode]] = {error: ending.code for ending in ENDINGS for error in ending.errors}


def exit_code(error: BaseException) -> ExitCode:
    """Look up the exit code of an error; what is in no row is a bug."""
    for kind in type(error).__mro__:
        if kind in CODES:
            return CODES[kind]
    return ExitCode.BUG
