"""Standard output and error as they come: closed, full, piped into a reader that leaves, or of another encoding."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from optimizer.cli.manner import NOW
from optimizer.cli.output import UnwritableError, complain


def open_streams() -> None:
    """Make both streams writable: what nobody opened swallows, what cannot be encoded is escaped."""
    sys.stdout = _open(sys.stdout)
    sys.stderr = _open(sys.stderr)


def _open(stream: TextIO | None) -> TextIO:
    if stream is None:  # the caller closed it, as in `>&-`; a night must not end for that
        return Path(os.devnull).open("w")
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def close_streams() -> None:
    """Write what is left; a reader that left, such as `head`, has had enough.

    Raises:
        UnwritableError: The answer could not be written.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        drop(sys.stdout)
    except OSError as error:
        drop(sys.stdout)
        raise UnwritableError(error) from None
    finally:
        with suppress(OSError):
            sys.stderr.flush()


def drop(stream: TextIO) -> None:
    """Send the rest of a stream nowhere, so that Python's own last flush cannot fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def confess(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """Tell of a bug: its traceback on stderr, and whose fault it is; an error record for a program.

    Stands in for `sys.excepthook`, so that a bug keeps its traceback and exit code 1.
    """
    import json
    import traceback

    if NOW.errors_in_json:
        fields = {"code": 1, "message": f"a bug: {kind.__name__}: {error}", "field": "", "hint": "", "command": ""}
        with suppress(OSError):
            sys.stdout.write(json.dumps({"error": fields}) + "\n")
    complain("".join(traceback.format_exception(kind, error, error.__traceback__)).rstrip())
    complain("this is a bug of Ratchet: please report it with the lines above; what a run recorded is kept")
