"""What the ledger knows of single attempts, for whoever reads their traces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from optimizer.ledger import AttemptRow, Ledger
from optimizer.ledger.lock import holder
from optimizer.run_folder import RunFolder
from traces.errors import NotFoundError
from traces.event import Event
from traces.segment import TraceDamagedError
from traces.store import TraceStore


@dataclass(frozen=True, slots=True)
class Naming:
    """Say who is who in a run: candidates' titles and verdicts, the champion, whether a driver lives."""

    titles: dict[str, str]
    verdicts: dict[str, str]
    baseline: str
    champion: str
    running: bool

    def of(self, candidate: str) -> str:
        """Describe a candidate in a few words."""
        if candidate not in self.titles:
            return candidate
        roles = [name for name, who in (("baseline", self.baseline), ("champion", self.champion)) if who == candidate]
        verdict = self.verdicts.get(candidate)
        notes = ", ".join([*roles, *([verdict] if verdict else [])])
        title = "" if candidate == self.baseline else self.titles[candidate]
        return " · ".join(part for part in (candidate, title, notes) if part)


def read_naming(folder: RunFolder) -> Naming:
    """Read a run's candidates from its ledger."""
    with _ledger(folder) as ledger:
        rows = ledger.candidates()
        return Naming(
            titles={
                **{row.id: row.title for row in rows},
                **{row.agent: f"imported from {row.job}: {row.title}" for row in ledger.imported()},
            },
            verdicts={name: row.verdict.value for name, row in ledger.verdicts().items()},
            baseline=rows[0].id if rows else "",
            champion=ledger.state().champion,
            running=holder(folder.path) is not None,
        )


def attempt_row(folder: RunFolder, attempt: str) -> AttemptRow | None:
    """Find an attempt's row; None for a meta-agent's session, which is no attempt."""
    parts = attempt.rsplit("/", 1)[0].split("/", 1)
    if len(parts) < 2:
        return None
    with _ledger(folder) as ledger:
        rows = ledger.attempts(folder.id, candidate=parts[0], task=parts[1])
    return next((row for row in rows if row.spec.id == attempt), None)


def attempts_of(folder: RunFolder, task: str) -> list[AttemptRow]:
    """List the attempts at a task.

    Raises:
        NotFoundError: Nobody attempted such a task.
    """
    with _ledger(folder) as ledger:
        rows = ledger.attempts(folder.id, task=task)
        if not rows:
            near = _near(ledger, folder, task)
            raise NotFoundError("task", task, close_matches=near, hint=folder.command("attempts list"))
        return rows


def below(folder: RunFolder, reward: float) -> frozenset[str]:
    """Name the attempts that scored less than a reward; missing ones have none."""
    with _ledger(folder) as ledger:
        rows = ledger.attempts(folder.id, state="scored")
    return frozenset(row.spec.id for row in rows if row.reward is not None and row.reward < reward)


def read_trace(folder: RunFolder, attempt: str) -> list[Event]:
    """Read an attempt's events, sealed or live.

    Raises:
        NotFoundError: It has left none; says whether it exists, has not begun, or lost its trace.
        TraceDamagedError: Its file is not as it was written.
    """
    store = TraceStore(folder.traces)
    try:
        return store.read_attempt(attempt)
    except NotFoundError as error:
        error.hint = error.hint or folder.command("attempts list")
        raise _why_absent(folder, store, attempt) or error from error


def read_damaged(folder: RunFolder, error: TraceDamagedError, attempt: str) -> tuple[list[Event], str]:
    """Read what is left of an attempt in a damaged file, and say what is not.

    Raises:
        TraceDamagedError: Too little is left.
    """
    from traces.salvage import salvage

    found = salvage(TraceStore(folder.traces), attempt)
    if found is None:
        raise error
    return found.events, f"{error.message}. Lost here: {', '.join(found.lost)}; the rest is shown. {error.hint}"


def _why_absent(folder: RunFolder, store: TraceStore, attempt: str) -> NotFoundError | None:
    aside = [damage for damage in store.damages() if attempt in damage.attempts]
    row = attempt_row(folder, attempt)
    if aside:
        why = f"its file {aside[0].path} was damaged ({aside[0].reason}) and set aside"
    elif row is not None:
        why = "it has not begun yet" if row.state == "planned" else "it has left none"
    else:
        return None
    scored = "" if row is None or row.reward is None else f"; it scored {row.reward:g}"
    listing = folder.command("attempts list", "--task", attempt.split("/")[-2]) if row else ""
    return NotFoundError("trace of attempt", attempt, hint=f"{why}{scored}; {listing}".rstrip("; "))


@contextmanager
def _ledger(folder: RunFolder) -> Iterator[Ledger]:
    ledger = Ledger(folder.ledger, read_only=True)
    try:
        yield ledger
    finally:
        ledger.close()


def _near(ledger: Ledger, folder: RunFolder, task: str) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(task, sorted({row.spec.task for row in ledger.attempts(folder.id)}), n=3, cutoff=0.5)
