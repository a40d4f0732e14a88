from __future__ import annotations

from typing import Any

import pytest

from optimizer.gate import GateConfig, GateConfigError, level, needs_new_epoch
from traces.errors import UsageError


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("mode", "bold"),
        ("target", "both"),
        ("alpha", 1.5),
        ("alpha", 0.0),
        ("k_max", 0),
        ("stages", ()),
        ("stages", (0, 2, 4, 8)),
        ("stages", (1, 4, 4, 8)),
        ("stages", (1, 2)),
        ("futility", (0.0,)),
        ("futility", (0.0, float("nan"), 1.0)),
        ("sd_floor", -0.1),
        ("pool_min", 0),
        ("pool_cap", 3),
        ("min_tasks", 1),
        ("max_missing", 1.0),
        ("screen_t", float("inf")),
        ("phi", 0.5),
        ("settled_runs", 0),
        ("fresh_runs", 0),
        ("cost_ratio", 0.9),
        ("latency_ratio", 0.0),
    ],
)
def test_impossible_settings_are_refused(setting: str, value: Any) -> None:
    with pytest.raises(GateConfigError, match="gate setting") as caught:
        GateConfig(**{setting: value})
    assert isinstance(caught.value, UsageError)


def test_lists_from_a_file_become_tuples() -> None:
    config = GateConfig(stages=[1, 2], futility=[0.0])  # type: ignore[arg-type]
    assert (config.stages, config.futility, config.runs) == ((1, 2), (0.0,), 2)


def test_auto_target_speaks_of_these_tasks_below_150() -> None:
    assert [GateConfig().target_for(tasks) for tasks in (149, 150)] == ["benchmark", "population"]


@pytest.mark.parametrize("k_max", [1, 7, 20, 200])
def test_levels_of_a_night_without_keeps_sum_to_alpha(k_max: int) -> None:
    for mode, alpha in (("default", 0.20), ("strict", 0.05)):
        config = GateConfig(mode=mode, k_max=k_max)  # type: ignore[arg-type]
        spent = sum(level(config, used, 0) or 0.0 for used in range(k_max))
        assert spent == pytest.approx(alpha)
        assert level(config, k_max, 0) is None


def test_default_level_grows_with_keeps_strict_does_not() -> None:
    assert level(GateConfig(k_max=10), 4, 2) == pytest.approx(0.06)
    assert level(GateConfig(mode="strict", k_max=10), 4, 2) == pytest.approx(0.005)
    assert level(GateConfig(mode="explore", k_max=10), 4, 2) == pytest.approx(0.05)


def test_more_keeps_than_tests_is_impossible() -> None:
    with pytest.raises(ValueError, match="impossible counts"):
        level(GateConfig(), 1, 2)


def test_an_epoch_ends_with_its_tests_or_with_too_many_keeps() -> None:
    config = GateConfig(k_max=20)
    assert not needs_new_epoch(config, 60, 19, 3)
    assert needs_new_epoch(config, 60, 20, 0)
    assert needs_new_epoch(config, 60, 5, 4)
