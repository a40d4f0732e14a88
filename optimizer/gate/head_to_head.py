"""The head-to-head world: one price for every rule, and a truth that is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from optimizer.gate.arms import Floats
from optimizer.gate.searching import SearchConfig, SearchNight

Scenario = Literal["null", "mixed", "overfit"]
RULES: dict[Scenario, tuple[int, int, int, int]] = {
    "null": (0, 24, 0, 0),
    "mixed": (4, 10, 10, 0),
    "overfit": (4, 10, 10, 6),
}
BUDGET, REPORT, TASKS, POPULATION, PROPOSALS = 4000, 320, 40, 1000, 2000
State = frozenset[int]


class HeadToHead:
    """Draw attempts of sets of rules: 40 train tasks, 40 held-out ones, and a population for truth alone."""

    def __init__(self, seed: int, scenario: Scenario) -> None:
        good, null, harmful, leaks = RULES[scenario]
        self.rng = np.random.default_rng(seed)
        self.rules = good + null + harmful + leaks
        self._base: Floats = self.rng.normal(-0.2, 1.2, 2 * TASKS + POPULATION)
        self._shift = np.zeros((self.rules, len(self._base)))
        self._shift[:good] = 0.5
        self._shift[good + null : good + null + harmful] = -0.3
        self._shift[good + null + harmful :] = -0.1
        own = self.rng.permutation(TASKS)
        for leak in range(leaks):
            self._shift[good + null + harmful + leak, own[5 * leak : 5 * leak + 5]] = 4.0

    def rates(self, state: State) -> Floats:
        """Give every task's rate of success, train tasks first, then held-out ones."""
        return np.asarray(1 / (1 + np.exp(-(self._base + self._shift[sorted(state)].sum(axis=0)))), dtype=np.float64)

    def true(self, state: State) -> float:
        """Give the population's success."""
        return float(self.rates(state)[2 * TASKS :].mean())

    def right(self, before: State, after: State) -> bool:
        """Say whether a change of champion was truly better, or equal with fewer rules."""
        gained = self.true(after) - self.true(before)
        return gained > 1e-9 or (abs(gained) <= 1e-9 and len(after) < len(before))


@dataclass(frozen=True, slots=True)
class Played:
    """State one seed's measures."""

    true_gain: float
    claimed: float
    changes: int
    false_changes: int
    attempts: int


def play(seed: int, scenario: Scenario, config: SearchConfig | None = None) -> Played:
    """Search one world with the search mode, then claim the gain of fresh attempts."""
    world, names = HeadToHead(seed, scenario), dict[str, State]({"c000": frozenset()})

    def draw(name: str, task: str, count: int) -> list[float | None]:
        rate = world.rates(names[name])[TASKS + int(task)]
        return [float(world.rng.random() < rate) for _ in range(count)]

    night = SearchNight(
        config or SearchConfig(), [str(n) for n in range(TASKS)], draw, budget=BUDGET - REPORT, seed=seed
    )
    changes = false = 0
    for number in range(1, PROPOSALS):
        rule, parent = int(world.rng.integers(world.rules)), names[night.champion]
        name = f"c{number:03d}"
        names[name] = parent ^ {rule}
        verdict = night.test(name, change=str(rule), undoes=rule in parent).verdict
        changes += verdict == "keep"
        false += verdict == "keep" and not world.right(parent, names[name])
        if verdict == "undecided":
            break
    champion, empty = names[night.champion], frozenset[int]()
    fresh = (BUDGET - night.attempts_spent) // (2 * TASKS)
    arms = [
        world.rng.binomial(fresh, world.rates(each)[TASKS : 2 * TASKS]).mean() / fresh for each in (champion, empty)
    ]
    attempts = night.attempts_spent + fresh * 2 * TASKS
    return Played(world.true(champion) - world.true(empty), float(arms[0] - arms[1]), changes, false, attempts)
