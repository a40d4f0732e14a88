"""The head-to-head world: one price for every rule, and a truth that is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from optimizer.gate.arms import Floats, GateTask
from optimizer.gate.config import GateConfig, Mode
from optimizer.gate.night import Night
from optimizer.gate.searching import SearchConfig, SearchNight
from optimizer.gate.simulation.rivals import RIVALS
from optimizer.gate.verdicts import Verdict

Scenario = Literal["null", "mixed", "overfit"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
CHANGES: Mapping[Scenario, tuple[int, int, int, int]] = {
    "null": (0, 24, 0, 0),
    "mixed": (4, 10, 10, 0),
    "overfit": (4, 10, 10, 6),
}
BUDGET, REPORT, TASKS, POPULATION, PROPOSALS = 4000, 320, 40, 1000, 2000
State = frozenset[int]


class BudgetSpentError(Exception):
    """Say that no attempt is left."""


class HeadToHead:
    """Draw attempts of sets of rules: 40 train tasks, 40 held-out ones, and a population for truth alone.

    Args:
        seed: Everything random follows from it.
        scenario: Which rules there are.
        budget: Attempts at most; the next one raises `BudgetSpentError`.
    """

    def __init__(self, seed: int, scenario: Scenario, budget: int = BUDGET) -> None:
        good, null, harmful, leaks = CHANGES[scenario]
        self.seed, self.budget, self.rng = seed, budget, np.random.default_rng(seed)
        self.visible = tuple(GateTask(f"v{number}") for number in range(TASKS))
        self.tasks = tuple(GateTask(f"t{number}") for number in range(TASKS))
        self.rules = good + null + harmful + leaks
        self._at = {task.id: number for number, task in enumerate((*self.visible, *self.tasks))}
        self._base: Floats = self.rng.normal(-0.2, 1.2, 2 * TASKS + POPULATION)
        self._shift = np.zeros((self.rules, len(self._base)))
        self._shift[:good] = 0.5
        self._shift[good + null : good + null + harmful] = -0.3
        self._shift[good + null + harmful :] = -0.1
        own = self.rng.permutation(TASKS)
        for leak in range(leaks):
            self._shift[good + null + harmful + leak, own[5 * leak : 5 * leak + 5]] = 4.0
        self._states: dict[str, State] = {}
        self._rates: dict[str, Floats] = {}
        self.name("c000", frozenset())

    def name(self, candidate: str, state: State) -> None:
        """Give a set of rules a name."""
        log_odds = self._base + self._shift[sorted(state)].sum(axis=0)
        self._states[candidate] = state
        self._rates[candidate] = np.asarray(1 / (1 + np.exp(-log_odds)), dtype=np.float64)

    def state(self, candidate: str) -> State:
        """Give the set of rules behind a name."""
        return self._states[candidate]

    def draw(self, candidate: str, task: str, count: int) -> list[float | None]:
        """Make attempts.

        Raises:
            BudgetSpentError: There are fewer left.
        """
        if count > self.budget:
            raise BudgetSpentError
        self.budget -= count
        rate = self._rates[candidate][self._at[task]]
        return [float(self.rng.random() < rate) for _ in range(count)]

    def true_gain(self, candidate: str, parent: str = "c000") -> float:
        """Give the difference of the population's success."""
        return float(self._rates[candidate][2 * TASKS :].mean() - self._rates[parent][2 * TASKS :].mean())

    def right(self, before: str, after: str) -> bool:
        """Say whether a change of champion was truly better, or equal with fewer rules."""
        gained = self.true_gain(after, before)
        return gained > 1e-9 or (abs(gained) <= 1e-9 and len(self.state(after)) < len(self.state(before)))

    def fresh_gain(self, champion: str, attempts: int) -> float:
        """Attempt all held-out tasks equally often with both harnesses, and give the difference."""
        runs = attempts // (2 * TASKS)
        self.budget -= runs * 2 * TASKS
        arms = [self.rng.binomial(runs, self._rates[name][TASKS : 2 * TASKS]).mean() for name in (champion, "c000")]
        return float(arms[0] - arms[1]) / runs


@dataclass(frozen=True, slots=True)
class Played:
    """State one seed's measures."""

    true_gain: float
    claimed: float
    changes: int
    false_changes: int
    attempts: int

    @property
    def overclaim(self) -> float:
        """Give the claimed gain less the true one."""
        return self.claimed - self.true_gain


@dataclass(frozen=True, slots=True)
class _Player:
    """Hold a rule at work: `tests` says whether a candidate that toggles a rule is kept.

    `claims` gives the gain on its own record; None where fresh attempts state it.
    """

    tests: Callable[[str, int, bool], bool]
    claims: Callable[[], float] | None = None


def play(seed: int, scenario: Scenario, rule: str = "search", config: SearchConfig | None = None) -> Played:
    """Let a rule decide until its attempts are spent, and compare what it claims with the truth.

    Args:
        seed: Everything random follows from it.
        scenario: Which world.
        rule: `search`, a mode of the gate, or a rival's name.
        config: The search mode's settings.
    """
    report = 0 if rule in RIVALS else REPORT
    world = HeadToHead(seed, scenario, BUDGET - report)
    player = _player(world, rule, config or SearchConfig())
    moves = _climbed(world, player)
    champion = moves[-1][1] if moves else "c000"
    world.budget += report
    claimed = player.claims() if player.claims else world.fresh_gain(champion, world.budget)
    false = sum(not world.right(before, after) for before, after in moves)
    return Played(world.true_gain(champion), claimed, len(moves), false, BUDGET - world.budget)


def _climbed(world: HeadToHead, player: _Player) -> Sequence[tuple[str, str]]:
    """Toggle one random rule after another, and list the changes of champion."""
    champion, moves = "c000", []
    with suppress(BudgetSpentError):
        for number in range(1, PROPOSALS):
            rule, candidate = int(world.rng.integers(world.rules)), f"c{number:03d}"
            world.name(candidate, world.state(champion) ^ {rule})
            if player.tests(candidate, rule, rule in world.state(champion)):
                moves.append((champion, candidate))
                champion = candidate
    return moves


def _player(world: HeadToHead, rule: str, config: SearchConfig) -> _Player:
    if rule in RIVALS:
        rival = RIVALS[rule](world)
        return _Player(lambda candidate, _, __: rival.test(candidate), lambda: rival.claim().gain)
    if rule == "search":
        tasks = [task.id for task in world.tasks]
        search = SearchNight(config, tasks, world.draw, budget=world.budget, seed=world.seed)
        return _Player(lambda name, rule, undoes: _kept(search.test(name, change=str(rule), undoes=undoes)))
    modes: Mapping[str, Mode] = {mode: mode for mode in get_args(Mode)}
    night = Night(GateConfig(mode=modes[rule]), world.tasks, world.draw)
    return _Player(lambda name, _, __: _kept(night.test(name)))


def _kept(verdict: Verdict) -> bool:
    """Say whether it was kept; a rule that can decide nothing any more has spent its budget.

    Raises:
        BudgetSpentError: It was undecided.
    """
    if verdict.verdict == "undecided":
        raise BudgetSpentError
    return verdict.verdict == "keep"
