"""A driver's work on a run: outages waited out, people obeyed, hard stops settled."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec
from optimizer.control import Control, Interrupted, Request, ask, withdraw
from optimizer.execute import Driver
from optimizer.facts import read_facts
from optimizer.patience import Patience
from optimizer.shift import Shift
from optimizer.stages.draws import OutageError
from optimizer.state import Phase
from task_agent.errors import ProviderUnavailableError
from task_agent.models.base import ModelReply, ModelRequest
from task_agent.models.scripted import say

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py

BETTER = {"c000": 0.1, "c001": 1.0}
ONE = {"stop": {"iterations": 1}}
MINE = os.getpid()


class Watch:
    """One shift on a world: its clock stands still, and each nap may change the weather."""

    def __init__(self, world: Any, *, give_up_s: float = 1e6, at_nap: Callable[[], object] = lambda: None) -> None:
        self.world = world
        self.now = 0.0
        self.at_nap = at_nap
        self.control = Control(
            world.folder.path, world.told.append, grace_s=10.0, clock=lambda: self.now, sleep=self._sleep
        )
        world.bench.draws.halted = lambda: self.control.draining
        patience = Patience(30.0, 300.0, give_up_s, clock=lambda: self.now)
        self.shift = Shift(world.bench, self.control, patience, conclude=lambda: None)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.at_nap()

    def look_before(self, act: Callable[[], object], *, after: int) -> None:
        """Do something once, before an attempt, and let the control see it at once."""

        def before(_: AttemptSpec) -> None:
            if len(self.world.script.seen) == after:
                act()
                self.control.tick()

        self.world.script.before = before

    def kinds(self) -> list[str]:
        return [event.kind for event in self.world.told]

    def notes(self) -> list[str]:
        return [note["kind"] for note in self.world.ledger.notices()]


def one_test(bench: Worlds, outcome: Callable[[AttemptSpec], float | None], **more: Any) -> Any:
    world = bench(outcome, settings={**ONE, **more})
    world.past_preflight()
    world.add_all(1)
    return world


# Outages -----------------------------------------------------------------------------------------


def test_an_outage_is_waited_out_and_the_night_ends_as_if_it_had_not_been(bench: Worlds, rates: Rates) -> None:
    plain = rates(1, BETTER)
    down = {"now": True}
    world = one_test(bench, lambda spec: None if down["now"] else plain(spec))
    watch = Watch(world)
    watch.at_nap = lambda: down.update(now=watch.now < 200)
    watch.shift.work()
    assert world.causes() == {"c001": "better"}
    assert world.ledger.conclusion(Phase.FINISH)["reason"] == "iterations"
    assert watch.kinds().count("needs_attention") == 1
    assert watch.kinds().count("retrying") == 3
    assert watch.now == pytest.approx(30 + 60 + 120)
    assert watch.notes() == ["needs attention", "resumed"]


def test_while_an_outage_lasts_the_run_needs_attention_and_says_what_for(bench: Worlds) -> None:
    world = one_test(bench, lambda spec: None)
    seen: list[tuple[str, str | None]] = []
    watch = Watch(world, give_up_s=100)

    def look() -> None:
        facts = read_facts(world.folder)
        seen.append((facts.phase, facts.attention))

    watch.at_nap = look
    with pytest.raises(OutageError):
        watch.shift.work()
    assert {phase for phase, _ in seen} == {"needs attention"}
    assert "lost to infrastructure" in str(seen[0][1])
    assert world.verdicts() == {}
    assert watch.kinds()[-1] == "needs_attention"
    assert watch.now == pytest.approx(100)


def test_a_proposer_out_of_reach_is_waited_for_too(bench: Worlds, rates: Rates) -> None:
    down = ProviderUnavailableError("down")
    world = bench(rates(1, BETTER), settings=ONE, proposer=[down, down, say("nothing to change"), say("really")])
    world.past_preflight()
    watch = Watch(world)
    watch.shift.work()
    assert world.ledger.slots()[0]["reason"] == "really"
    assert watch.now == pytest.approx(30 + 60)


@pytest.mark.parametrize("after", ["now", "iteration"])
def test_a_stop_during_the_wait_works_at_once(after: Any, bench: Worlds) -> None:
    world = one_test(bench, lambda spec: None)
    watch = Watch(world)
    watch.at_nap = lambda: ask(world.folder.path, Request("stop", MINE, after))
    with pytest.raises(Interrupted):
        watch.shift.work()
    assert watch.now <= 1.0


def test_a_signal_during_the_wait_works_at_once(bench: Worlds) -> None:
    world = one_test(bench, lambda spec: None)
    watch = Watch(world)
    watch.at_nap = lambda: os.kill(MINE, signal.SIGINT)
    with watch.control.signals(), pytest.raises(Interrupted):
        watch.shift.work()
    assert watch.now <= 1.0


# Requests ----------------------------------------------------------------------------------------


def test_a_pause_lets_what_is_in_flight_end_holds_and_goes_on_to_the_same_end(bench: Worlds, rates: Rates) -> None:
    whole = one_test(bench, rates(1, BETTER))
    Watch(whole).shift.work()
    world = one_test(bench, rates(1, BETTER))
    watch = Watch(world)
    watch.look_before(lambda: ask(world.folder.path, Request("pause", MINE)), after=10)
    held: list[tuple[int, str]] = []

    def nap() -> None:
        held.append((len(world.script.seen), read_facts(world.folder).phase))
        if watch.now > 5:
            withdraw(world.folder.path)

    watch.at_nap = nap
    watch.shift.work()
    assert {phase for _, phase in held} == {"paused"}
    assert held[0][0] == held[-1][0] < len(world.script.seen)
    assert world.history()["attempts"] == whole.history()["attempts"]
    assert watch.notes() == ["paused", "resumed"]


def test_a_pause_is_no_working_time_for_it_ends_one_session_and_begins_another(bench: Worlds, rates: Rates) -> None:
    world = one_test(bench, rates(1, BETTER))
    world.ledger.open_session()
    watch = Watch(world)
    watch.look_before(lambda: ask(world.folder.path, Request("pause", MINE)), after=10)
    sessions: list[int] = []

    def nap() -> None:
        sessions.append(0)
        withdraw(world.folder.path)

    watch.at_nap = nap
    watch.shift.work()
    assert sessions
    with closing(sqlite3.connect(world.folder.ledger)) as db:
        assert db.execute("SELECT count(*) FROM sessions").fetchone() == (2,)


def test_a_stop_now_launches_nothing_more_and_a_new_driver_completes_the_same_specs(
    bench: Worlds, rates: Rates
) -> None:
    whole = one_test(bench, rates(1, BETTER))
    Watch(whole).shift.work()
    world = one_test(bench, rates(1, BETTER))
    watch = Watch(world)
    watch.look_before(lambda: ask(world.folder.path, Request("stop", MINE, "now")), after=10)
    with pytest.raises(Interrupted):
        watch.shift.work()
    assert 10 <= len(world.script.seen) < 18
    assert world.ledger.spend().reserved_usd == 0.0
    world.close()
    world.open()
    Watch(world).shift.work()
    assert world.history()["attempts"] == whole.history()["attempts"]


def test_a_stop_after_the_iteration_decides_the_open_candidate_first(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {**BETTER, "c002": 0.0}), settings={"stop": {"iterations": 5}})
    world.past_preflight()
    world.add_all(1)
    watch = Watch(world)
    watch.look_before(lambda: ask(world.folder.path, Request("stop", MINE, "iteration")), after=3)
    with pytest.raises(Interrupted):
        watch.shift.work()
    assert world.causes() == {"c001": "better"}
    assert world.ledger.conclusion(Phase.CERTIFY) is None


@pytest.mark.parametrize(
    ("after", "cause", "reason"), [("now", "ended", "asked to end now"), ("iteration", "better", "asked to end")]
)
def test_a_night_ended_early_has_its_certificate(
    after: Any, cause: str, reason: str, bench: Worlds, rates: Rates
) -> None:
    world = bench(rates(1, BETTER), settings={"stop": {"iterations": 5}})
    world.past_preflight()
    world.add_all(1)
    watch = Watch(world)
    watch.look_before(lambda: ask(world.folder.path, Request("stop", MINE, after, certify=True)), after=3)
    watch.shift.work()
    assert world.causes() == {"c001": cause}
    assert world.ledger.conclusion(Phase.CERTIFY) is not None
    assert world.ledger.conclusion(Phase.FINISH)["reason"] == reason


def test_the_wish_to_end_early_outlives_the_driver_that_heard_it(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, BETTER), settings={"stop": {"iterations": 5}})
    world.past_preflight()
    Driver(world.bench).end("asked to end")
    world.close()
    world.open()
    Watch(world).shift.work()
    assert world.ledger.conclusion(Phase.FINISH)["reason"] == "asked to end"
    assert world.proposer.requests == []


def test_a_night_ended_during_its_first_measurement_measures_no_more(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, BETTER), settings={"replicates": {"preflight": 1}})
    watch = Watch(world)
    watch.look_before(lambda: ask(world.folder.path, Request("stop", MINE, "now", certify=True)), after=3)
    watch.shift.work()
    assert world.ledger.conclusion(Phase.FINISH)["reason"] == "asked to end now"
    assert len(world.script.seen) < 12


class Stuck:
    """A model that never answers; it asks for what its maker wants when it is called."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act
        self.cancelled = 0

    async def create(self, request: ModelRequest) -> ModelReply:
        self.act()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        raise AssertionError("nobody waits for an hour")

    async def close(self) -> None:
        pass


