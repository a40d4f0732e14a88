"""`ratchet trace export`: one attempt for other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from optimizer.cli.options import RUNS, AsJsonIfAsked, AttemptId, RunBeforeAttempt, RunsDir, run_and


def export(
    run: RunBeforeAttempt,
    attempt: AttemptId = None,
    atif: Annotated[bool, typer.Option("--atif", help="As an ATIF trajectory instead of one event a line.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The file to write; stdout if none.")] = None,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Write one attempt for other tools: one JSON event a line, or an ATIF trajectory.

    Example: ratchet trace export c000/csv-totals-03/a00 --atif -o attempt.json
    """
    from optimizer.cli.output import say, tell, wrap, write_json
    from optimizer.reading.attempt_facts import read_trace
    from optimizer.reading.readings import note_reading
    from optimizer.run_folder import find_run
    from traces.atif import VERSION, to_atif
    from traces.export import event_lines

    run, attempt = run_and(run, attempt)
    folder = find_run(runs_dir, run)
    events = read_trace(folder, attempt)
    caution = note_reading(folder, "trace export", [events[0].key.split], [attempt])
    if caution:
        tell(wrap(caution))
    text = json.dumps(to_atif(events), indent=2, ensure_ascii=False) if atif else event_lines(events)
    kind = f"ATIF {VERSION}" if atif else "events"
    if output is not None:
        _write(output, f"{text}\n")
        tell(f"{len(events):,} events of {attempt} are in {output} ({kind})")
    if as_json:
        data = {"attempt": attempt, "events": len(events), "format": kind, "path": str(output) if output else None}
        write_json(data if output else {**data, "document": json.loads(text) if atif else text.split("\n")})
    elif output is None:
        say(text)


def _write(output: Path, text: str) -> None:
    """Write a new file.

    Raises:
        UsageError: It exists, or cannot be written.
    """
    from traces.errors import UsageError

    try:
        with output.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{output} exists", hint="give another name, or remove it") from None
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error
