"""`ratchet trace pair`: a passing and a failing attempt of one task, side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optimizer.cli.options import RUNS, AsJsonIfAsked, RunsDir
from optimizer.cli.trace.show import Full, NoPager

if TYPE_CHECKING:
    from optimizer.ledger import AttemptRow
    from optimizer.reading.attempt_facts import Naming
    from optimizer.reading.pairs import Pair
    from optimizer.run_folder import RunFolder
    from traces.event import Event
    from traces.side_by_side import Comparison
    from traces.styled import Line

ATTEMPT = re.compile(r"[ct]\d+/.+/a\d+")


def pair(
    words: Annotated[
        list[str],
        typer.Argument(metavar="TASK|ATTEMPT", help="A task, an attempt, or two; a run may stand before it."),
    ],
    candidate: Annotated[
        str | None, typer.Option("--candidate", help="Whose success; the champion's when left out.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Whose failure; the baseline's when left out.")
    ] = None,
    full: Full = False,
    no_pager: NoPager = False,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Show a passing and a failing attempt of one task from where they first part.

    Side by side on 100 columns and more, below each other on fewer. Two attempts may be named as well.

    Example: ratchet trace pair csv-totals-03 --candidate c002 --against c000
    """
    from optimizer.cli.output import tell, wrap, write_json
    from optimizer.cli.trace.screen import columns, next_commands
    from optimizer.cli.trace.screen import show as show_page
    from optimizer.reading.attempt_facts import read_naming, read_trace
    from optimizer.reading.readings import note_reading
    from optimizer.run_folder import find_run
    from traces.side_by_side import beside, compare

    run, named = _parted(words)
    folder = find_run(runs_dir, run)
    naming = read_naming(folder)
    rows = _named(folder, named) if len(named) == 2 else [*_chosen(folder, naming, named[0], candidate, against)]
    left, right = (read_trace(folder, row.spec.id) for row in rows)
    found = compare(left, right)
    caution = note_reading(folder, "trace pair", {row.spec.split for row in rows}, [row.spec.id for row in rows])
    if caution:
        tell(wrap(caution))
    if as_json:
        write_json(_json(rows, found))
        return
    width = columns()
    page = _page(_head(rows, (left, right), naming, width), beside(found, width, full=full))
    show_page(page, width=width, paged=not no_pager, bounded=not full, more="--full")
    ids = [row.spec.id for row in rows]
    candidates = dict.fromkeys(row.spec.candidate for row in rows)
    commands = [(f"trace show {folder.id} {name}", "whole") for name in ids]
    if len(candidates) == 2:
        newer, older = sorted(candidates, reverse=True)
        commands.append((f"candidates diff {folder.id} {newer} --against {older}", "what the harnesses differ in"))
    next_commands(runs_dir, *commands)


def _parted(words: Sequence[str]) -> tuple[str, list[str]]:
    """Tell the run from the task or the attempts.

    Raises:
        UsageError: These words name no pair.
    """
    from traces.errors import UsageError

    attempts = [word for word in words if ATTEMPT.fullmatch(word)]
    others = [word for word in words if word not in attempts]
    if len(attempts) in (1, 2) and len(others) <= 1:
        return (others[0] if others else "last"), attempts
    if not attempts and len(others) in (1, 2):
        return (others[0] if len(others) == 2 else "last"), others[-1:]
    hint = "ratchet trace pair [RUN] TASK, or [RUN] ATTEMPT ATTEMPT"
    raise UsageError("name one task, or one or two attempts", hint=hint)


def _named(folder: RunFolder, names: Sequence[str]) -> list[AttemptRow]:
    """Find two attempts of one task.

    Raises:
        NotFoundError: One does not exist.
        UsageError: They are of different tasks.
    """
    from traces.errors import UsageError

    rows = [_row(folder, name) for name in names]
    if rows[0].spec.task != rows[1].spec.task:
        raise UsageError(
            f"{names[0]} and {names[1]} are attempts at different tasks",
            hint=folder.command("trace pair", rows[0].spec.task),
        )
    return rows


