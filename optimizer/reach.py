"""Which gains a night can find, in points, and what would let it find smaller ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from optimizer.gate import GateConfig, level, smallest_detectable

WORTH = 0.9
"""A remedy is told when it brings the smallest gain below this share of what it is."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """Name a change of the run file, and the smallest gain found with it."""

    change: str
    smallest_gain: float

    def to_record(self) -> dict[str, Any]:
        """Give it as JSON values (Any: JSON)."""
        return asdict(self)


def smallest_gain(gate: GateConfig, tasks: int) -> float | None:
    """Give the smallest true gain that the night's first test keeps four times in five; None without any test."""
    first = level(gate, 0, 0)
    if first is None or tasks < 2:
        return None
    return smallest_detectable(gate, tasks=tasks, runs=gate.runs, level=first)


def remedies(gate: GateConfig, tasks: int) -> list[Remedy]:
    """List what would make the night find smaller gains, the best first; what helps little is left out."""
    now = smallest_gain(gate, tasks)
    if now is None:
        return []
    longer = replace(gate, stages=(*gate.stages, 2 * gate.runs), futility=(*gate.futility, *_more(gate)))
    found = [
        Remedy(f"twice the held-out tasks ({2 * tasks})", smallest_gain(gate, 2 * tasks) or now),
        Remedy(
            f"twice the attempts on each (`gate.stages` up to {2 * gate.runs})", smallest_gain(longer, tasks) or now
        ),
    ]
    if gate.mode != "explore":
        explore = replace(gate, mode="explore", alpha=None)
        what = "`gate.mode: explore`, without a guarantee over the whole night"
        found.append(Remedy(what, smallest_gain(explore, tasks) or now))
        if gate.k_max > 1:
            half = replace(gate, k_max=max(gate.k_max // 2, 1))
            found.append(
                Remedy(f"half the tests planned (`gate.k_max: {half.k_max}`)", smallest_gain(half, tasks) or now)
            )
    return sorted((each for each in found if each.smallest_gain < WORTH * now), key=lambda each: each.smallest_gain)


def _more(gate: GateConfig) -> tuple[float]:
    """Give up at the look that used to be the last as late as before it."""
    return (gate.futility[-1] if gate.futility else 0.0,)


def in_words(gate: GateConfig, tasks: int) -> str:
    """Say in one sentence what the night can find."""
    gain = smallest_gain(gate, tasks)
    if gain is None:
        return f"nothing: {tasks} held-out tasks are too few to decide anything"
    about = "these very tasks" if gate.target_for(tasks) == "benchmark" else "tasks like these"
    return (
        f"a change that truly gains {100 * gain:.1f} points or more on {about} is kept four times in five;"
        " smaller gains mostly go unnoticed"
    )
