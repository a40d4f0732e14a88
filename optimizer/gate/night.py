"""A whole night in memory: the real loop's decisions without its sandboxes, Ray or ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from optimizer.gate.arms import Arms, GateTask, tally, together
from optimizer.gate.config import GateConfig
from optimizer.gate.gate_test import Decide, Draw, GateTest, RestartChampion
from optimizer.gate.guards import Guard
from optimizer.gate.levels import level, needs_new_epoch
from optimizer.gate.planning import Plan
from optimizer.gate.verdicts import LEVEL_EXHAUSTED, STALE_PARENT, Verdict, conclude

DrawAttempts = Callable[[str, str, int], Sequence[float | None]]
"""(candidate id, task id, count) -> that many rewards; None is missing through infrastructure."""

BoundCosts = Callable[[str, str], Sequence[Guard]]
"""(candidate id, champion id) -> guards over what their attempts of the test cost, asked at every look."""

_Drawn = dict[str, list[float | None]]


@dataclass(slots=True)
class _Open:
    """Keep a test that is under way, or that an outage left pending."""

    test: GateTest
    candidate: _Drawn = field(default_factory=dict)
    fresh: _Drawn = field(default_factory=dict)


class Night:
    """Test candidates one after another against the champion of the moment.

    `tests_used` and `keeps` count those of the present `epoch`.

    Args:
        config: The night's settings.
        heldout_tasks: The gate tasks, or just their ids.
        draw: Makes attempts.
        baseline: The first champion's id.
        guards: Bounds cost and latency, where a keep must not raise them.
        reserve: Tasks that take the held-out ones' place once those have been asked enough; as many as there
            were, in the order given.
    """

    def __init__(
        self,
        config: GateConfig,
        heldout_tasks: Sequence[GateTask | str],
        draw: DrawAttempts,
        baseline: str = "c000",
        guards: BoundCosts = lambda candidate, champion: (),
        reserve: Sequence[GateTask | str] = (),
    ) -> None:
        self.config = config
        self.tasks, self.reserve = _tasks(heldout_tasks), _tasks(reserve)
        self.champion = baseline
        self.epoch = 1
        self.tests_used = 0
        self.keeps = 0
        self.attempts_spent = 0
        self._draw, self._guards = draw, guards
        self._ids = [task.id for task in self.tasks]
        self._older = tally(self._ids, {})
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        self._open: dict[tuple[str, str], _Open] = {}

    def test(self, candidate: str, *, parent: str | None = None) -> Verdict:
        """Test one candidate; the same one against the same champion gets its stored verdict back.

        A test that an outage left undecided goes on where it stood, at its own level, when asked again.

        Args:
            candidate: Its id.
            parent: The champion it was built on; the present one when left out.

        Raises:
            ValueError: `draw` gave another number of rewards than asked for.
        """
        if parent is not None and parent != self.champion:
            return Verdict("invalid", STALE_PARENT)
        key = (self.champion, candidate)
        if key in self._verdicts:
            return self._verdicts[key]
        if not self._open:
            self._rotate()
        under_way = self._open.get(key) or self._begin(key)
        if under_way is None:
            return Verdict("undecided", LEVEL_EXHAUSTED)
        return self._finish(key, under_way)

    def _rotate(self) -> None:
        """Begin a new epoch where this one is over and the reserve is large enough."""
        over = needs_new_epoch(self.config, len(self.tasks), self.tests_used, self.keeps)
        if not over or len(self.reserve) < self.config.min_tasks:
            return
        count = len(self.tasks)
        self.tasks, self.reserve = self.reserve[:count], self.reserve[count:]
        self._ids = [task.id for task in self.tasks]
        self._older = tally(self._ids, {})
        self.epoch, self.tests_used, self.keeps = self.epoch + 1, 0, 0

    def _begin(self, key: tuple[str, str]) -> _Open | None:
        reserved = level(self.config, self.tests_used, self.keeps)
        if reserved is None:
            return None
        self.tests_used += 1
        self._open[key] = _Open(GateTest(self.config, self.tasks, reserved))
        return self._open[key]

    def _finish(self, key: tuple[str, str], under_way: _Open) -> Verdict:
        while True:
            arms = Arms(under_way.candidate, under_way.fresh, self._older)
            action = under_way.test.next_action(arms, guards=self._guards(key[1], self.champion))
            match action:
                case Draw(plan):
                    self._make(key[1], plan, under_way)
                case RestartChampion():
                    under_way.fresh, self._older = {}, tally(self._ids, {})
                case Decide(look) if look.outcome == "continue":
                    under_way.test = under_way.test.advanced()
                case Decide(look):
                    verdict = conclude(look)
                    self._settle(key, under_way, verdict)
                    return verdict

    def _make(self, candidate: str, plan: Plan, under_way: _Open) -> None:
        for name, needs, drawn in (
            (candidate, plan.candidate, under_way.candidate),
            (self.champion, plan.champion, under_way.fresh),
        ):
            for task, count in needs.items():
                rewards = self._draw(name, task, count)
                if len(rewards) != count:
                    raise ValueError(f"draw gave {len(rewards)} rewards for {name}/{task}, not {count}")
                drawn.setdefault(task, []).extend(rewards)
        self.attempts_spent += plan.total

    def _settle(self, key: tuple[str, str], under_way: _Open, verdict: Verdict) -> None:
        if verdict.verdict == "undecided":
            under_way.candidate = _scored(under_way.candidate)
            under_way.fresh = _scored(under_way.fresh)
            return
        del self._open[key]
        self._verdicts[key] = verdict
        if verdict.verdict == "keep":
            self.champion, self.keeps, self._older = key[1], self.keeps + 1, tally(self._ids, {})
        elif verdict.verdict == "reject":
            self._older = together(self._older, tally(self._ids, _scored(under_way.fresh)))


def _tasks(given: Sequence[GateTask | str]) -> tuple[GateTask, ...]:
    return tuple(GateTask(task) if isinstance(task, str) else task for task in given)


def _scored(drawn: _Drawn) -> _Drawn:
    return {task: [reward for reward in rewards if reward is not None] for task, rewards in drawn.items()}
