"""How often reflection is right about changes whose truth is known, with intervals, by mechanism."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from optimizer.reflect.corpus import LeakCorpus
from optimizer.reflect.judge import Judgement, judge
from optimizer.reflect.panel import advocate, decisive, referee
from optimizer.reflect.planted import Planted
from optimizer.reflect.scan import scan
from optimizer.seat import Seat
from task_agent.harness import HarnessBundle, unified
from task_agent.models.base import ModelClient
from traces.recorder import MemoryRecorder

Basis = Literal["measured", "configured"]
"""A rate is measured, or it is a setting of the simulated model that comes back as it was put in."""

LEVEL = 0.95
AT_ONCE = 8
ALL = "all"


@dataclass(frozen=True, slots=True)
class Rate:
    """Count blocked changes; `of` leaves out those that were not put to the reader."""

    blocked: int
    of: int

    @property
    def share(self) -> float | None:
        """Give the share that was blocked; None of nothing."""
        return self.blocked / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Give the exact (Clopper-Pearson) two-sided 95% interval."""
        if not self.of:
            return None
        from scipy.stats import binomtest

        found = binomtest(self.blocked, self.of).proportion_ci(LEVEL, method="exact")
        return float(found.low), float(found.high)

    def to_record(self) -> dict[str, Any]:
        """Give plain JSON values (Any: JSON)."""
        return {"blocked": self.blocked, "of": self.of, "share": self.share, "interval": self.interval}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Hold what one reader said of each change by its name; None was not put to it."""

    reader: str
    basis: Basis
    blocked: Mapping[str, bool | None]
    cost_usd: float | None = 0.0
    silent: int = 0

    def rate(self, changes: Iterable[Planted]) -> Rate:
        """Count over some of the changes."""
        said = [self.blocked[change.name] for change in changes]
        return Rate(sum(word is True for word in said), sum(word is not None for word in said))


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one mechanism, or a whole part, with every reader's rate in the order of the readers."""

    truth: Literal["overfit", "honest"]
    part: Literal["tuned", "unseen", "all"]
    mechanism: str
    rates: Mapping[str, Rate]


def by_scan(planted: Sequence[Planted], parent: HarnessBundle, corpus: LeakCorpus) -> Verdicts:
    """Scan every change."""
    blocked = {change.name: bool(scan(parent.files, change.child.files, corpus)) for change in planted}
    return Verdicts("scan", "measured", blocked)


def together(first: Verdicts, second: Verdicts) -> Verdicts:
    """Say what is blocked by either of two readers, as in a night; it is no better known than the less known one."""
    either = {
        name: None if said is None else said or bool(first.blocked[name]) for name, said in second.blocked.items()
    }
    return Verdicts(f"scan or {second.reader}", second.basis, either)


def tabulate(planted: Sequence[Planted], readers: Sequence[Verdicts]) -> list[Row]:
    """Count by mechanism, then over the parts the scan was tuned on and not, then over all."""
    rows = []
    for overfit in (True, False):
        mine = [change for change in planted if change.overfit is overfit]
        truth: Literal["overfit", "honest"] = "overfit" if overfit else "honest"
        for name in dict.fromkeys(change.mechanism for change in mine):
            some = [change for change in mine if change.mechanism == name]
            part: Literal["tuned", "unseen"] = "tuned" if some[0].tuned else "unseen"
            rows.append(Row(truth, part, name, _rates(readers, some)))
        tuned = [change for change in mine if change.tuned]
        unseen = [change for change in mine if not change.tuned]
        rows.append(Row(truth, "tuned", ALL, _rates(readers, tuned)))
        rows.append(Row(truth, "unseen", ALL, _rates(readers, unseen)))
        rows.append(Row(truth, "all", ALL, _rates(readers, mine)))
    return rows


def _rates(readers: Sequence[Verdicts], some: Sequence[Planted]) -> dict[str, Rate]:
    return {reader.reader: reader.rate(some) for reader in readers}


@dataclass(slots=True)
class ModelReaders:
    """Put changes to a judge, or a panel, each in a fresh context; nothing further once the money is used up.

    Args:
        client: Answers for the role `reflector`.
        model: Its model.
        effort: How hard it thinks.
        tasks: Train instructions, as in a night.
        panel: Whether advocate and referee follow the judge.
        budget_usd: Money at most; None sets no limit.
        seed: Gives each session its token.
    """

    client: ModelClient
    model: str
    effort: str | None
    tasks: Sequence[str]
    panel: bool
    budget_usd: float | None
    seed: int
    spent_usd: float | None = 0.0
    silent: int = 0

    async def read(
        self, planted: Sequence[Planted], parent: HarnessBundle, told: Callable[[int, int], None]
    ) -> Verdicts:
        """Put every change to the readers, a few at once, in drawn order: money that ends leaves out some of each kind.

        Raises:
            AttemptError: The provider failed.
        """
        gate, blocked = asyncio.Semaphore(AT_ONCE), dict[str, bool | None]()

        async def one(change: Planted) -> None:
            async with gate:
                blocked[change.name] = await self._one(change, parent)
            told(len(blocked), len(planted))

        await asyncio.gather(*(one(change) for change in Random(self.seed).sample(list(planted), len(planted))))
        basis: Basis = "configured" if self.model == "simulated" else "measured"
        return Verdicts("panel" if self.panel else "judge", basis, blocked, self.spent_usd, self.silent)

    async def _one(self, change: Planted, parent: HarnessBundle) -> bool | None:
        if self.budget_usd is not None and (self.spent_usd or 0.0) >= self.budget_usd:
            return None
        diff = unified(parent, change.child)
        found = [await self._heard(judge(diff, self.tasks, self._seat(change, "judge")))]
        if self.panel:
            found.append(await self._heard(advocate(diff, self.tasks, found[0], self._seat(change, "advocate"))))
            found.append(await self._heard(referee(diff, self.tasks, found, self._seat(change, "referee"))))
        last = decisive(found)
        self.silent += last.overfit is None
        return last.blocks

    async def _heard(self, asked: Awaitable[Judgement]) -> Judgement:
        found = await asked
        unpriced = found.cost_usd is None or self.spent_usd is None
        self.spent_usd = None if unpriced else (self.spent_usd or 0.0) + (found.cost_usd or 0.0)
        return found

    def _seat(self, change: Planted, role: str) -> Seat:
        token = hmac.new(str(self.seed).encode(), f"{role}\0{change.name}".encode(), hashlib.sha256).hexdigest()
        return Seat(self.client, self.model, self.effort, MemoryRecorder(), token)
