"""Changes whose truth is known, overfitted and honest, to see how often reflection is right."""

from benchmarks.task import Task
from optimizer.reflect.planted.change import Mechanism, Planted, Source, plant
from optimizer.reflect.planted.disguises import DISGUISED
from optimizer.reflect.planted.honest import ADVICE, HONEST
from optimizer.reflect.planted.overfits import OPEN
from optimizer.reflect.planted.sheets import SHEETS
from task_agent.harness import HarnessBundle

__all__ = ["ADVICE", "HONEST", "OVERFITS", "SHEETS", "Mechanism", "Planted", "plant_all", "plant_sheets"]

OVERFITS = (*OPEN, *DISGUISED)
EACH = 6
"""Changes by each mechanism, unless another number is asked for."""


def plant_all(tasks: list[Task], parent: HarnessBundle, *, each: int = EACH, seed: int = 1) -> list[Planted]:
    """Plant overfits and honest changes from train tasks, `each` by every mechanism."""
    source = Source(tasks)
    overfits = plant(OVERFITS, source, parent, overfit=True, each=each, seed=seed)
    return overfits + plant(HONEST, source, parent, overfit=False, each=each, seed=seed)


def plant_sheets(tasks: list[Task], parent: HarnessBundle, *, each: int = EACH, seed: int = 1) -> list[Planted]:
    """Plant overfits that lean on many train tasks at once: only probes are put to these."""
    return plant(SHEETS, Source(tasks), parent, overfit=True, each=each, seed=seed)
