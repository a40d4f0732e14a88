"""The bench of sandboxes: both sides earn their rewards, and what is missed is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from task_agent.sandbox import SandboxKind
from task_agent.sandbox.bench import Measured, measure

REACHED = Measured("docker", False, 8, 10, 0, 0, 3.0, 3.1, 0.95, 0.95, 0.02, 0.02, 1.0)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("process"),
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def test_both_sides_earn_every_reward_and_leave_nothing(kind: SandboxKind) -> None:
    found = measure(kind, attempts=2, rounds=1, in_flight=2)
    assert (found.attempts, found.failed, found.left) == (2, 0, 0)
    assert found.ratio > 0


def test_a_target_that_is_missed_is_named() -> None:
    assert REACHED.missed == []
    assert replace(REACHED, ratio=0.89).missed == ["90% of the bare loop"]
    assert replace(REACHED, ratio=0.5, apart=True).missed == []
    assert replace(REACHED, failed=1, left=2).missed == ["no attempt that failed", "no container left"]
    assert replace(REACHED, ours_cpu_s=0.04).missed == ["0.03 s of processor an attempt"]
