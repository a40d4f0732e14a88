"""The manner in which a command answers: its format, how much it says, whether it may ask."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final, TextIO

from traces.errors import UsageError

VARIABLE = "RATCHET_FORMAT"
COLUMNS = 80
"""Lines about events are broken here where nothing says another width."""


class Format(StrEnum):
    """Name the formats of an answer."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


ROWS_ONLY: Final = frozenset({Format.JSONL, Format.CSV})


@dataclass(slots=True)
class Manner:
    """Hold what the shared options said; one command line has one manner.

    Not a context variable: the thread that writes heartbeats must see it too.
    """

    format: Format | None = None
    compact: bool = False
    quiet: bool = False
    no_colour: bool = False
    no_input: bool = False
    yes: bool = False
    structured: bool = False
    """The command answers for a program."""

    @property
    def errors_in_json(self) -> bool:
        """Say whether an error is told as JSON; csv has no place for one."""
        return self.structured and self.format is not Format.CSV

    def reset(self) -> None:
        """Forget the last command line."""
        for field in fields(self):
            setattr(self, field.name, field.default)

    def want(self, wanted: Format) -> None:
        """Take the format that an option names.

        Raises:
            UsageError: Two options name two formats.
        """
        if self.format not in (None, wanted):
            raise UsageError(f"--format {self.format} and --format {wanted} contradict each other")
        self.format = wanted

    def settle(self, *, automatic: bool, rows: bool) -> bool:
        """Say whether the command answers for a program.

        Args:
            automatic: It does so by itself when stdout is no terminal.
            rows: Its answer is a list, which also fits one line each.

        Raises:
            UsageError: The format asked for cannot hold the answer.
        """
        if self.format in ROWS_ONLY and not rows:
            raise UsageError(f"--format {self.format} is for lists", hint="--format json")
        named = self.format or preset()
        if named is None or (named in ROWS_ONLY and not rows):
            self.structured = automatic and not on_terminal()
        else:
            self.structured = named is not Format.TABLE
        return self.structured


NOW: Final = Manner()
"""The manner of the command that runs."""


def preset() -> Format | None:
    """Read the format that the environment sets for every command.

    Raises:
        UsageError: It names none.
    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return None
    try:
        return Format(text)
    except ValueError:
        raise UsageError(f"{VARIABLE}={text!r} is no format", hint=f"export {VARIABLE}=json") from None


def on_terminal(stream: TextIO | None = None) -> bool:
    """Say whether a stream, stdout if none is given, is a terminal."""
    return (stream or sys.stdout).isatty()
