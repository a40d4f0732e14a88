"""What the gate promises, held against worlds whose truth is known; bounds leave Monte Carlo room."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from optimizer.gate import GateConfig, Mode, Night, Target
from optimizer.gate.worlds import NOTHING, Change, Reward, World

CHURN = Change(spread=0.16)


def any_false_keep(
    mode: Mode, target: Target, *, nights: int, tests: int, tasks: int, correlation: float = 0.0
) -> float:
    """Give the share of all-null nights (half no-ops, half churn) that keep anything."""
    false = 0
    for seed in range(nights):
        truth = "population" if target == "population" else "heldout"
        world = World(seed, tasks=tasks, correlation=correlation, truth=truth)  # type: ignore[arg-type]
        night = Night(GateConfig(mode=mode, target=target, k_max=tests), world.tasks, world.draw)
        for number in range(1, tests + 1):
            world.add(f"c{number:03d}", CHURN if number % 2 else NOTHING)
            if night.test(f"c{number:03d}").verdict == "keep":
                false += 1
                break
    return false / nights


def kept(
    change: Change,
    alpha: float,
    *,
    target: Target = "population",
    tasks: int = 100,
    count: int,
    reward: Reward = "binary",
    baseline: Change = NOTHING,
) -> tuple[float, float]:
    """Give how often one candidate is kept at a fixed level, and its mean attempts."""
    keeps, runs = 0, 0
    for seed in range(count):
        truth = "population" if target == "population" else "heldout"
        world = World(seed, tasks=tasks, reward=reward, baseline=baseline, truth=truth)  # type: ignore[arg-type]
        world.add("c001", change)
        verdict = Night(GateConfig(mode="explore", alpha=alpha, target=target), world.tasks, world.draw).test("c001")
        keeps += verdict.verdict == "keep"
        runs += verdict.record.candidate_attempts if verdict.record else 0
    return keeps / count, runs / count


LEAK = Change(gain=-0.005, leaks=5)


def mixed_change(coin: random.Random) -> Change:
    """Draw from a proposer's stream: 35% nothing, 33% churn, 12% harmful, 12% good, 8% visible answers."""
    kind = coin.random()
    if kind < 0.35:
        return NOTHING
    if kind < 0.68:
        return CHURN
    if kind < 0.80:
        return Change(gain=-coin.uniform(0.01, 0.06), spread=0.10)
    if kind < 0.92:
        return Change(gain=coin.uniform(0.01, 0.06), spread=0.10)
    return LEAK


@dataclass(frozen=True)
class Stream:
    """Add up what a rule kept over many nights: shares of keeps and of leaks, counts and gain a night."""

    false_share: float
    harmful: float
    leaks: float
    gain: float


def through(rule: Callable[[World, str, str], bool] | None, *, nights: int, tests: int) -> Stream:
    """Send one mixed stream through the gate (None) or through a rule of (world, champion, candidate)."""
    shares, harmful, leaks, leaked, gain = [], 0, 0, 0, 0.0
    for seed in range(nights):
        world, coin = World(seed, tasks=100, visible=40), random.Random(seed)
        night = Night(GateConfig(target="population", k_max=tests), world.tasks, world.draw)
        champion, keeps, false = "c000", 0, 0
        for number in range(1, tests + 1):
            candidate, change = f"c{number:03d}", mixed_change(coin)
            world.add(candidate, change, parent=champion)
            leaks += change is LEAK
            if night.test(candidate).verdict == "keep" if rule is None else rule(world, champion, candidate):
                gained = world.true_gain(candidate, champion)
                keeps, false, harmful = keeps + 1, false + (gained <= 1e-6), harmful + (gained < -1e-6)
                leaked += change is LEAK
                champion = candidate
        shares.append(false / max(keeps, 1))
        gain += world.true_gain(champion)
    return Stream(sum(shares) / nights, harmful / nights, leaked / max(leaks, 1), gain / nights)


