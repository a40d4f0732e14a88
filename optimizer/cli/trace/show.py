"""`ratchet trace show`: one attempt, turn by turn."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optimizer.cli.options import RUNS, AsJsonIfAsked, AttemptId, RunBeforeAttempt, RunsDir, run_and

if TYPE_CHECKING:
    from traces.event import Event
    from traces.reader import Reading
    from traces.styled import Line

NoPager = Annotated[bool, typer.Option("--no-pager", help="Print it all at once, also on a terminal.")]
Full = Annotated[bool, typer.Option("--full", help="Whole outputs instead of folded ones.")]


def show(
    run: RunBeforeAttempt,
    attempt: AttemptId = None,
    full: Full = False,
    turn: Annotated[
        str | None, typer.Option("--turn", help="A turn, or turns: 3, 2-5, 4-, or -2, the last two.")
    ] = None,
    event: Annotated[int | None, typer.Option("--event", min=0, help="One event, with everything it holds.")] = None,
    only: Annotated[str | None, typer.Option("--only", help="Only these kinds, such as tool,thinking.")] = None,
    tail: Annotated[int | None, typer.Option("--tail", min=1, help="The last so many events.")] = None,
    grep: Annotated[str | None, typer.Option("--grep", help="Only what matches this regular expression.")] = None,
    ignore_case: Annotated[bool, typer.Option("-i", "--ignore-case", help="For --grep: a and A are the same.")] = False,
    context: Annotated[int, typer.Option("-C", "--context", min=0, help="Lines around what --grep finds.")] = 2,
    no_pager: NoPager = False,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Show one attempt turn by turn, long outputs folded; a running one as far as it has come.

    Example: ratchet trace show c000/csv-totals-03/a00 --only tool,thinking
    """
    from optimizer.cli.output import tell, wrap, write_json
    from optimizer.cli.trace.heading import heading
    from optimizer.cli.trace.screen import show as show_page
    from optimizer.cli.trace.screen import wrapping
    from optimizer.reading.attempt_facts import attempt_row, read_damaged, read_naming, read_trace
    from optimizer.reading.readings import note_reading
    from optimizer.run_folder import find_run
    from traces.reader import Reading, chosen, matching
    from traces.segment import TraceDamagedError

    run, attempt = run_and(run, attempt)
    folder = find_run(runs_dir, run)
    pattern = None
    if grep is not None:
        from traces.matching import Pattern  # loads pyarrow

        pattern = Pattern(grep, ignore_case)
    kinds = tuple(name.strip() for name in only.split(",") if name.strip()) if only else ()
    reading = Reading(full, kinds, turn, event, tail, pattern, context)
    try:
        events = read_trace(folder, attempt)
    except TraceDamagedError as error:
        events, loss = read_damaged(folder, error, attempt)
        tell(wrap(loss))
    picked = chosen(events, reading)
    caution = note_reading(folder, "trace show", [events[0].key.split], [attempt])
    row, naming = attempt_row(folder, attempt), read_naming(folder)
    if caution:
        tell(wrap(caution))
    if as_json:
        rows = [dataclasses.asdict(one) for one in (matching(picked, pattern) if pattern else picked)]
        write_json({"attempt": attempt, "events": rows, "total": len(events), "running": _running(events)})
        return
    lines = _page([*heading(events, row, naming)] if event is None else [], events, reading)
    whole = full or event is not None
    more = f"--turn, --tail, --grep or --full, as in: ratchet trace show {folder.id} {attempt} --tail 20"
    show_page(lines, width=None if full else wrapping(), paged=not no_pager, bounded=not whole, more=more)
    _next(folder.id, events, runs_dir)


def _running(events: Sequence[Event]) -> bool:
    from traces.turns import is_ended

    return not is_ended(events)


def _page(head: Sequence[Line], events: Sequence[Event], reading: Reading) -> Iterator[Line]:
    from traces.reader import page

    yield from head
    yield from page(events, reading)


def _next(run: str, events: Sequence[Event], runs_dir: Path) -> None:
    from optimizer.cli.trace.heading import PROPOSER
    from optimizer.cli.trace.screen import next_commands

    key = events[0].key
    if key.split == PROPOSER:
        return
    next_commands(
        runs_dir,
        (f"trace pair {run} {key.task}", "a passing attempt of this task beside a failing one"),
        (f"attempts list {run} --task {key.task}", "every attempt at it"),
    )
