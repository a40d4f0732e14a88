"""The worlds by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optimizer.gate.simulation.changes import LOSSY, STREAMS, Stream
from optimizer.gate.simulation.worlds import WorldConfig


@dataclass(frozen=True, slots=True)
class Named:
    """Hold a world's stream of changes, what it is made of, and what it is about."""

    words: str
    stream: Stream
    config: WorldConfig


def _world(words: str, stream: str, **settings: Any) -> Named:  # Any: WorldConfig's own fields
    return Named(words, STREAMS[stream], WorldConfig(visible=40, sealed=60, **settings))


WORLDS: Mapping[str, Named] = {
    "null": _world("half do nothing, half move tasks up and down with mean zero", "null"),
    "mixed": _world("35% nothing, 33% churn, 12% harmful, 12% good, 8% leaks", "mixed"),
    "leaky": _world("40% hold the answers of five visible tasks", "leaky"),
    "harmful": _world("60% harmful, 5% good", "harmful"),
    "correlated": _world("null, and attempts at a task hang together (.4)", "null", correlation=0.4),
    "lossy": _world("nothing, but 5% of its failures go missing", "lossy"),
    "lossy-both": _world("the same in both arms", "lossy", baseline=LOSSY),
    "crashing": _world("half gain two points and crash in 15% of attempts", "crashing"),
    "skewed": _world("almost no noise; 5% of tasks lose 30 points", "outliers", reward="skewed"),
    "drift": _world("mixed, and from mid-night every task is easier by a tenth", "mixed", drift=0.1),
    "continuous": _world("mixed, with rewards between 0 and 1", "mixed", reward="continuous"),
}
