"""Modes and variants of the gate, and the bounds a default must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from optimizer.gate.config import GateConfig, Target
from optimizer.gate.pruning import PruneConfig
from optimizer.gate.simulation.measures import Measure

PRUNE = PruneConfig()
HARMFUL_AT_MOST = 0.10
"""Harmful keeps a night."""
FALSE_SHARE_AT_MOST = 0.25
"""Mean share of keeps that are false, after pruning."""

_SHORT = {"stages": (1, 2, 4), "futility": (0.0, 0.7)}
_LONG = {"stages": (1, 2, 4, 8, 16), "futility": (0.0, 0.7, 1.2, 1.6), "pool_cap": 16}
_HARD = {"futility": (0.5, 1.2, 1.8)}


def _gate(**settings: object) -> GateConfig:
    return GateConfig(**settings)  # type: ignore[arg-type]  # the names are GateConfig's own


VARIANTS: Mapping[str, GateConfig] = {
    "strict": _gate(mode="strict"),
    "default": _gate(),
    "explore": _gate(mode="explore"),
    "default, alpha .40": _gate(alpha=0.40),
    "explore, .01 each": _gate(mode="explore", alpha=0.01),
    "explore, .10 each": _gate(mode="explore", alpha=0.10),
    "explore, 4 attempts": _gate(mode="explore", **_SHORT),
    "default, 16 attempts": _gate(**_LONG),
    "explore, 16 attempts": _gate(mode="explore", **_LONG),
    "default, harder futility": _gate(**_HARD),
    "explore, harder futility": _gate(mode="explore", **_HARD),
}


def variant(name: str, tests: int, target: Target) -> GateConfig:
    """Give a variant for a night of that many tests, planned honestly."""
    return replace(VARIANTS[name], k_max=tests, target=target)


def eligible(seen: Mapping[str, Measure]) -> bool:
    """Say whether harmful keeps and false ones stay within the bounds of a default."""
    harmful, false = seen["harmful"].value, seen["false_share_left"].value
    return harmful is not None and false is not None and harmful <= HARMFUL_AT_MOST and false <= FALSE_SHARE_AT_MOST
