"""What a night can and cannot find, before it is paid for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from optimizer.gate.config import GateConfig
from optimizer.gate.levels import level

POWER = 0.80
CERTIFY_TASKS = 30
"""Below this many gate tasks a keep certifies nothing."""
HOPELESS = 0.30
"""A design that finds only gains above this decides nothing in practice."""
TAU = 0.16
S2 = 0.10


def smallest_detectable(
    config: GateConfig, *, tasks: int, runs: int, level: float, tau: float = TAU, s2: float = S2
) -> float:
    """Give the smallest true gain that the keep look finds with 80% power, as a share (.05 = 5 points).

    Args:
        config: The night's settings; its target says whether `tau` counts.
        tasks: Gate tasks.
        runs: Attempts per task of the candidate.
        level: The test's level, one-sided.
        tau: Standard deviation of a change's effect over tasks.
        s2: Mean within-task variance of one attempt.
    """
    from scipy.special import ndtri

    pool = max(config.pool_min, min(runs, config.pool_cap))
    within = config.phi * s2 * (1 / runs + 1 / pool)
    between = tau**2 if config.target_for(tasks) == "population" else 0.0
    return float((ndtri(1 - level) + ndtri(POWER)) * math.sqrt((between + within) / tasks))


@dataclass(frozen=True, slots=True)
class Advice:
    """Say whether a design can decide anything, whether its keeps certify, and what speaks against it."""

    can_decide: bool
    can_certify: bool
    smallest_gain: float | None
    sentences: tuple[str, ...]


def can_decide(config: GateConfig, *, tasks: int, tau: float = TAU, s2: float = S2) -> Advice:
    """Judge a design before it runs: `run` refuses one that cannot decide unless it is forced."""
    first = level(config, 0, 0)
    if first is None or tasks < config.min_tasks:
        refusal = f"{tasks} held-out tasks are too few to decide anything; the gate needs {config.min_tasks}"
        return Advice(can_decide=False, can_certify=False, smallest_gain=None, sentences=(refusal,))
    gain = smallest_detectable(config, tasks=tasks, runs=config.runs, level=first, tau=tau, s2=s2)
    words = []
    if config.mode == "explore":
        words.append("explore mode gives no night-wide guarantee: expect one false keep in twenty useless changes")
    if tasks < CERTIFY_TASKS:
        words.append(f"fewer than {CERTIFY_TASKS} held-out tasks: cannot certify; use explore mode, or more tasks")
    if gain > HOPELESS:
        words.append(f"only gains of {100 * gain:.0f} points or more would be found: no change gains so much")
    certify = tasks >= CERTIFY_TASKS
    decide = gain <= HOPELESS and (certify or config.mode == "explore")
    return Advice(can_decide=decide, can_certify=certify, smallest_gain=gain, sentences=tuple(words))
