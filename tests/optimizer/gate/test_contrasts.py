"""Several arms held against the first, and what attempts use as paired ratios."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.gate import GateTask, estimate
from optimizer.gate.contrasts import (
    BONFERRONI,
    MAX_T,
    ONE,
    contrasts,
    correlation,
    max_t,
    smallest_difference,
)
from optimizer.gate.estimates import Estimand
from optimizer.gate.population import quantile
from optimizer.gate.ratios import paired_ratio

TARGETS: tuple[Estimand, ...] = ("population", "benchmark")


def task_list(count: int, strata: int = 1) -> list[GateTask]:
    return [GateTask(f"t{at:02d}", f"s{at % strata}") for at in range(count)]


def draws(rng: random.Random, tasks: list[GateTask], rate: float, runs: int) -> dict[str, list[float | None]]:
    return {task.id: [float(rng.random() < rate) for _ in range(runs)] for task in tasks}


@pytest.mark.parametrize("target", TARGETS)
def test_two_arms_are_what_certify_reports(target: Estimand) -> None:
    rng, tasks = random.Random(1), task_list(20, 4)
    one, other = draws(rng, tasks, 0.4, 3), draws(rng, tasks, 0.6, 3)
    found, known = (
        contrasts(tasks, [one, other], target=target),
        estimate(tasks, baseline=one, champion=other, target=target),
    )
    row = found.rows[0]
    assert (row.difference, row.lower, row.upper) == (known.difference, known.lower, known.upper)
    assert found.means == (known.baseline_mean, known.champion_mean)
    assert (found.tasks, found.units, found.method) == (known.tasks, known.units, ONE)


def test_more_arms_have_wider_intervals_that_say_how_they_were_made() -> None:
    rng, tasks = random.Random(2), task_list(24, 3)
    arms = [draws(rng, tasks, rate, 2) for rate in (0.4, 0.5, 0.6, 0.6)]
    for target, method in zip(TARGETS, (MAX_T, BONFERRONI), strict=True):
        alone = contrasts(tasks, arms[:2], target=target).rows[0]
        together = contrasts(tasks, arms, target=target)
        assert together.method == method
        assert len(together.rows) == 3
        assert together.rows[0].difference == alone.difference
        assert together.rows[0].lower is not None
        assert alone.lower is not None
        assert together.rows[0].lower < alone.lower


def test_arms_are_compared_on_tasks_that_all_of_them_have() -> None:
    rng, tasks = random.Random(3), task_list(12)
    arms = [draws(rng, tasks, 0.5, 2) for _ in range(3)]
    arms[2]["t00"] = [None, None]
    found = contrasts(tasks, arms, target="population")
    assert (found.tasks, found.excluded) == (11, ("t00",))


def test_nothing_shared_leaves_everything_unknown() -> None:
    tasks = task_list(3)
    missing: dict[str, list[float | None]] = {task.id: [None] for task in tasks}
    found = contrasts(tasks, [missing, missing, missing], target="population")
    assert (found.tasks, found.means) == (0, (None, None, None))
    assert {row.difference for row in found.rows} == {None}
    assert {row.smallest for row in found.rows} == {None}


def test_one_arm_alone_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="two arms"):
        contrasts(task_list(3), [{}], target="population")


@given(st.integers(2, 6), st.floats(0, 0.95), st.integers(3, 80))
@settings(max_examples=15, deadline=None)
def test_the_largest_of_several_lies_between_one_and_bonferroni(count: int, shared: float, df: int) -> None:
    matrix = np.full((count, count), shared)
    np.fill_diagonal(matrix, 1.0)
    found = max_t(matrix, df, 0.95)
    assert quantile(0.95, df) <= found <= quantile(1 - 0.05 / count, df)


def test_the_largest_of_correlated_statistics_needs_less_room() -> None:
    related = np.full((5, 5), 0.9)
    np.fill_diagonal(related, 1.0)
    assert max_t(related, 30, 0.95) < max_t(np.eye(5), 30, 0.95) - 0.15


def test_the_largest_is_what_dunnett_tabled() -> None:
    """Two-sided .05, correlation .5, 30 degrees of freedom, 3 treatments: 2.47 where one variance serves all."""
    matrix = np.full((3, 3), 0.5)
    np.fill_diagonal(matrix, 1.0)
    assert max_t(matrix, 30, 0.95) == pytest.approx(2.47, abs=0.05)


@pytest.mark.parametrize("target", TARGETS)
def test_all_intervals_together_hold_the_truth(target: Estimand) -> None:
    """A world of known rates: 5 arms, 30 tasks of 3 attempts, 400 repetitions."""
    rng = np.random.default_rng(4)
    base = rng.beta(1.2, 1.2, size=2_000)
    shift = np.array([0.0, 0.0, 0.1, -0.05, 0.15])
    tasks, whole = task_list(30), 0
    for _ in range(400):
        chosen = rng.choice(base, size=30)
        effects = shift[:, None] + np.where(shift[:, None] == 0, 0.0, 0.1) * rng.normal(size=(5, 30))
        rates = np.clip(chosen[None, :] + effects, 0, 1)
        seen = (rng.random((5, 30, 3)) < rates[:, :, None]).astype(float)
        arms = [{task.id: list(seen[arm, at]) for at, task in enumerate(tasks)} for arm in range(5)]
        found = contrasts(tasks, arms, target=target)
        true = (rates - rates[0]).mean(axis=1)[1:] if target == "benchmark" else _population(base, shift)
        whole += all(
            row.lower is not None and row.upper is not None and row.lower <= value <= row.upper
            for row, value in zip(found.rows, true, strict=True)
        )
    assert whole / 400 >= 0.925


def _population(base: np.ndarray, shift: np.ndarray) -> list[float]:
    """Give the true mean differences over all tasks, clipping included, by a long draw."""
    rng = np.random.default_rng(5)
    rates = rng.choice(base, size=200_000)
    noise = rng.normal(size=200_000)
    means = [np.clip(rates + by + (0.1 * noise if by else 0.0), 0, 1).mean() for by in shift]
    return [float(mean - means[0]) for mean in means[1:]]


def test_correlation_of_arms_that_share_their_control_is_about_a_half() -> None:
    from optimizer.gate.arms import differences, tally
    from optimizer.gate.population import units_of

    rng, tasks = random.Random(6), task_list(400, 5)
    arms = [tally([task.id for task in tasks], draws(rng, tasks, 0.5, 1)) for _ in range(3)]
    kept = np.ones(400, dtype=np.bool_)
    seen = correlation([units_of(tasks, kept, differences(arm, arms[0])) for arm in arms[1:]])
    assert seen[0, 1] == pytest.approx(0.5, abs=0.1)


def test_a_design_foretells_what_it_finds() -> None:
    few, many = (smallest_difference(tasks=tasks, runs=4, target="population") for tasks in (20, 200))
    assert many < few / 2.5
    assert smallest_difference(tasks=60, runs=4, target="benchmark") < smallest_difference(
        tasks=60, runs=4, target="population"
    )


# Ratios ---------------------------------------------------------------------------


def test_a_ratio_is_of_task_means_so_that_no_long_task_outweighs_the_rest() -> None:
    tasks = task_list(3)
    first = {"t00": [1.0, 3.0], "t01": [10.0], "t02": [1000.0]}
    second = {"t00": [4.0], "t01": [20.0], "t02": [2000.0, 2000.0]}
    found = paired_ratio(tasks, first, second)
    assert found.ratio == pytest.approx(2.0)
    assert (found.lower, found.upper) == (pytest.approx(2.0), pytest.approx(2.0))
    assert found.first == pytest.approx((2 + 10 + 1000) / 3)


def test_what_is_not_known_of_one_arm_is_left_out_and_never_0() -> None:
    tasks = task_list(3)
    found = paired_ratio(tasks, {"t00": [1.0], "t01": [2.0]}, {"t00": [2.0], "t01": [4.0], "t02": [9.0]})
    assert (found.tasks, found.left_out, found.ratio) == (2, 1, pytest.approx(2.0))
    nothing = paired_ratio(tasks, {}, {"t00": [1.0]})
    assert (nothing.tasks, nothing.ratio, nothing.first, nothing.second) == (0, None, None, None)


def test_a_single_task_has_a_ratio_and_no_interval() -> None:
    found = paired_ratio(task_list(1), {"t00": [2.0]}, {"t00": [3.0]})
    assert (found.ratio, found.lower, found.upper) == (pytest.approx(1.5), None, None)


def test_intervals_of_ratios_hold_the_truth() -> None:
    rng, tasks, held = np.random.default_rng(7), task_list(25), 0
    for _ in range(300):
        size = rng.lognormal(3, 1, size=25)
        first = {t.id: list(size[at] * rng.lognormal(0, 0.3, 3)) for at, t in enumerate(tasks)}
        second = {t.id: list(1.2 * size[at] * rng.lognormal(0, 0.3, 3)) for at, t in enumerate(tasks)}
        found = paired_ratio(tasks, first, second)
        assert found.lower is not None
        assert found.upper is not None
        held += found.lower <= 1.2 <= found.upper
    assert held / 300 >= 0.92
