"""Rewards per task and arm, and their sums in task order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

Rewards = Mapping[str, Sequence[float | None]]
"""Task id -> one arm's rewards in any order; None is missing through infrastructure, never zero."""


@dataclass(frozen=True, slots=True)
class GateTask:
    """Name one held-out task; near-copies share a `cluster` and count as one (population target)."""

    id: str
    stratum: str = "default"
    cluster: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Hold one arm's sums per task, in the order of the task ids given.

    `values` are the scored rewards and `owner` their task's position; sums are exact or made in
    sorted order, so they do not depend on the order of arrival. `sound` is false when a reward is not
    a number in [0, 1].
    """

    drawn: Ints
    scored: Ints
    total: Floats
    squares: Floats
    values: Floats
    owner: Ints
    sound: bool

    @property
    def missing(self) -> int:
        """Count attempts without a reward, over all tasks."""
        return int(self.drawn.sum() - self.scored.sum())


def tally(ids: Sequence[str], rewards: Rewards) -> Tally:
    """Sum one arm's rewards by task."""
    rows = [rewards.get(task, ()) for task in ids]
    drawn = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    flat = list(chain.from_iterable(rows))
    values = np.array(flat, dtype=np.float64)
    owner = np.repeat(np.arange(len(rows)), drawn)
    absent = np.isnan(values)
    lost = int(np.count_nonzero(absent))
    sound = lost == 0 or lost == flat.count(None)
    if lost:
        values, owner = values[~absent], owner[~absent]
    if not ((values == 0) | (values == 1)).all():
        order = np.lexsort((values, owner))
        values = values[order]
        sound = sound and bool(((values >= 0) & (values <= 1)).all())
    return Tally(
        drawn=drawn,
        scored=np.bincount(owner, minlength=len(rows)) if lost else drawn,
        total=_sums(owner, values, len(rows)),
        squares=_sums(owner, values * values, len(rows)),
        values=values,
        owner=owner,
        sound=sound,
    )


def sound_pair(ids: Sequence[str], one: Rewards, other: Rewards) -> tuple[Tally, Tally]:
    """Sum two arms' rewards by task.

    Raises:
        ValueError: A reward is not a number in [0, 1].
    """
    first, second = tally(ids, one), tally(ids, other)
    if not (first.sound and second.sound):
        raise ValueError("a reward is not a number in [0, 1]")
    return first, second


def together(history: Tally, fresh: Tally) -> Tally:
    """Pool two tallies of one arm; what is missing from `history` is no longer held against it."""
    return Tally(
        drawn=history.scored + fresh.drawn,
        scored=history.scored + fresh.scored,
        total=history.total + fresh.total,
        squares=history.squares + fresh.squares,
        values=np.concatenate([history.values, fresh.values]),
        owner=np.concatenate([history.owner, fresh.owner]),
        sound=history.sound and fresh.sound,
    )


def _sums(owner: Ints, values: Floats, length: int) -> Floats:
    return np.asarray(np.bincount(owner, weights=values, minlength=length), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Arms:
    """Hold what one test may look at, by task.

    `candidate` and `fresh` (champion) were drawn in this test, interleaved. `older` are the champion's
    attempts of earlier tests that ended in `reject`, since it became champion and since the last
    `RestartChampion`; never those of its own acceptance. It may be given as a `Tally` over the test's
    tasks, so that a long night need not sum it again for every test.
    """

    candidate: Rewards
    fresh: Rewards
    older: Rewards | Tally = field(default_factory=dict)

    def without_missing(self) -> Arms:
        """Void missing attempts, so that they are drawn again: for a test that an outage left pending."""
        return Arms(_scored(self.candidate), _scored(self.fresh), self.older)


def _scored(rewards: Rewards) -> Rewards:
    return {task: [value for value in values if value is not None] for task, values in rewards.items()}


def counts(rewards: Rewards) -> dict[str, int]:
    """Count attempts per task, missing ones included."""
    return {task: len(values) for task, values in rewards.items()}


def history(ids: Sequence[str], older: Rewards | Tally) -> Tally:
    """Sum earlier attempts, unless they come summed."""
    return older if isinstance(older, Tally) else tally(ids, older)


def means(arm: Tally) -> Floats:
    """Give each task's mean reward; 0 where nothing was scored (such tasks are excluded first)."""
    return np.asarray(arm.total / np.maximum(arm.scored, 1), dtype=np.float64)


def differences(candidate: Tally, champion: Tally) -> Floats:
    """Give each task's mean difference, rounded so that equal multisets differ by exactly 0."""
    return np.asarray(np.round(means(candidate) - means(champion), 12), dtype=np.float64)
