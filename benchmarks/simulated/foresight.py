"""What the simulated model sees coming before the work, and finds in its own work when it must look again."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.simulated.catalogue import SLIPS
from benchmarks.simulated.detector import Reading
from benchmarks.simulated.draws import uniform
from benchmarks.simulated.profile import TaskProfile, concerns
from benchmarks.simulated.structures import structure

HARMED = 0.4
"""Factor that a prompt which speaks against looking puts on the chance of seeing something."""


def foresee_chance(advisor: Reading, known: TaskProfile, slip: str, *, looks: bool) -> float:
    """Compute the chance that a planner or helper under this request names a slip beforehand."""
    kind = structure(slip)
    plain = kind.foreseen_looking if looks else kind.foreseen
    return _told(advisor, known, slip, plain, kind.foreseen_guided)


def reopen_chance(question: Reading, known: TaskProfile, slip: str) -> float:
    """Compute the chance that the agent finds a slip in its own work when it is asked this before the end."""
    kind = structure(slip)
    return _told(question, known, slip, kind.reopened, kind.reopened_guided)


def _told(reading: Reading, known: TaskProfile, slip: str, plain: float, guided: float) -> float:
    about = [finding for finding in reading.findings if finding.slip == slip and concerns(finding, known)]
    chance = guided if any(finding.helps for finding in about) else plain
    if any(not finding.helps for finding in about):
        chance *= HARMED
    return chance * (1.0 - reading.cost)


def is_foreseen(seed: str, slip: str, chance: float) -> bool:
    """Draw whether a slip is named beforehand."""
    return uniform(seed, "foresee", slip) < chance


def is_reopened(seed: str, slip: str, chance: float) -> bool:
    """Draw whether the agent finds its own slip when it is made to look again."""
    return uniform(seed, "reopen", slip) < chance


def warnings(slips: Mapping[str, bool]) -> str:
    """Word what was foreseen, a line for each slip."""
    return "\n".join(f"- {SLIPS[name].guidance[0]}" for name, foreseen in slips.items() if foreseen)


def warned_of(text: str, known: TaskProfile) -> frozenset[str]:
    """Read which slips of the task a plan or a report warns of."""
    return frozenset(name for name in known.slips if f"- {SLIPS[name].guidance[0]}" in text)
