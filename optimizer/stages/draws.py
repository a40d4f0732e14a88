"""Attempts for one stage: planned in the ledger, run, recorded; whatever crashes, none is paid twice."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing

from optimizer.attempt_spec import AttemptResult, AttemptStatus, Purpose
from optimizer.budget import price_per_attempt
from optimizer.failure import CAUSES, UNCLASSIFIED, is_fatal, lost_before_first_step
from optimizer.ledger import AttemptRow, DrawRequest, Ledger
from optimizer.schedule.base import Job, Scheduler
from optimizer.stages.stage import REMEMBERED, StageMeter
from optimizer.telling.progress import Listener
from task_agent.errors import ProviderRateLimitedError
from task_agent.harness import HarnessBundle
from traces.errors import CredentialsError, ProviderError, RatchetError, RateLimitedError
from traces.storage import StorageError, told_again
from traces.store import Segment, TraceStore

STREAK = 20
"""Attempts in a row lost before their first step, after which a stage launches no more: it is an outage."""


class OutageError(ProviderError):
    """Say that every attempt of a stage died of infrastructure: no verdict, the stage stays pending."""


class RateLimitedOutageError(OutageError, RateLimitedError):
    """Say that the provider's rate limit alone was in the way."""


class DrainedError(RatchetError):
    """Say that launching was stopped from outside before a stage was complete; it can be resumed."""


class Draws:
    """Carry out draws for one run.

    `halted` says whether nothing more is to be launched; whoever drives the run sets it.

    Args:
        run: The run's id.
        seed: The run's seed; it orders a stage's attempts, so that both arms share every moment.
        ledger: Where attempts are planned and recorded.
        scheduler: What runs them.
        store: Where their traces are listed.
        bundle: Gives a candidate's harness.
        listen: Hears of progress.
    """

    def __init__(
        self,
        run: str,
        seed: int,
        *,
        ledger: Ledger,
        scheduler: Scheduler,
        store: TraceStore,
        bundle: Callable[[str], HarnessBundle],
        listen: Listener,
    ) -> None:
        self._run = run
        self._seed = seed
        self._ledger = ledger
        self._scheduler = scheduler
        self._store = store
        self._bundle = bundle
        self._listen = listen
        self._durations: deque[float] = deque(maxlen=REMEMBERED)
        self._streak = 0
        self.halted: Callable[[], bool] = lambda: False

    def draw(self, stage: str, requests: Sequence[DrawRequest]) -> list[AttemptRow]:
        """Return the stage's finished attempts, running those that are still owed.

        Raises:
            OutageError: Not one attempt gave a score through infrastructure alone; drawing the stage
                again plans fresh attempts for it.
            DrainedError: Launching was stopped before the stage was complete.
            CredentialsError: The provider refused the key; what it refused stays owed.
        """
        key, again = stage, 0
        while True:
            rows = self._ledger.plan(self._run, key, requests)
            owed = [row for row in rows if row.state == "planned"]
            if owed:
                self._run_owed(stage, rows, owed)
                rows = self._ledger.attempts(self._run, stage=key)
                if _is_dead(rows):
                    raise _outage(stage, rows)
            if not _is_dead(rows):
                return rows
            again += 1
            key = f"{stage}+{again}"

    def price(self, count: int) -> float:
        """Estimate the price of `count` attempts from those paid so far."""
        return count * price_per_attempt(self._ledger.prices_paid())

    def _run_owed(self, stage: str, rows: list[AttemptRow], owed: list[AttemptRow]) -> None:
        self._ledger.reserve([row.rowid for row in owed], self.price(1))
        order = sorted(owed, key=lambda row: self._shuffle_key(stage, row))
        meter = StageMeter(stage, rows, self._durations, self._ledger.spend())
        self._listen(meter.started())
        self._streak = 0
        with closing(self._recorded(self._jobs(order, meter))) as results:
            for result in results:
                meter.end(result)
                self._listen(meter.attempts())
        self._store.add(Segment.from_record(record) for record in self._scheduler.flush())
        self._listen(meter.ended())
        if left := meter.total - meter.done:
            self._ledger.reserve([row.rowid for row in owed], 0.0)
            if self._streak >= STREAK:
                raise _broken_off(stage, self._ledger.attempts(self._run, stage=owed[0].stage))
            raise DrainedError(f"stopped with {left} attempts of {stage} not started")

    def _jobs(self, rows: Sequence[AttemptRow], meter: StageMeter) -> Iterator[Job]:
        for row in rows:
            if self.halted() or self._streak >= STREAK:
                return
            meter.launch()
            yield Job(row.spec, self._bundle(row.spec.candidate))

    def _recorded(self, jobs: Iterator[Job]) -> Generator[AttemptResult, None, None]:
        """Record each attempt the moment it ends, for one that waits is paid again after a kill."""
        for result in self._scheduler.results(jobs):
            if is_fatal(result.cause):
                raise _fatal(result)
            self._ledger.record([result])
            self._streak = self._streak + 1 if lost_before_first_step(result.cause, result.turns) else 0
            yield result

    def _shuffle_key(self, stage: str, row: AttemptRow) -> bytes:
        text = f"{self._seed}\0{stage}\0{row.spec.harness}\0{row.spec.task}\0{row.spec.replicate}"
        return hashlib.sha256(text.encode()).digest()


def _is_dead(rows: Sequence[AttemptRow]) -> bool:
    """Say whether a stage gave no score at all; a smoke attempt that broke our own code says something, though."""
    smoke = all(row.spec.purpose is Purpose.SMOKE and row.cause == UNCLASSIFIED.name for row in rows)
    return not smoke and all(row.state == AttemptStatus.MISSING for row in rows)


def _fatal(result: AttemptResult) -> RatchetError:
    """Say what stopped the run; the attempt stays owed."""
    if result.cause == CAUSES[StorageError].name:
        return told_again(result.detail)
    return CredentialsError(result.detail, hint="mend the key and resume: the same attempts are made")


def _outage(stage: str, rows: Sequence[AttemptRow]) -> OutageError:
    return _kind(rows)(
        f"all {len(rows)} attempts of {stage} died of infrastructure: {_causes(rows)}",
        hint="mend the cause and resume: nothing was decided, the stage is drawn again",
    )


def _broken_off(stage: str, rows: Sequence[AttemptRow]) -> OutageError:
    lost = [row for row in rows if row.state == AttemptStatus.MISSING]
    return _kind(lost)(
        f"{len(lost)} attempts of {stage} were lost to infrastructure, the last {STREAK} in a row: {_causes(lost)}",
        hint="mend the cause and resume: nothing was decided, the stage goes on",
    )


def _kind(lost: Sequence[AttemptRow]) -> type[OutageError]:
    limited = {row.cause for row in lost} == {CAUSES[ProviderRateLimitedError].name}
    return RateLimitedOutageError if limited else OutageError


def _causes(rows: Sequence[AttemptRow]) -> str:
    return "; ".join(sorted({f"{row.cause}: {row.detail}" for row in rows})[:3])