def _row(folder: RunFolder, name: str) -> AttemptRow:
    from optimizer.reading.attempt_facts import attempt_row
    from traces.errors import NotFoundError

    row = attempt_row(folder, name)
    if row is None:
        raise NotFoundError("attempt", name, hint=folder.command("attempts list"))
    return row


def _chosen(folder: RunFolder, naming: Naming, named: str, candidate: str | None, against: str | None) -> Pair:
    """Choose the pair for a task, or the partner of an attempt.

    Raises:
        NotFoundError: No such candidate, task or attempt, or nobody's attempts at it ended differently.
    """
    from optimizer.reading.attempt_facts import attempts_of
    from optimizer.reading.pairs import choose, opposite
    from traces.errors import NotFoundError

    for name in (candidate, against):
        if name is not None and name not in naming.titles:
            raise NotFoundError("candidate", name, hint=f"ratchet candidates list {folder.id}")
    champion, baseline = candidate or naming.champion, against or naming.baseline
    single = ATTEMPT.fullmatch(named) is not None
    one = _row(folder, named) if single else None
    rows = attempts_of(folder, one.spec.task if one else named)
    if one is not None:
        found = opposite(rows, one, [champion, baseline])
    elif candidate is None and against is None:
        found = choose(rows, champion, baseline) or _anyone(rows)
    else:
        found = choose(rows, champion, baseline)
    if found is None:
        raise NotFoundError("pair for", named, hint=_why_none(rows, folder))
    return found


def _anyone(rows: Sequence[AttemptRow]) -> Pair | None:
    """Take a passing attempt of anybody's and the failing one of anybody's, both the first."""
    from optimizer.reading.pairs import choose

    names = list(dict.fromkeys(row.spec.candidate for row in rows))
    pairs = (choose(rows, winner, loser) for winner in names for loser in names)
    return next((found for found in pairs if found is not None), None)


def _why_none(rows: Sequence[AttemptRow], folder: RunFolder) -> str:
    scored = [row for row in rows if row.reward is not None]
    passed = sum(1 for row in scored if row.reward is not None and row.reward >= 1)
    task = rows[0].spec.task
    said = f"{passed} of {len(scored)} scored attempts at {task} passed; a pair needs one that did and one that did not"
    return f"{said}: ratchet attempts list {folder.id} --task {task}"


def _head(rows: Sequence[AttemptRow], sides: Sequence[Sequence[Event]], naming: Naming, width: int) -> Iterator[Line]:
    """Say who stands left and right."""
    from optimizer.cli.trace.heading import ending, figures
    from traces.styled import Span, Style, line

    spec = rows[0].spec
    yield line(f"{spec.task} · {spec.split}", Style.STRONG)
    for name, row, events in zip(("left", "right"), rows, sides, strict=True):
        said, style = ending(events, row, naming)
        lead = Span(f"  {name:<6}", Style.FAINT)
        yield from line(f"{row.spec.id} · {said}", style).under(lead).wrapped(width)
        for text in (naming.of(row.spec.candidate), " · ".join(figures(events))):
            yield from line(text).under(Span(" " * 8)).wrapped(width)
    yield line("")


def _page(*parts: Iterator[Line]) -> Iterator[Line]:
    for part in parts:
        yield from part


def _json(rows: Sequence[AttemptRow], found: Comparison) -> dict[str, Any]:  # Any: JSON
    ours, theirs = found.first_apart
    sides = zip(("left", "right"), rows, strict=True)
    return {
        "task": rows[0].spec.task,
        "split": rows[0].spec.split,
        **{
            name: {"attempt": row.spec.id, "candidate": row.spec.candidate, "reward": row.reward} for name, row in sides
        },
        "parts_at": None
        if found.parts_at is None
        else {
            "row": found.parts_at,
            "words": found.words,
            "left": ours.seq if ours else None,
            "right": theirs.seq if theirs else None,
        },
        "rows": [
            {"left": one.seq if one else None, "right": other.seq if other else None, "same": row.same}
            for row in found.rows
            for one, other in (found.sides(row),)
        ],
    }
