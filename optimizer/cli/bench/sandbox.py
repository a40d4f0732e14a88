"""`ratchet bench sandbox`: attempts per second beside a bare loop that does the same."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from optimizer.cli.options import AsRows


class Kind(StrEnum):
    """Name the kinds of sandbox."""

    DOCKER = "docker"
    BUBBLEWRAP = "bubblewrap"
    PROCESS = "process"


def sandbox(
    kind: Annotated[Kind, typer.Option("--kind", help="The kind of sandbox.")] = Kind.BUBBLEWRAP,
    attempts: Annotated[int, typer.Option("--attempts", min=1, help="Attempts in a batch.")] = 20,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Pairs of batches.")] = 5,
    in_flight: Annotated[int, typer.Option("--in-flight", min=1, help="Attempts at once.")] = 8,
    apart: Annotated[bool, typer.Option("--apart", help="Grade in a fresh container (docker).")] = False,
    targets: Annotated[bool, typer.Option("--targets", help="End with 1 when a target is missed.")] = False,
    as_json: AsRows = False,
) -> None:
    """Run attempts (start, copy in, solve, copy tests, grade, read, remove) in turns with the shortest loop doing so.

    Example: ratchet bench sandbox --kind bubblewrap

    Example: ratchet bench sandbox --kind docker --in-flight 64 --targets

    The ratio is what counts: both sides take turns in one process, so that other work on the machine hits both. The
    bare loop has two threads per core, where it is fastest.
    """
    from optimizer.cli.exit_codes import ExitCode
    from optimizer.cli.output import complain, write_rows
    from task_agent.sandbox.bench import measure

    found = measure(kind.value, attempts=attempts, rounds=rounds, in_flight=in_flight, apart=apart)
    row = found.to_record()
    write_rows(tuple(row), [row], limit=1, as_json=as_json, narrow="--rounds N", compact=("kind", "ratio", "failed"))
    if targets and found.missed:
        complain(f"not reached: {'; '.join(found.missed)}")
        raise typer.Exit(ExitCode.BUG)
