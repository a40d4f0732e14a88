"""What a comparison will take and what it can show, said before anything is paid."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from optimizer.compare.fresh import Order, owed
from optimizer.gate.contrasts import smallest_difference
from optimizer.gate.estimates import Estimand
from optimizer.ledger import AttemptRow, Ledger
from optimizer.planning.pace import ATTEMPT_S, SIMULATED_S, assumed_usd
from optimizer.run_folder import RunFolder

ENOUGH = 20
"""Attempts of a run that tell what further ones take."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Say how many attempts are owed, what they take, and the smallest true difference they would usually show.

    `usd` and `seconds` are None when unknown; `measured` names the run that showed them, else they are assumed.
    """

    order: Order
    target: Estimand
    owed: int
    usd: float | None
    seconds: float
    measured: str
    smallest: float


def look_ahead(order: Order, target: Estimand) -> Outlook:
    """Foretell an order; reads, and writes nothing."""
    count, run = owed(order), order.ground.run
    rows = _scored(run) if run is not None else []
    known = run is not None and len(rows) >= ENOUGH
    price = _paid(rows) if known else assumed_usd(order.config)
    return Outlook(
        order=order,
        target=target,
        owed=count,
        usd=None if price is None else count * price,
        seconds=count * (_pace_s(run, rows) if known and run is not None else _assumed_s(order)),
        measured=run.id if known and run is not None else "",
        smallest=smallest_difference(
            tasks=len(order.ground.tasks(order.split)), runs=order.attempts, target=target, arms=len(order.arms)
        ),
    )


def _scored(run: RunFolder) -> list[AttemptRow]:
    with closing(Ledger(run.ledger, read_only=True)) as ledger:
        return ledger.attempts(run.id, state="scored")


def _paid(rows: list[AttemptRow]) -> float | None:
    """Average what attempts cost; None when one of them had no price."""
    prices = [row.cost_usd for row in rows if not row.unpriced and row.cost_usd is not None]
    return sum(prices) / len(prices) if len(prices) == len(rows) else None


def _pace_s(run: RunFolder, rows: list[AttemptRow]) -> float:
    """Give the seconds of a run's working time that one attempt took, with as many at once as it had."""
    with closing(Ledger(run.ledger, read_only=True)) as ledger:
        return ledger.elapsed_s / len(rows)


def _assumed_s(order: Order) -> float:
    settings = order.config.schedule
    if order.config.models.task.simulated:
        return SIMULATED_S["bubblewrap"] / settings.processes
    return ATTEMPT_S / settings.slots
