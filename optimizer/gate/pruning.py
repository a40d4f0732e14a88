"""Which kept changes carry nothing: leave-one-out against a fixed anchor, by non-inferiority.

The anchor is the last champion that won its place by superiority; it never moves here. All attempts are
fresh: what a change was kept on is not used again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from optimizer.gate.arms import GateTask, Rewards, Tally, tally
from optimizer.gate.config import GateConfig, GateConfigError
from optimizer.gate.estimates import Estimate, estimate
from optimizer.gate.looks import Cause
from optimizer.gate.missing import included, missing_report
from optimizer.gate.night import DrawAttempts

Without = tuple[str, ...]
"""The kept changes that a variant of the anchor goes without."""
MakeVariant = Callable[[Without], str | None]
"""Give the id of the anchor without these changes; None when it cannot be made."""


_Arm = dict[str, list[float | None]]


@dataclass(frozen=True, slots=True)
class PruneConfig:
    """Hold the settings of pruning.

    `runs` are attempts per task of the anchor and of each variant; after `first_runs` of them a variant that
    is worse beyond noise is given up, so that changes that carry much cost little. A variant may lose less than
    the margin: `margin_errors` standard errors, but at least `margin_least` and at most `margin_most` (shares,
    .02 = 2 points). `level` is the one-sided chance to take out a change worth the whole margin. With fewer
    kept changes than `min_kept` nothing is done.

    Raises:
        GateConfigError: A setting is out of range.
    """

    runs: int = 16
    first_runs: int = 4
    level: float = 0.10
    margin_least: float = 0.02
    margin_errors: float = 2.1
    margin_most: float = 0.03
    min_kept: int = 2

    def __post_init__(self) -> None:
        claims = (
            ("runs", self.runs >= 1, "must be at least 1"),
            ("first_runs", self.first_runs >= 1, "must be at least 1"),
            ("level", 0 < self.level < 0.5, "must lie between 0 and .5"),
            ("margin_least", 0 < self.margin_least < 1, "must lie between 0 and 1"),
            ("margin_errors", self.margin_errors >= 0 and math.isfinite(self.margin_errors), "must be at least 0"),
            ("margin_most", self.margin_least <= self.margin_most < 1, "must lie between `margin_least` and 1"),
            ("min_kept", self.min_kept >= 1, "must be at least 1"),
        )
        for setting, fine, message in claims:
            if not fine:
                raise GateConfigError(setting, message)

    @property
    def stages(self) -> tuple[int, ...]:
        """List the attempts per task at the looks: the early one, if it is one, and the last."""
        return (self.first_runs, self.runs) if self.first_runs < self.runs else (self.runs,)

    def margin(self, se: float) -> float:
        """Give what a variant may lose, for an estimate with this standard error."""
        return min(max(self.margin_least, self.margin_errors * se), self.margin_most)


@dataclass(frozen=True, slots=True)
class Removal:
    """State what one variant lost against the anchor, and whether it can be spared.

    `estimate` is variant minus anchor with a two-sided interval of 1 - 2 `level`. What `stays` was not shown
    to be spare, which is not the same as shown to carry something; `cause` says why nothing can be said
    of an `unjudged` one.
    """

    without: Without
    outcome: Literal["spare", "stays", "unjudged"]
    margin: float | None = None
    estimate: Estimate | None = None
    cause: Cause | None = None

    @property
    def at_most(self) -> float | None:
        """Bound what the changes contribute: with confidence 1 - `level` no more than this."""
        return -self.estimate.lower if self.estimate and self.estimate.lower is not None else None

    @property
    def goes_on(self) -> bool:
        """Say, after an early look, whether more attempts may still find it spare: it is not worse beyond noise."""
        upper = self.estimate.upper if self.estimate else None
        return self.outcome != "unjudged" and upper is not None and upper >= 0

    @property
    def evidence(self) -> float:
        """Rank the spare ones: how many standard errors the bound stays inside the margin."""
        if self.outcome != "spare" or not self.estimate or not self.estimate.se or self.at_most is None:
            return -math.inf
        return ((self.margin or 0.0) - self.at_most) / self.estimate.se


def weigh(
    config: PruneConfig,
    gate: GateConfig,
    tasks: Sequence[GateTask],
    without: Without,
    *,
    anchor: Rewards,
    variant: Rewards,
) -> Removal:
    """Judge one variant against the anchor; both arms fresh and drawn interleaved.

    Target, strata, over-dispersion, floor and the policy for missing attempts are the gate's.
    """
    ids = [task.id for task in tasks]
    old, new = tally(ids, anchor), tally(ids, variant)
    if (cause := _unfit(gate, old, new)) is not None:
        return Removal(without, "unjudged", cause=cause)
    found = estimate(
        tasks,
        baseline=anchor,
        champion=variant,
        target=gate.target_for(len(tasks)),
        level=1 - 2 * config.level,
        phi=gate.phi,
        sd_floor=gate.sd_floor,
    )
    if found.units < gate.min_tasks or found.lower is None or found.se is None:
        return Removal(without, "unjudged", estimate=found, cause=Cause.TOO_FEW_TASKS)
    margin = config.margin(found.se)
    return Removal(without, "spare" if found.lower > -margin else "stays", margin, found)


def _unfit(gate: GateConfig, anchor: Tally, variant: Tally) -> Cause | None:
    if not (anchor.sound and variant.sound):
        return Cause.NOT_A_REWARD
    if not (anchor.scored.any() and variant.scored.any()):
        return Cause.OUTAGE
    missing = missing_report(variant, anchor, included(variant, anchor))
    if missing.unequal:
        return Cause.UNEQUAL_MISSING
    return Cause.TOO_MANY_MISSING if missing.too_many(gate.max_missing) else None


def batch_of(singles: Sequence[Removal]) -> Without:
    """Name the changes that can each be spared alone: the first thing to take out, all together."""
    return tuple(change for one in singles if one.outcome == "spare" for change in one.without)


def settle(singles: Sequence[Removal], batch: Removal | None) -> Without:
    """Say what goes in the end: the batch if it too was spare, else the one change with most evidence.

    Changes that do the same work are each spare alone, and not together. So a batch of more than one
    needs attempts of its own; `batch` is None when it could not be made.
    """
    if batch is not None and batch.outcome == "spare":
        return batch.without
    best = max(singles, key=lambda one: one.evidence, default=None)
    return best.without if best is not None and best.outcome == "spare" else ()


@dataclass(frozen=True, slots=True)
class Pruned:
    """State what pruning came to; `champion` is the anchor when nothing was taken out."""

    champion: str
    removed: Without
    attempts: int
    singles: tuple[Removal, ...] = ()
    batch: Removal | None = None
    stuck: tuple[str, ...] = ()
    """Kept changes that cannot be taken out alone."""


class Pruning:
    """Prune in memory, with the decisions of the real loop.

    Args:
        config: The settings of pruning.
        gate: The night's settings.
        tasks: The gate tasks.
        draw: Makes attempts.
    """

    def __init__(self, config: PruneConfig, gate: GateConfig, tasks: Sequence[GateTask], draw: DrawAttempts) -> None:
        self._config = config
        self._gate = gate
        self._tasks = tasks
        self._draw = draw
        self._attempts = 0

    def prune(self, anchor: str, kept: Sequence[str], make: MakeVariant) -> Pruned:
        """Take out of `anchor` the kept changes that carry nothing.

        Args:
            anchor: The champion's id.
            kept: The changes it holds, in the order they were kept.
            make: Makes a variant.
        """
        self._attempts = 0
        if len(kept) < self._config.min_kept:
            return Pruned(anchor, (), 0)
        made: dict[Without, str | None] = {(change,): make((change,)) for change in kept}
        stuck = tuple(change for change in kept if made[(change,)] is None)
        singles = self._weighed(anchor, {without: name for without, name in made.items() if name is not None})
        together = batch_of(singles)
        batch = None
        if len(together) > 1 and (name := make(together)) is not None:
            batch, made[together] = self._weighed(anchor, {together: name})[0], name
        removed = settle(singles, batch)
        champion = made.get(removed) or anchor
        return Pruned(champion, removed, self._attempts, singles, batch, stuck)

    def _weighed(self, anchor: str, variants: Mapping[Without, str]) -> tuple[Removal, ...]:
        found: dict[Without, Removal] = {}
        going, drawn = dict(variants), {name: _Arm() for name in (anchor, *variants.values())}
        for runs in self._config.stages:
            for name in (anchor, *going.values()) if going else ():
                self._draw_up_to(runs, name, drawn[name])
            for without, name in going.items():
                arms = {"anchor": drawn[anchor], "variant": drawn[name]}
                found[without] = weigh(self._config, self._gate, self._tasks, without, **arms)
            going = {without: name for without, name in going.items() if found[without].goes_on}
        return tuple(found[without] for without in variants)

    def _draw_up_to(self, runs: int, name: str, arm: _Arm) -> None:
        for task in self._tasks:
            lacking = runs - len(arm.setdefault(task.id, []))
            arm[task.id] += self._draw(name, task.id, lacking)
            self._attempts += lacking