class StrictlyMorePasses:
    """Keep what passes more visible tasks in one attempt each than the best recorded so far, as AutoAgent does."""

    def __init__(self) -> None:
        self.best: dict[World, float] = {}

    def __call__(self, world: World, champion: str, candidate: str) -> bool:
        best = self.best.setdefault(world, self.score(world, champion))
        score = self.score(world, candidate)
        self.best[world] = max(best, score)
        return score > best

    def score(self, world: World, name: str) -> float:
        return sum(world.draw(name, task.id, 1)[0] or 0.0 for task in world.visible)


def test_a_mixed_stream_gains_and_keeps_little_noise_where_the_common_rule_keeps_mostly_noise() -> None:
    gate = through(None, nights=8, tests=25)
    assert gate.false_share <= 0.25
    assert gate.harmful <= 0.25
    assert gate.gain > 0.03
    assert through(StrictlyMorePasses(), nights=30, tests=25).false_share > 0.5


@pytest.mark.parametrize("target", ["population", "benchmark"])
def test_strict_nights_of_nothing_hardly_ever_keep(target: Target) -> None:
    assert any_false_keep("strict", target, nights=20, tests=10, tasks=60) <= 0.20


@pytest.mark.parametrize("target", ["population", "benchmark"])
def test_default_nights_of_nothing_keep_in_at_most_a_fifth(target: Target) -> None:
    assert any_false_keep("default", target, nights=20, tests=10, tasks=60) <= 0.40


def test_real_gains_are_found_at_the_promised_price() -> None:
    share, runs = kept(Change(gain=0.08, spread=0.16), 0.01, count=50)
    assert share >= 0.72
    assert runs <= 800
    assert kept(Change(gain=0.12, spread=0.16), 0.001, count=30)[0] >= 0.84


def test_a_change_without_effect_costs_little() -> None:
    share, runs = kept(NOTHING, 0.05, count=100)
    assert share <= 0.12
    assert runs <= 260


def test_losing_failures_does_not_pay() -> None:
    lossy = Change(lost_failures=0.05)
    assert kept(lossy, 0.05, count=60)[0] <= 0.12
    assert kept(lossy, 0.05, count=60, baseline=lossy)[0] <= 0.14


def test_a_candidate_that_crashes_is_not_kept() -> None:
    assert kept(Change(crashes=0.15), 0.05, count=40)[0] == 0.0


@pytest.mark.parametrize("tasks", [40, 100])
def test_skewed_rewards_without_noise_do_not_fool_the_t(tasks: int) -> None:
    assert kept(Change(outlier=0.05), 0.01, tasks=tasks, count=60, reward="skewed")[0] <= 0.05


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_strict_at_full_size(correlation: float) -> None:
    share = any_false_keep("strict", "population", nights=400, tests=200, tasks=100, correlation=correlation)
    assert share <= 0.075


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("target", ["population", "benchmark"])
def test_default_at_full_size(target: Target) -> None:
    assert any_false_keep("default", target, nights=400, tests=200, tasks=100) <= 0.20


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_power_at_full_size() -> None:
    share, runs = kept(Change(gain=0.05, spread=0.16), 0.01, tasks=250, count=1000)
    assert share >= 0.80
    assert runs <= 2000
    assert kept(Change(gain=0.08, spread=0.16), 0.01, count=1000)[0] >= 0.72
    assert kept(Change(gain=0.12, spread=0.16), 0.001, count=1000)[0] >= 0.84


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_losses_crashes_and_skew_at_full_size() -> None:
    lossy = Change(lost_failures=0.05)
    assert kept(lossy, 0.05, count=2000)[0] <= 0.07
    assert kept(lossy, 0.05, count=2000, baseline=lossy)[0] <= 0.07
    assert kept(Change(crashes=0.15), 0.05, count=1000)[0] <= 0.01
    for tasks in (40, 100):
        assert kept(Change(outlier=0.05), 0.01, tasks=tasks, count=2000, reward="skewed")[0] <= 0.02


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_mixed_stream_at_full_size() -> None:
    gate = through(None, nights=100, tests=100)
    assert gate.false_share <= 0.12
    assert gate.harmful <= 0.10
    assert gate.leaks <= 0.02
    assert through(StrictlyMorePasses(), nights=100, tests=100).false_share > 0.6
