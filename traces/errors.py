"""Every error Ratchet raises on purpose.

::

    RatchetError
    ├── UsageError               the call is wrong; one to three lines, no traceback, exit 2
    │   └── ConfigError          a file is wrong: path, line, column, the key, how to mend it
    ├── NotFoundError            a named run, candidate, task or attempt does not exist, exit 3
    ├── CredentialsError         a key is needed and absent, exit 4
    ├── ProviderError            the model's provider failed for good, exit 5
    │   └── RateLimitedError     the provider limits the rate for longer than one can wait, exit 7
    ├── SandboxUnavailableError  no sandbox of the wanted kind works here, exit 6
    ├── WorkersUnavailableError  the processes that attempts run in cannot be started, exit 11
    └── BudgetError              the budget is used up; results are kept, exit 8

Packages below may add their own leaves. Exit codes live in one table in `optimizer.cli`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class RatchetError(Exception):
    """Stand at the root of everything Ratchet raises on purpose.

    Args:
        message: What is wrong, and where.
        hint: The command or edit that mends it, or an empty string.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.more: tuple[RatchetError, ...] = ()

    @property
    def all(self) -> tuple[RatchetError, ...]:
        """List this error and what else was found wrong beside it."""
        return (self, *self.more)


class UsageError(RatchetError):
    """Say that the caller asked for something impossible."""


@dataclass(frozen=True, slots=True)
class Place:
    """Point at one spot of a file; line and column count from 1."""

    path: Path
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [str(self.path), *(str(n) for n in (self.line, self.column) if n is not None)]
        return ":".join(parts)


class ConfigError(UsageError):
    """Say which key of which file is wrong, and how to mend it.

    Args:
        message: What is wrong.
        place: Where it stands.
        key: The dotted key, such as `gate.mode`.
        hint: How to mend it.
        allowed: What may stand there, where that is a closed set.
    """

    def __init__(
        self,
        message: str,
        *,
        place: Place | None = None,
        key: str = "",
        hint: str = "",
        allowed: Sequence[str] = (),
    ) -> None:
        super().__init__(f"{place}: {message}" if place else message, hint=hint)
        self.place = place
        self.key = key
        self.allowed = tuple(allowed)

    def point_at(self, place: Place) -> None:
        """Name the spot where the wrong key stands, for who raised it did not know."""
        self.place = place
        self.message = f"{place}: {self.message}"
        self.args = (self.message,)


class NotFoundError(RatchetError):
    """Say that a named thing does not exist, with what comes close.

    Args:
        kind: What was looked for, such as `run`.
        key: The name given.
        close_matches: Names that exist and look alike.
    """

    def __init__(self, kind: str, key: str, *, close_matches: Sequence[str] = (), hint: str = "") -> None:
        near = f"; did you mean {', '.join(f'`{name}`' for name in close_matches)}?" if close_matches else ""
        super().__init__(f"no {kind} {key!r}{near}", hint=hint)
        self.kind = kind
        self.key = key
        self.close_matches = tuple(close_matches)


class CredentialsError(RatchetError):
    """Say which key is missing and how to set it."""


class ProviderError(RatchetError):
    """Say that the model's provider failed for good."""


class RateLimitedError(ProviderError):
    """Say that the model's provider limits the rate for longer than a run could wait."""


class SandboxUnavailableError(RatchetError):
    """Say that no sandbox of the wanted kind works on this machine."""


class WorkersUnavailableError(RatchetError):
    """Say that the processes that attempts run in cannot be started."""


class BudgetError(RatchetError):
    """Say that money, tokens or time are used up; results are kept."""
