"""Real attempts for a session that tries its change: planned in the ledger, paid once, on train tasks alone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.task import Split
from optimizer.attempt_spec import Purpose
from optimizer.budget import fits
from optimizer.ledger import AttemptRow, DrawRequest
from optimizer.propose import AttemptView
from optimizer.stages.bench import Bench
from optimizer.stages.evidence import NO_SCORE
from optimizer.stages.measure import certify_price
from task_agent.harness import HarnessBundle
from traces.errors import UsageError

TRAIN = Split.TRAIN


def prefix(slot: int) -> str:
    """Begin the names of a slot's stages of tries."""
    return f"try/s{slot:03d}/"


def try_name(slot: int, harness: str) -> str:
    """Name what a session tries, where a candidate's id stands: `s003-1f5e0a`."""
    return f"s{slot:03d}-{harness[:6]}"


def view_of(row: AttemptRow) -> AttemptView:
    """Show an attempt as a proposer may see it.

    Raises:
        WallError: It is not of train, when it enters a workspace.
    """
    spec, counts = row.spec, row.spec.purpose not in NO_SCORE
    return AttemptView(
        spec.id, spec.candidate, spec.task, row.reward, row.cause, row.turns, split=spec.split, counts=counts
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold one request of a session that waits for its answer."""

    slot: int
    stage: str
    bundle: HarnessBundle
    tasks: tuple[str, ...]
    answer: asyncio.Future[Sequence[AttemptView]]


class Desk:
    """Take requests for tries from sessions, which run in an event loop, and make them between two turns of it.

    Attempts are drawn when every session has ended or waits, in the order of slots: the ledger is the same
    whichever session was the faster one.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._waiting: dict[int, Asked] = {}
        self._numbers: dict[str, int] = {}
        self.changed = asyncio.Event()

    @property
    def waiting(self) -> frozenset[int]:
        """Name the slots whose sessions wait."""
        return frozenset(self._waiting)

    async def ask(self, slot: int, bundle: HarnessBundle, tasks: Sequence[str]) -> Sequence[AttemptView]:
        """Wait for the attempts of one request.

        Raises:
            UsageError: The allowance or the budget has no room for them.
        """
        answer: asyncio.Future[Sequence[AttemptView]] = asyncio.get_running_loop().create_future()
        self._waiting[slot] = Asked(slot, self._stage(slot, bundle, tasks), bundle, tuple(tasks), answer)
        self.changed.set()
        return await answer

    def serve(self) -> None:
        """Make what is asked for, in the order of slots.

        Raises:
            OutageError: Attempts died of infrastructure; what was drawn stands, and is not paid again.
        """
        for slot in sorted(self._waiting):
            asked = self._waiting.pop(slot)
            try:
                views = [view_of(row) for row in self._drawn(asked)]
            except UsageError as error:
                asked.answer.set_exception(error)
            else:
                asked.answer.set_result(views)

    def _stage(self, slot: int, bundle: HarnessBundle, tasks: Iterable[str]) -> str:
        """Name a request by its session's slot, by what is tried on what, and by how often it was asked before."""
        what = hashlib.sha256("\0".join((bundle.hash, *tasks)).encode()).hexdigest()[:10]
        key = f"{prefix(slot)}{what}"
        self._numbers[key] = self._numbers.get(key, -1) + 1
        return f"{key}/{self._numbers[key]}"

    def _drawn(self, asked: Asked) -> list[AttemptRow]:
        bench, name = self._bench, try_name(asked.slot, asked.bundle.hash)
        if not bench.ledger.attempts(bench.run, stage=asked.stage):
            self._check_room(asked)
        bench.archive.save(name, asked.bundle)
        requests = [DrawRequest(name, asked.bundle.hash, task, TRAIN.value, Purpose.TRY) for task in asked.tasks]
        return bench.draws.draw(asked.stage, requests)

    def _check_room(self, asked: Asked) -> None:
        """Refuse what the slot's allowance, over all its sessions, or the budget has no room for."""
        bench, budget = self._bench, self._bench.config.stop.budget_usd
        rows = bench.ledger.attempts(bench.run, purpose=Purpose.TRY.value)
        used = sum(row.stage.startswith(prefix(asked.slot)) for row in rows)
        if used + len(asked.tasks) > bench.config.proposer.try_attempts:
            raise UsageError(f"{used} attempts of the allowance are used already")
        price, spent = bench.draws.price(len(asked.tasks)), bench.ledger.spend().usd
        if not fits(price, spent_usd=spent, kept_back_usd=certify_price(bench), budget_usd=budget):
            raise UsageError("the run's budget has no room for attempts now", hint="submit without")
