"""What the bench can show, each view a table of measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import get_args

from optimizer.gate.config import GateConfig, Mode, Target
from optimizer.gate.simulation.crew import Crew
from optimizer.gate.simulation.frontier import PRUNE, VARIANTS, eligible, variant
from optimizer.gate.simulation.grids import Found, Kept, found_by_tasks, wrongly_kept
from optimizer.gate.simulation.head_to_head import SCENARIOS
from optimizer.gate.simulation.head_to_head import play as play_head_to_head
from optimizer.gate.simulation.measures import Measure, mean_of, ratio_of
from optimizer.gate.simulation.nights import NightPlan, Played, play, truth_of
from optimizer.gate.simulation.rivals import RIVALS
from optimizer.gate.simulation.summary import summed
from optimizer.gate.simulation.targets import STUDIES, Line, hold

Cell = Measure | str | float | bool | None
Row = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Ask:
    """Say what is to be shown; `nights` None is each view's own number."""

    world: str = "mixed"
    rule: str = "default"
    target: Target = "population"
    nights: int | None = None
    tests: int = 100
    tasks: int = 100
    seed: int = 1000
    quick: bool = False

    def seeds(self, usual: int, quick: int) -> range:
        """Give the seeds to play."""
        count = self.nights or (quick if self.quick else usual)
        return range(self.seed, self.seed + count)


@dataclass(frozen=True, slots=True)
class Table:
    """Hold rows; `missed` counts those that broke a bound."""

    rows: Sequence[Row]
    missed: int = 0


View = Callable[[Ask, Crew], Table]


def one_rule(ask: Ask, crew: Crew) -> Table:
    """Show every measure of one rule in one world."""
    nights = _nights(ask, crew, ask.rule, ask.seeds(20, 5))
    return Table([{"measure": name, "value": seen} for name, seen in summed(nights).items()])


RIVALS_SHOW = ("keeps", "false_share", "harmful", "leaks_kept", "true_gain", "claimed", "overclaim", "attempts")


def rivals(ask: Ask, crew: Crew) -> Table:
    """Show the rivals' rules and the gate's modes on the same streams."""
    rules, seeds = (*RIVALS, *get_args(Mode)), ask.seeds(100, 10)
    return Table([{"rule": rule, **summed(_nights(ask, crew, rule, seeds), *RIVALS_SHOW)} for rule in rules])


def _nights(ask: Ask, crew: Crew, rule: str, seeds: range) -> list[Played]:
    modes: Mapping[str, Mode] = {mode: mode for mode in get_args(Mode)}
    gate = GateConfig(mode=modes[rule], target=ask.target, k_max=ask.tests) if rule in modes else rule
    plan = NightPlan(gate, ask.world, ask.tests, ask.tasks, truth_of(ask.target, ask.tasks))
    return crew.play(partial(play, plan), seeds, f"{ask.world}, {rule}")


FRONTIER_SHOW = (
    "keeps",
    "false_share",
    "false_share_left",
    "harmful",
    "true_gain",
    "certified",
    "attempts",
    "pruning",
    "certified_gain_per_1000",
)


def frontier(ask: Ask, crew: Crew) -> Table:
    """Show modes and variants by certified gain per attempt, pruned at the night's end, and who is within bounds."""
    rows: list[Row] = []
    for name in VARIANTS:
        gate, truth = variant(name, ask.tests, ask.target), truth_of(ask.target, ask.tasks)
        plan = NightPlan(gate, ask.world, ask.tests, ask.tasks, truth, prune=PRUNE)
        seen = summed(crew.play(partial(play, plan), ask.seeds(100, 10), name), *FRONTIER_SHOW)
        rows.append({"gate": name, **seen, "eligible": eligible(seen)})
    return Table(rows)


def targets(ask: Ask, crew: Crew) -> Table:
    """Hold the nine targets against their bounds."""
    lines = [line for study in STUDIES for line in hold(study, crew, first=ask.seed, quick=ask.quick)]
    lines.sort(key=lambda line: line.target)
    return Table([_row(line) for line in lines], missed=sum(not line.kept for line in lines))


HEAD_TO_HEAD_BOUNDS = {"mixed": 0.26, "overfit": 0.21}
"""The least mean true gain of the search mode."""
OVERCLAIM_AT_MOST, FALSE_CHANGES_AT_MOST = 0.02, 0.25
ENOUGH_SEEDS = 20
"""With fewer the bounds are not held: noise alone would break them."""


def head_to_head(ask: Ask, crew: Crew) -> Table:
    """Let every rule spend the same attempts in the head-to-head world; the search mode is held against its bounds."""
    seeds = ask.seeds(20, 6)
    rows: list[Row] = []
    for rule in ("search", "explore", "default", *RIVALS):
        for scenario in SCENARIOS:
            played = crew.play(partial(play_head_to_head, scenario=scenario, rule=rule), seeds, f"{scenario}, {rule}")
            seen = {name: mean_of(name)(played) for name in ("true_gain", "claimed", "overclaim")}
            seen["false_changes"] = ratio_of("false_changes", "changes")(played)
            bound = rule == "search" and len(seeds) >= ENOUGH_SEEDS
            rows.append({"rule": rule, "scenario": scenario, **seen, "kept": _holds(scenario, seen) if bound else None})
    return Table(rows, missed=sum(row["kept"] is False for row in rows))


def _holds(scenario: str, seen: Mapping[str, Measure]) -> bool:
    """Hold the search mode against its bounds; where nothing helps, any change is false and none is asked for."""
    gain, over, false = (seen[name].value for name in ("true_gain", "overclaim", "false_changes"))
    honest = over is not None and abs(over) <= OVERCLAIM_AT_MOST
    least = HEAD_TO_HEAD_BOUNDS.get(scenario)
    if least is None:
        return honest
    return honest and gain is not None and gain >= least and false is not None and false <= FALSE_CHANGES_AT_MOST


def power(ask: Ask, crew: Crew) -> Table:
    """Show how often true gains are found, by number of tasks."""
    return Table([_row(each) for each in found_by_tasks(crew, ask.seeds(400, 40))])


def nulls(ask: Ask, crew: Crew) -> Table:
    """Show how often useless changes are kept, under both targets."""
    grid = wrongly_kept(crew, ask.seeds(4000, 100))
    return Table([_levels(each) for each in grid])


def _row(each: Found | Line) -> Row:
    return {field.name: getattr(each, field.name) for field in fields(each)}


def _levels(kept: Kept) -> Row:
    row: dict[str, Cell] = {"target": kept.target, "change": kept.change, "tasks": kept.tasks}
    return row | {f"at_{level:g}": seen for level, seen in kept.at.items()}


VIEWS: Mapping[str, View] = {
    "targets": targets,
    "rivals": rivals,
    "frontier": frontier,
    "head-to-head": head_to_head,
    "power": power,
    "nulls": nulls,
    "one-rule": one_rule,
}