def stuck_in_a_session(world: Any, request: Request) -> tuple[Stuck, Shift, Control]:
    """Drive a world by the real clock, with a proposer that is stuck from the moment `request` is made."""
    stuck = Stuck(lambda: ask(world.folder.path, request))
    control = Control(world.folder.path, world.told.append, grace_s=0.1)
    bench = dataclasses.replace(world.bench, clients={**world.bench.clients, "proposer": stuck})
    return stuck, Shift(bench, control, Patience(1, 1, 0), conclude=lambda: None), control


def test_a_session_that_does_not_end_within_its_grace_is_broken_off_for_a_stop(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, BETTER), settings=ONE)
    world.past_preflight()
    stuck, shift, control = stuck_in_a_session(world, Request("stop", MINE, "now"))
    with control.signals(), control.watching(), pytest.raises(KeyboardInterrupt):
        shift.work()
    assert stuck.cancelled == 1
    assert world.ledger.slots() == []


def test_a_session_that_does_not_end_within_its_grace_makes_way_for_the_certificate(
    bench: Worlds, rates: Rates
) -> None:
    world = bench(rates(1, BETTER), settings=ONE)
    world.past_preflight()
    stuck, shift, control = stuck_in_a_session(world, Request("stop", MINE, "now", certify=True))
    with control.signals(), control.watching():
        shift.work()
    assert stuck.cancelled == 1
    assert world.ledger.conclusion(Phase.FINISH)["reason"] == "asked to end now"


# Hard stops --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "reason", "cause"),
    [
        ({"stop": {"iterations": 1}}, "iterations", "not_better"),
        ({"stop": {"no_progress": 1}}, "no progress", "not_better"),
        ({"stop": {"budget_usd": 1.6}}, "money", "money"),
        ({"stop": {"tokens": 100}}, "tokens", "money"),
        ({"stop": {"hours": 1e-9}}, "deadline", "time"),
        ({"gate": {"k_max": 1}}, "planned tests used", "not_better"),
    ],
)
def test_every_hard_stop_names_its_reason_and_leaves_nothing_set_aside(
    settings: dict[str, Any], reason: str, cause: str, bench: Worlds, rates: Rates
) -> None:
    """A candidate that is plainly worse is decided at once; one that is better is still open when money or time end."""
    level = {"c000": 0.9, "c001": 0.0} if cause == "not_better" else BETTER
    world = bench(rates(1, level), settings=settings, cost_usd=0.05)
    world.ledger.open_session()
    world.past_preflight()
    world.add_all(1)
    Watch(world).shift.work()
    assert world.ledger.conclusion(Phase.FINISH)["reason"] == reason
    assert world.causes() == {"c001": cause}
    assert world.ledger.spend().reserved_usd == 0.0
