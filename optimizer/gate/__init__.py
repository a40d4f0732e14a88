"""The keep gate: rewards in, a decision out; pure numbers, no input or output.

Names load on first use, so that importing the package costs nothing: numpy and scipy stay out until
something is computed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.gate.arms import Arms, GateTask, Rewards
    from optimizer.gate.config import GateConfig, GateConfigError, Mode, Target
    from optimizer.gate.design import Advice, can_decide, smallest_detectable
    from optimizer.gate.drifting import Drift, drift
    from optimizer.gate.estimates import Estimate, estimate, look_confidence
    from optimizer.gate.gate_test import Action, Decide, Draw, GateTest, RestartChampion
    from optimizer.gate.guards import Guard, ratio_guard
    from optimizer.gate.levels import level, needs_new_epoch
    from optimizer.gate.looks import Look, LookRecord, look
    from optimizer.gate.night import Night
    from optimizer.gate.noises import Noise, noise, unevenness
    from optimizer.gate.planning import Plan, Slot, plan_stage
    from optimizer.gate.pruning import PruneConfig, Pruned, Pruning, Removal, batch_of, settle, weigh
    from optimizer.gate.sampling import Sampling, against_sampling, best_of
    from optimizer.gate.screening import Screen, screen
    from optimizer.gate.verdicts import Verdict, conclude

__all__ = [
    "Action",
    "Advice",
    "Arms",
    "Decide",
    "Draw",
    "Drift",
    "Estimate",
    "GateConfig",
    "GateConfigError",
    "GateTask",
    "GateTest",
    "Guard",
    "Look",
    "LookRecord",
    "Mode",
    "Night",
    "Noise",
    "Plan",
    "PruneConfig",
    "Pruned",
    "Pruning",
    "Removal",
    "RestartChampion",
    "Rewards",
    "Sampling",
    "Screen",
    "Slot",
    "Target",
    "Verdict",
    "against_sampling",
    "batch_of",
    "best_of",
    "can_decide",
    "conclude",
    "drift",
    "estimate",
    "level",
    "look",
    "look_confidence",
    "needs_new_epoch",
    "noise",
    "plan_stage",
    "ratio_guard",
    "screen",
    "settle",
    "smallest_detectable",
    "unevenness",
    "weigh",
]

_HOMES = {
    "arms": ("Arms", "GateTask", "Rewards"),
    "config": ("GateConfig", "GateConfigError", "Mode", "Target"),
    "design": ("Advice", "can_decide", "smallest_detectable"),
    "drifting": ("Drift", "drift"),
    "estimates": ("Estimate", "estimate", "look_confidence"),
    "gate_test": ("Action", "Decide", "Draw", "GateTest", "RestartChampion"),
    "guards": ("Guard", "ratio_guard"),
    "levels": ("level", "needs_new_epoch"),
    "looks": ("Look", "LookRecord", "look"),
    "night": ("Night",),
    "noises": ("Noise", "noise", "unevenness"),
    "planning": ("Plan", "Slot", "plan_stage"),
    "pruning": ("PruneConfig", "Pruned", "Pruning", "Removal", "batch_of", "settle", "weigh"),
    "sampling": ("Sampling", "against_sampling", "best_of"),
    "screening": ("Screen", "screen"),
    "verdicts": ("Verdict", "conclude"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load the module a public name lives in, once."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
