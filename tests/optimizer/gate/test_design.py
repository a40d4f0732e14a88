from __future__ import annotations

import pytest

from optimizer.gate import GateConfig, can_decide, smallest_detectable


@pytest.mark.parametrize(
    ("tasks", "level", "points"), [(20, 0.002, 18.7), (40, 0.002, 13.2), (100, 0.002, 8.4), (250, 0.05, 3.5)]
)
def test_smallest_detectable_gain_matches_the_published_table(tasks: int, level: float, points: float) -> None:
    gain = smallest_detectable(GateConfig(target="population"), tasks=tasks, runs=8, level=level)
    assert 100 * gain == pytest.approx(points, abs=0.1)


def test_benchmark_target_finds_smaller_gains_than_population() -> None:
    about, beyond = (
        smallest_detectable(GateConfig(target=target), tasks=60, runs=8, level=0.01)  # type: ignore[arg-type]
        for target in ("benchmark", "population")
    )
    assert about < 0.75 * beyond


def test_too_few_tasks_cannot_decide_and_fewer_than_thirty_cannot_certify() -> None:
    assert not can_decide(GateConfig(), tasks=19).can_decide
    small = can_decide(GateConfig(), tasks=25)
    assert (small.can_decide, small.can_certify) == (False, False)
    assert any("cannot certify" in sentence for sentence in small.sentences)
    assert can_decide(GateConfig(mode="explore"), tasks=25).can_decide


def test_a_hundred_tasks_can_decide_and_nothing_speaks_against_it() -> None:
    advice = can_decide(GateConfig(), tasks=100)
    assert advice.can_decide
    assert advice.smallest_gain is not None
    assert advice.sentences == ()


def test_a_design_that_finds_only_what_no_change_gains_cannot_decide() -> None:
    noisy = can_decide(GateConfig(stages=(1,), futility=(), target="population"), tasks=30, tau=0.5, s2=0.25)
    assert (noisy.can_decide, noisy.can_certify) == (False, True)
    assert "no change gains so much" in noisy.sentences[-1]
