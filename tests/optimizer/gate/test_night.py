from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from optimizer.gate import (
    Arms,
    Decide,
    Draw,
    GateConfig,
    GateTask,
    GateTest,
    Guard,
    Night,
    RestartChampion,
    plan_stage,
)

IDS = [f"t{number:03d}" for number in range(40)]


class Model:
    """Draw attempts at a fixed rate per candidate; count them, and fail on demand."""

    def __init__(self, rates: dict[str, float], seed: int = 1) -> None:
        self.rates = rates
        self.coin = random.Random(seed)
        self.asked: list[tuple[str, str, int]] = []
        self.down = False

    def __call__(self, candidate: str, task: str, count: int) -> Sequence[float | None]:
        self.asked.append((candidate, task, count))
        if self.down:
            return [None] * count
        return [float(self.coin.random() < self.rates[candidate]) for _ in range(count)]

    def made(self, candidate: str) -> int:
        return sum(count for name, _, count in self.asked if name == candidate)


def test_a_good_candidate_becomes_champion_and_a_bad_one_does_not() -> None:
    model = Model({"c000": 0.4, "c001": 0.2, "c002": 0.8})
    night = Night(GateConfig(), IDS, model)
    assert night.test("c001", parent="c000").verdict == "reject"
    assert night.champion == "c000"
    assert night.test("c002", parent="c000").verdict == "keep"
    assert night.champion == "c002"
    assert night.attempts_spent == sum(count for _, _, count in model.asked)


def test_a_bad_candidate_costs_one_attempt_per_task() -> None:
    model = Model({"c000": 0.9, "c001": 0.0})
    Night(GateConfig(), IDS, model).test("c001")
    assert (model.made("c001"), model.made("c000")) == (40, 160)


def test_the_same_candidate_is_never_tested_twice_against_one_champion() -> None:
    model = Model({"c000": 0.5, "c001": 0.3})
    night = Night(GateConfig(), IDS, model)
    first = night.test("c001")
    spent = night.attempts_spent
    assert night.test("c001") is first
    assert (night.attempts_spent, night.tests_used) == (spent, 1)


def test_a_candidate_built_on_a_former_champion_costs_nothing() -> None:
    model = Model({"c000": 0.2, "c001": 0.9})
    night = Night(GateConfig(), IDS, model)
    night.test("c001")
    spent = night.attempts_spent
    assert night.test("c002", parent="c000").verdict == "invalid"
    assert (night.attempts_spent, night.tests_used) == (spent, 1)


def test_planned_tests_used_up_is_undecided_and_costs_nothing() -> None:
    model = Model({"c000": 0.9, "c001": 0.1, "c002": 0.1})
    night = Night(GateConfig(k_max=1), IDS, model)
    night.test("c001")
    spent = night.attempts_spent
    assert night.test("c002").verdict == "undecided"
    assert night.attempts_spent == spent


def test_an_outage_keeps_the_test_open_at_its_own_level() -> None:
    model = Model({"c000": 0.3, "c001": 0.9})
    night = Night(GateConfig(), IDS, model)
    model.down = True
    pending = night.test("c001")
    assert pending.verdict == "undecided"
    model.down = False
    done = night.test("c001")
    assert (done.verdict, night.tests_used) == ("keep", 1)
    assert pending.record is not None
    assert done.record is not None
    assert done.record.level == pending.record.level


def test_every_test_draws_the_champion_afresh_and_a_keep_empties_the_pool() -> None:
    model = Model({"c000": 0.9, "c001": 0.0, "c002": 0.0, "c003": 1.0, "c004": 0.0})
    night = Night(GateConfig(alpha=0.5), IDS, model)
    night.test("c001")
    assert model.made("c000") == 160
    night.test("c002")
    assert model.made("c000") == 200
    model.rates["c000"] = 0.85
    assert night.test("c003").verdict == "keep"
    night.test("c004")
    assert model.made("c003") == 8 * 40 + 4 * 40


def test_a_draw_that_gives_too_few_rewards_is_an_error() -> None:
    with pytest.raises(ValueError, match="gave 0 rewards"):
        Night(GateConfig(), IDS, lambda candidate, task, count: []).test("c001")


def test_missing_attempts_do_not_count_as_failures() -> None:
    coin = random.Random(3)

    def draw(candidate: str, task: str, count: int) -> list[float | None]:
        rate = {"c000": 0.4, "c001": 0.8}[candidate]
        return [None if coin.random() < 0.03 else float(coin.random() < rate) for _ in range(count)]

    verdict = Night(GateConfig(), IDS, draw).test("c001")
    assert verdict.verdict == "keep"
    assert verdict.record is not None
    assert verdict.record.mean == pytest.approx(0.4, abs=0.1)


def test_a_drifted_champion_is_measured_again() -> None:
    model = Model({"c000": 0.9, "c001": 0.0, "c002": 0.35})
    night = Night(GateConfig(), IDS, model)
    night.test("c001")
    model.rates["c000"] = 0.3
    before = model.made("c000")
    night.test("c002")
    assert model.made("c000") - before >= 40 + 4 * 40


def test_a_test_driven_by_hand_decides_as_the_night_does() -> None:
    for seed in range(12):
        rates = {"c000": 0.4, "c001": 0.4 + 0.03 * seed}
        verdict = Night(GateConfig(), IDS, Model(rates, seed)).test("c001")
        by_hand = _by_hand(Model(rates, seed))
        assert (verdict.verdict, verdict.record) == (by_hand.outcome, by_hand.record)


