"""The screen on train tasks: drop what is clearly worse before it costs held-out attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optimizer.gate.arms import GateTask, Rewards, differences, sound_pair
from optimizer.gate.config import GateConfig
from optimizer.gate.missing import included
from optimizer.gate.population import paired_t, units_of


@dataclass(frozen=True, slots=True)
class Screen:
    """Report a screen; `t` is None where too little was scored to compute one (it then passes).

    `pending` says that an arm has no scored attempt at all: an outage, not a verdict.
    """

    passed: bool
    pending: bool
    t: float | None
    mean: float | None
    tasks: int
    candidate_attempts: int
    champion_attempts: int


def screen(config: GateConfig, tasks: Sequence[GateTask], *, candidate: Rewards, champion: Rewards) -> Screen:
    """Compare a candidate with the champion on train tasks; it fails only when t < `screen_t`.

    Uses none of the gate's level, and its numbers may be shown: the proposer sees train anyway.

    Raises:
        ValueError: A reward is not a number in [0, 1].
    """
    ids = [task.id for task in tasks]
    ours, theirs = sound_pair(ids, candidate, champion)
    kept = included(ours, theirs)
    units = units_of(tasks, kept, differences(ours, theirs)) if kept.any() else None
    statistic = paired_t(units, config.sd_floor) if units is not None else None
    pending = not (ours.scored.any() and theirs.scored.any())
    clearly_worse = statistic is not None and config.screen_t is not None and statistic.value < config.screen_t
    return Screen(
        passed=not (pending or clearly_worse),
        pending=pending,
        t=None if statistic is None else statistic.value,
        mean=None if statistic is None else statistic.mean,
        tasks=int(kept.sum()),
        candidate_attempts=int(ours.scored.sum()),
        champion_attempts=int(theirs.scored.sum()),
    )
