"""`ratchet trace clusters`: failing train attempts of a candidate, sorted by what they have in common."""

from __future__ import annotations

from typing import Annotated

import typer

from optimizer.cli.completing import complete_candidate
from optimizer.cli.options import LIMIT, RUNS, AsRows, Limit, RunName, RunsDir

COLUMNS = ("cluster", "attempts", "tasks", "missing", "basis", "look_at", "cause")
SHORT = ("cluster", "attempts", "look_at")


def clusters(
    run: RunName = "last",
    candidate: Annotated[
        str | None,
        typer.Option("--candidate", help="Whose; the champion's when left out.", autocompletion=complete_candidate),
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="Attempts at one task only.")] = None,
    members: Annotated[bool, typer.Option("--members", help="A row for each attempt.")] = False,
    as_json: AsRows = False,
    limit: Limit = LIMIT,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Sort a candidate's failing train attempts by what they have in common, the largest cluster first.

    Example: ratchet trace clusters last --candidate c000

    `basis` says what put them together: an analyst's digest, or without one why they ended early (ending), the first
    failed check, the last error, the last command. `look_at` is an attempt and the event to look at first.
    """
    from optimizer.cli.output import Json, write_rows
    from optimizer.facts import read_facts
    from optimizer.reading.failing import failure_clusters
    from optimizer.run_folder import find_run

    folder = find_run(runs_dir, run)
    facts = read_facts(folder)
    whose = facts.candidate(candidate).id if candidate else facts.train_champion.id
    found = failure_clusters(folder, whose, task=task)
    rows: list[Json]
    narrow = "--task KEY or --limit N"
    if members:
        rows = [
            {"attempt": each.attempt.id, "look_at": each.where, "cluster": cluster.id, "cause": cluster.cause}
            for cluster in found
            for each in cluster.failures
        ]
        write_rows(
            ("cluster", "look_at", "cause"), rows, limit=limit, as_json=as_json, narrow="--task KEY or --limit N"
        )
        return
    rows = [
        {**cluster.to_record(), "tasks": len(cluster.tasks), "look_at": cluster.examples[0].where} for cluster in found
    ]
    write_rows(COLUMNS, rows, limit=limit, as_json=as_json, narrow=narrow, compact=SHORT)
