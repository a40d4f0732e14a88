"""Which gains a night can find, in points, and what would let it find smaller ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from optimizer.gate import GateConfig, Mode, level, smallest_detectable
from optimizer.gate.design import S2, TAU

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


@dataclass(frozen=True, slots=True)
class Reach:
    """Say what a mode's first test finds with so many held-out tasks."""

    mode: Mode
    tasks: int
    smallest_gain: float


MODES: tuple[Mode, ...] = ("strict", "default", "explore")


def reaches(gate: GateConfig, tasks: int, *, tau: float = TAU, s2: float = S2) -> list[Reach]:
    """List the smallest gain found by each mode with these held-out tasks, twice and four times as many.

    Alphas are the modes' own; the target stays what it is for the tasks there are.
    """
    here = replace(gate, alpha=None, target=gate.target_for(tasks))
    found = ((mode, size, replace(here, mode=mode)) for mode in MODES for size in (tasks, 2 * tasks, 4 * tasks))
    gains = ((mode, size, smallest_gain(config, size, tau=tau, s2=s2)) for mode, size, config in found)
    return [Reach(mode, size, gain) for mode, size, gain in gains if gain is not None]


def smallest_gain(gate: GateConfig, tasks: int, *, tau: float = TAU, s2: float = S2) -> float | None:
    """Give the smallest true gain that the night's first test keeps four times in five; None without any test."""
    first = level(gate, 0, 0)
    if first is None or tasks < 2:
        return None
    return smallest_detectable(gate, tasks=tasks, runs=gate.runs, level=first, tau=tau, s2=s2)


def remedies(gate: GateConfig, tasks: int, *, tau: float = TAU, s2: float = S2) -> list[Remedy]:
    """List what would make the night find smaller gains, the best first; what helps little is left out."""
    found = ((change, smallest_gain(config, size, tau=tau, s2=s2)) for change, config, size in _changes(gate, tasks))
    now = smallest_gain(gate, tasks, tau=tau, s2=s2)
    better = [Remedy(change, gain) for change, gain in found if now and gain and gain < WORTH * now]
    return sorted(better, key=lambda each: each.smallest_gain)


def _changes(gate: GateConfig, tasks: int) -> Iterator[tuple[str, GateConfig, int]]:
    """Give what could be changed, in words, and the design that comes of it."""
    longer = replace(gate, stages=(*gate.stages, 2 * gate.runs), futility=(*gate.futility, *_more(gate)))
    yield f"twice the held-out tasks ({2 * tasks})", gate, 2 * tasks
    yield f"twice the attempts on each (`gate.stages` up to {2 * gate.runs})", longer, tasks
    if gate.mode == "explore":
        return
    what = "`gate.mode: explore`, without a guarantee over the whole night"
    yield what, replace(gate, mode="explore", alpha=None), tasks
    if gate.k_max > 1:
        half = replace(gate, k_max=max(gate.k_max // 2, 1))
        yield f"half the tests planned (`gate.k_max: {half.k_max}`)", half, tasks


def _more(gate: GateConfig) -> tuple[float]:
    """Give up at the look that used to be the last as late as before it."""
    return (gate.futility[-1] if gate.futility else 0.0,)


def in_words(gate: GateConfig, tasks: int, *, tau: float = TAU, s2: float = S2) -> str:
    """Say in one sentence what the night can find."""
    gain = smallest_gain(gate, tasks, tau=tau, s2=s2)
    if gain is None:
        return f"nothing: {tasks} held-out tasks are too few to decide anything"
    about = "these very tasks" if gate.target_for(tasks) == "benchmark" else "tasks like these"
    return (
        f"a change that truly gains {100 * gain:.1f} points or more on {about} is kept four times in five;"
        " smaller gains mostly go unnoticed"
    )
