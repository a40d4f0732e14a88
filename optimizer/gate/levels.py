"""How much error each test of a night may spend."""

from __future__ import annotations

from optimizer.gate.config import GateConfig


def level(config: GateConfig, tests_used: int, keeps: int) -> float | None:
    """Give the level of the next test, or None when the planned tests are used up.

    Reserve it durably before the first attempt of the test: a crash then resumes the same test
    and cannot buy a second one.

    Args:
        config: The night's settings.
        tests_used: Tests already reserved in this epoch.
        keeps: How many of them ended in a keep.

    Raises:
        ValueError: The counts are impossible.
    """
    if not 0 <= keeps <= tests_used:
        raise ValueError(f"impossible counts: {keeps} keeps in {tests_used} tests")
    if tests_used >= config.k_max:
        return None
    if config.mode == "explore":
        return config.spent_alpha
    if config.mode == "strict":
        return config.spent_alpha / config.k_max
    return config.spent_alpha * (keeps + 1) / config.k_max


def needs_new_epoch(config: GateConfig, tasks: int, tests_used: int, keeps: int) -> bool:
    """Say whether these held-out tasks have been asked too much to stay honest, so that others should take their place.

    Every keep makes the gate tasks look about half a point to a point too good; rejected tests
    hardly do.
    """
    return tests_used >= config.k_max or keeps * 15 >= tasks > 0
