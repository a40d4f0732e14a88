"""Attempts that ended by the harness's own fault, which a score of 0 alone does not tell from wrong answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from optimizer.attempt_spec import AttemptStatus
from optimizer.failure import CAUSES
from optimizer.ledger import AttemptRow
from optimizer.run_folder import RunFolder
from optimizer.stages.bench import Bench
from optimizer.state import Phase
from task_agent.errors import AgentCrashedError, ProviderRefusedRequestError, TamperedError
from task_agent.harness.errors import HarnessError

CRASHED = frozenset(CAUSES[kind].name for kind in (AgentCrashedError, ProviderRefusedRequestError, TamperedError))
"""Causes by which no answer was given, right or wrong."""


def in_words(rows: Sequence[AttemptRow]) -> str:
    """Say how many attempts crashed, by cause; nothing where none did."""
    found = _crashed(rows)
    counts = Counter(str(row.cause) for row in found)
    told = ", ".join(f"{cause} {count:,}" for cause, count in sorted(counts.items()))
    return f"{len(found):,} of {len(rows):,} attempts crashed ({told}), such as {_example(found[0])}" if found else ""


def hold_runnable(bench: Bench, phase: Phase, rows: Sequence[AttemptRow]) -> None:
    """Refuse to go on with a seed harness that cannot run: there is nothing to improve on.

    Raises:
        HarnessError: Every attempt that was not lost to infrastructure crashed.
    """
    ended = [row for row in rows if row.state == AttemptStatus.SCORED]
    if not ended or len(_crashed(ended)) < len(ended):
        return
    listed = RunFolder(bench.folder).command("attempts list")
    raise HarnessError(
        f"the seed harness cannot run: in {phase.value} {in_words(ended)}",
        hint=f"`{listed}` lists them; mend the harness and begin a new run",
    )


def _crashed(rows: Sequence[AttemptRow]) -> list[AttemptRow]:
    return [row for row in rows if row.cause in CRASHED]


def _example(row: AttemptRow) -> str:
    """Give the last line of why: the exception itself."""
    last = next((line for line in reversed(row.detail.splitlines()) if line.strip()), "no word of why")
    return f"{row.spec.id}: {last.strip()[:200]}"
