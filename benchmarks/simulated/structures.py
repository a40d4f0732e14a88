"""What structure does against slips: a look before the first turn, a plan, a helper's report, a forced last look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Structure:
    """Say how far structure helps against one kind of slip; every number is configured.

    `shown` is the factor that a snapshot of the inputs puts on the slip. `foreseen` is the chance that who
    plans or helps names it, `foreseen_looking` when the inputs can be looked at, `foreseen_guided` when
    the prompt names the remedy: then it counts as advice. `reopened` is the chance that the agent
    finds the slip in its own work when it is made to look again, `reopened_guided` when the question names
    the remedy.
    """

    shown: float
    foreseen: float
    foreseen_looking: float
    foreseen_guided: float
    reopened: float
    reopened_guided: float


KINDS: Mapping[str, Structure] = MappingProxyType(
    {
        "inputs": Structure(0.75, 0.03, 0.2, 0.6, 0.05, 0.25),
        "request": Structure(1.0, 0.15, 0.2, 0.6, 0.1, 0.4),
        "ends": Structure(1.0, 0.15, 0.15, 0.6, 0.3, 0.6),
    }
)
"""By what a slip overlooks: how the inputs are, what the request says, or how the work ended."""

_REQUEST = frozenset({"rounding", "sort_order", "truncated_output", "destructive_edit", "wrong_path"})
_ENDS = frozenset({"no_final_check", "stops_early"})


def kind_of(slip: str) -> str:
    """Say what a slip overlooks."""
    return "ends" if slip in _ENDS else "request" if slip in _REQUEST else "inputs"


def structure(slip: str) -> Structure:
    """Look up what structure does against a slip."""
    return KINDS[kind_of(slip)]
