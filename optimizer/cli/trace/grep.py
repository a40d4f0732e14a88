"""`ratchet trace grep`: an expression in all traces of a run."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from optimizer.cli.options import LIMIT, RUNS, AsRows, Limit, RunBefore, RunsDir, run_and

if TYPE_CHECKING:
    from optimizer.run_folder import RunFolder
    from traces.search import Filters, Found, Hit
    from traces.styled import Line

NARROW = "--candidate, --task, --kind, --reward-below, --split, a narrower expression, or --limit"

_WIDE = 70
"""On fewer columns a hit shows no turn and no kind."""


class Where(StrEnum):
    """Name the traces that can be searched."""

    TRAIN = "train"
    HELDOUT = "heldout"
    TEST = "test"
    PROPOSER = "proposer"
    ALL = "all"


def grep(
    run: RunBefore,
    pattern: Annotated[str | None, typer.Argument(metavar="PATTERN", help="A regular expression (RE2).")] = None,
    candidate: Annotated[str | None, typer.Option("--candidate", help="Attempts of one candidate only.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="Attempts at one task only.")] = None,
    split: Annotated[Where, typer.Option("--split", help="Whose traces.")] = Where.TRAIN,
    kind: Annotated[str | None, typer.Option("--kind", help="Only these kinds, such as tool_result,model.")] = None,
    reward_below: Annotated[
        float | None, typer.Option("--reward-below", help="Only attempts that scored less, such as 1.")
    ] = None,
    ignore_case: Annotated[bool, typer.Option("-i", "--ignore-case", help="a and A are the same.")] = False,
    as_json: AsRows = False,
    limit: Limit = LIMIT,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Find what agents said, called and were answered, over all train traces of a run.

    Example: ratchet trace grep "No such file" --reward-below 1
    """
    from optimizer.cli.output import tell, wrap, write_rows
    from optimizer.cli.trace.screen import columns, next_commands
    from optimizer.cli.trace.screen import show as show_page
    from optimizer.reading.readings import note_reading
    from optimizer.run_folder import find_run
    from traces.matching import Pattern
    from traces.search import search
    from traces.store import TraceStore

    run, wanted = run_and(run, pattern)
    folder, expression = find_run(runs_dir, run), Pattern(wanted, ignore_case)
    filters = _filters(folder, candidate, task, split, kind, reward_below)
    found = search(TraceStore(folder.traces), expression, filters, limit=limit)
    caution = note_reading(folder, "trace grep", {hit.split for hit in found.hits}, [wanted])
    if caution:
        tell(wrap(caution))
    for damage in found.damaged:
        tell(wrap(f"left out: {damage.message}; {damage.hint}"))
    if as_json:
        rows = [_row(hit) for hit in found.hits]
        short = ("attempt", "event", "kind", "match")
        write_rows([*_row_keys()], rows, limit=limit, as_json=True, narrow=NARROW, compact=short, total=found.total)
        return
    show_page(_listing(found, columns()), width=None, paged=False, bounded=False, more="")
    tell(wrap(_sum(found, split)))
    if found.hits:
        first = found.hits[0]
        next_commands(
            runs_dir, (f"trace show {folder.id} {first.attempt} --event {first.seq}", "the first of them whole")
        )


def _filters(
    folder: RunFolder,
    candidate: str | None,
    task: str | None,
    split: Where,
    kind: str | None,
    reward_below: float | None,
) -> Filters:
    """Check what narrows the search: a name that does not exist must not look like no match.

    Raises:
        NotFoundError: The run has no such candidate or task.
    """
    from optimizer.reading.attempt_facts import attempts_of, below, read_naming
    from traces.errors import NotFoundError
    from traces.render import kinds_of
    from traces.search import Filters

    if candidate is not None and split is not Where.PROPOSER and candidate not in read_naming(folder).titles:
        raise NotFoundError("candidate", candidate, hint=folder.command("candidates list"))
    if task is not None and split is not Where.PROPOSER:
        attempts_of(folder, task)
    return Filters(
        splits=frozenset() if split is Where.ALL else frozenset({split.value}),
        candidate=candidate,
        task=task,
        kinds=frozenset(kinds_of(part.strip() for part in kind.split(","))) if kind else frozenset(),
        attempts=None if reward_below is None else below(folder, reward_below),
    )


def _row(hit: Hit) -> dict[str, object]:
    from traces.search import plain, snippet

    match = snippet(hit.body, 200).text
    found: list[object] = [hit.attempt, hit.split, hit.agent, hit.turn, hit.seq, hit.kind, hit.name, match]
    return {**dict(zip(_row_keys(), found, strict=True)), "text_bytes": len(plain(hit.body).encode())}


def _row_keys() -> tuple[str, ...]:
    return ("attempt", "split", "agent", "turn", "event", "kind", "name", "match")


def _listing(found: Found, width: int) -> Iterator[Line]:
    """List hits below the attempt they are in, each on one line cut around its match."""
    from traces.search import snippet
    from traces.styled import Span, Style, line

    for attempt, hits in groupby(found.hits, key=lambda hit: hit.attempt):
        several = list(hits)
        yield line(f"{attempt} · {several[0].split}", Style.STRONG)
        for hit in several:
            lead = f"{hit.seq:>4}  turn {hit.turn:<3} {hit.kind:<12} " if width >= _WIDE else f"{hit.seq:>4}  "
            yield snippet(hit.body, width - len(lead)).under(Span(lead, Style.FAINT))


def _sum(found: Found, split: Where) -> str:
    where = "all traces" if split is Where.ALL else f"{split.value} traces"
    if not found.total:
        elsewhere = "" if split is Where.ALL else "; --split all looks everywhere"
        return f"nothing matches in the {where}{elsewhere}"
    events = "1 event" if found.total == 1 else f"{found.total:,} events"
    attempts = "1 attempt" if found.attempts == 1 else f"{found.attempts:,} attempts"
    if len(found.hits) < found.total:
        return f"showing {len(found.hits):,} of {events} in {attempts}; add {NARROW}"
    return f"{events} in {attempts}, of the {where}"
