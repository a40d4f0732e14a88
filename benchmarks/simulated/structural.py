"""Changes of structure that a simulated proposer may write, with the reason each suggests itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.simulated.slip import Slip
from benchmarks.simulated.structures import kind_of


@dataclass(frozen=True, slots=True)
class Structural:
    """Hold what is added to `harness.yaml`, and the prompt of the role it brings, if any."""

    title: str
    spec: str
    role: str = ""
    prompt: str = ""


def structural(slip: Slip, spec: str) -> Iterator[Structural]:
    """Offer structures against a slip that `harness.yaml`, as it stands, has no other in the place of."""
    advice = slip.guidance[0]
    if "context:" not in spec and kind_of(slip.id) == "inputs":
        yield Structural("Show the environment first", "context:\n  snapshot: {enabled: true}")
    if "orchestration:" in spec:
        return
    if kind_of(slip.id) == "ends":
        yield Structural("Ask for a last look", f"orchestration:\n  checks: {{prompt: {json.dumps(advice)}}}")
    for title, pattern, role, opening in _PATTERNS:
        yield Structural(title, f"orchestration:\n  pattern: {pattern}", role, f"{opening}\n{advice}\n")


_PATTERNS = (
    (
        "Plan before the work",
        "plan_then_act",
        "planner",
        "You plan the work of another agent. Look at the inputs, then write the plan; your last message is the plan.",
    ),
    (
        "Choose among three drafts",
        "best_of_n",
        "chooser",
        "You choose among drafts of the same work. Look at each with bash, then report your choice.",
    ),
    (
        "Let a helper look at the inputs",
        "delegate",
        "helper",
        "You help another agent. Do what it asks; your last message is all that it sees.",
    ),
)