def _by_hand(model: Model):  # type: ignore[no-untyped-def]
    test = GateTest(GateConfig(), [GateTask(task) for task in IDS], 0.01)
    candidate: dict[str, list[float | None]] = {}
    champion: dict[str, list[float | None]] = {}
    while True:
        match test.next_action(Arms(candidate, champion)):
            case Draw(plan):
                for task, count in plan.candidate.items():
                    candidate[task] = [*model("c001", task, count), *candidate.get(task, [])]
                for task, count in plan.champion.items():
                    champion[task] = [*model("c000", task, count), *champion.get(task, [])]
            case Decide(look) if look.outcome == "continue":
                test = test.advanced()
            case Decide(look):
                return look
            case RestartChampion():
                raise AssertionError("nothing older to drift from")


def test_a_crash_between_any_two_attempts_resumes_to_the_same_plan() -> None:
    tasks = [GateTask(task) for task in IDS]
    plan = plan_stage(GateConfig(), 1, tasks, candidate_counts={}, pool_counts={}, fresh_counts={})
    slots = plan.interleaved(seed=5)
    assert len(slots) == plan.total == 40 * (2 + 4)
    for cut in (0, 1, 100, len(slots)):
        done = {arm: [slot.task for slot in slots[:cut] if slot.arm == arm] for arm in ("candidate", "champion")}
        counts = {arm: {task: made.count(task) for task in IDS} for arm, made in done.items()}
        left = plan_stage(
            GateConfig(),
            1,
            tasks,
            candidate_counts=counts["candidate"],
            pool_counts=counts["champion"],
            fresh_counts=counts["champion"],
        )
        assert left.total == len(slots) - cut


SETTLED = GateConfig(mode="explore", alpha=0.5, futility=(-9.0, -9.0, -9.0), settled_runs=4)


def test_tasks_that_the_champion_always_passed_or_failed_before_are_attempted_less() -> None:
    def draw(candidate: str, task: str, count: int) -> list[float | None]:
        before = drawn[candidate, task]
        drawn[candidate, task] += count
        every = 2 if candidate == "c000" else 3
        turns = range(before + int(task[1:]), before + int(task[1:]) + count)
        return [float(task < IDS[10] or (task < IDS[20] and turn % every == 0)) for turn in turns]

    for config, later in ((SETTLED, 4), (replace(SETTLED, settled_runs=None), 8)):
        drawn = Counter[tuple[str, str]]()
        night = Night(config, IDS, draw)
        assert night.test("c001").verdict == "reject"
        assert {drawn["c001", task] for task in IDS} == {8}, "the first test knows no earlier attempt"
        assert night.test("c002").verdict == "reject"
        assert {drawn["c002", task] for task in (*IDS[:10], *IDS[20:])} == {later}
        assert {drawn["c002", task] for task in IDS[10:20]} == {8}


def test_damage_to_settled_tasks_is_seen_in_full() -> None:
    before = Model({"c000": 1.0, "c001": 1.0, "c002": 0.8})
    night = Night(SETTLED, IDS, before)
    night.test("c001")
    record = night.test("c002").record
    assert record is not None
    assert record.mean == pytest.approx(-0.2, abs=0.07)
    assert before.made("c002") == 4 * 40


def test_settled_tasks_alone_are_no_outage() -> None:
    night = Night(SETTLED, IDS, Model({"c000": 1.0, "c001": 1.0, "c002": 1.0}))
    assert [night.test(name).verdict for name in ("c001", "c002")] == ["reject", "reject"]


def test_a_guard_is_asked_of_candidate_and_champion_and_can_refuse() -> None:
    def dear(candidate: str, champion: str) -> list[Guard]:
        return [Guard("cost", passed=candidate == "c002", ratio=2.0, upper=2.1, limit=1.25, tasks=40)]

    night = Night(GateConfig(), IDS, Model({"c000": 0.2, "c001": 0.9, "c002": 0.9}), guards=dear)
    assert [night.test(name).verdict for name in ("c001", "c002")] == ["reject", "keep"]


def test_a_keep_look_can_ask_for_champion_attempts_of_its_own_test() -> None:
    for fresh, wanted in ((1, 1), (6, 6), (8, 8)):
        model = Model({"c000": 0.5, "c001": 0.5, "c002": 0.9})
        night = Night(GateConfig(futility=(-9.0, -9.0, -9.0), fresh_runs=fresh, pool_cap=8), IDS, model)
        assert night.test("c001").verdict == "reject"
        before = model.made("c000")
        assert night.test("c002").verdict == "keep"
        assert model.made("c000") - before == wanted * len(IDS)


def test_an_epoch_that_is_over_makes_way_for_the_reserve() -> None:
    model = Model({"c000": 0.5, "c001": 0.1, "c002": 0.1, "c003": 0.9, "c004": 0.1})
    later = [f"r{number:03d}" for number in range(59)]
    night = Night(GateConfig(k_max=2), IDS, model, reserve=later)
    assert [night.test(name).verdict for name in ("c001", "c002")] == ["reject", "reject"]
    assert (night.epoch, night.tests_used) == (1, 2)
    asked = len(model.asked)
    assert night.test("c003").verdict == "keep"
    assert (night.epoch, night.tests_used, night.keeps, len(night.reserve)) == (2, 1, 1, 19)
    assert {task for _, task, _ in model.asked[asked:]} == set(later[:40])
    assert [night.test(name).verdict for name in ("c004", "c001", "c002")] == ["reject", "undecided", "undecided"]


def test_interleaving_mixes_the_arms_and_follows_its_seed() -> None:
    plan = plan_stage(
        GateConfig(), 0, [GateTask(task) for task in IDS], candidate_counts={}, pool_counts={}, fresh_counts={}
    )
    assert plan.interleaved(1) == plan.interleaved(1) != plan.interleaved(2)
    assert {slot.arm for slot in plan.interleaved(1)[:40]} == {"candidate", "champion"}
