"""Generate the pitfalls suite from a seed: the same seed gives the same bytes on any machine."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Protocol, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from benchmarks.digest import task_digest
from benchmarks.errors import SuiteError
from benchmarks.pitfalls.draft import Draft, build_task
from benchmarks.settings import read_settings
from benchmarks.suite import VARIANT, Suite
from benchmarks.task import Task

FAMILIES: dict[str, str] = {
    "csv_totals": "benchmarks.pitfalls.families.csv_totals",
    "customer_merge": "benchmarks.pitfalls.families.customer_merge",
    "log_windows": "benchmarks.pitfalls.families.log_windows",
    "json_flatten": "benchmarks.pitfalls.families.json_flatten",
    "config_edits": "benchmarks.pitfalls.families.config_edits",
    "nested_archives": "benchmarks.pitfalls.families.nested_archives",
    "encodings": "benchmarks.pitfalls.families.encodings",
    "bulk_renames": "benchmarks.pitfalls.families.bulk_renames",
    "branch_reports": "benchmarks.pitfalls.families.branch_reports",
    "sqlite_queries": "benchmarks.pitfalls.families.sqlite_queries",
    "text_extraction": "benchmarks.pitfalls.families.text_extraction",
    "schedules": "benchmarks.pitfalls.families.schedules",
    "inventory": "benchmarks.pitfalls.families.inventory",
    "invoices": "benchmarks.pitfalls.families.invoices",
}
OUT_OF_FAMILY = frozenset({"invoices"})
PER_FAMILY = 18
SLIPS_PER_TASK = 4
CROSS_CUTTING: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        "no_final_check stops_early",
        "wrong_path",
        "no_final_check",
        "stops_early wrong_path",
        "no_final_check",
        "wrong_path",
        "stops_early",
    )
)
_ALL_CROSS_CUTTING = frozenset().union(*CROSS_CUTTING)


class Family(Protocol):
    """Draft one task; the module's other names are its own."""

    def make(self, rng: Random, variant: int) -> Draft:
        """Draft the task number `variant` of the family."""
        ...


class PitfallsConfig(BaseModel):
    """Say which part of the suite to generate."""

    model_config = ConfigDict(extra="forbid", strict=True)

    seed: int = 1
    """Another seed gives other tasks of the same kinds."""
    per_family: int = Field(default=PER_FAMILY, ge=1, le=99)
    """How many tasks each family makes."""
    tasks: int | None = Field(default=None, ge=1)
    """Keep only this many, taken in turn from the families."""
    families: tuple[str, ...] = tuple(FAMILIES)
    """Names of families, or `all`."""

    @field_validator("families", mode="before")
    @classmethod
    def _known(cls, given: object) -> tuple[str, ...]:
        if given == "all":
            return tuple(FAMILIES)
        names = tuple(given) if isinstance(given, list | tuple) else (given,)
        unknown = [name for name in names if name not in FAMILIES]
        if unknown or not names:
            raise ValueError(f"no family {unknown}; known: all, {', '.join(FAMILIES)}")
        return cast(tuple[str, ...], names)  # every name is a key of FAMILIES


def _family(name: str) -> Family:
    return cast(Family, importlib.import_module(FAMILIES[name]))  # modules are checked by the suite's tests


def _carried(offered: Iterable[str], turn: int) -> list[str]:
    """Choose the slips a task carries: the cross-cutting ones in turn, then what the data offers."""
    names = list(offered)
    cross = [name for name in names if name in CROSS_CUTTING[turn % len(CROSS_CUTTING)]]
    own = [name for name in names if name not in _ALL_CROSS_CUTTING][: SLIPS_PER_TASK - len(cross)]
    return [name for name in names if name in cross or name in own]


def generate_task(family: str, number: int, seed: int | str, taken: set[str]) -> Task:
    """Make one task whose instruction is not among those `taken`."""
    turn = number + 3 * list(FAMILIES).index(family)
    for draw in range(100):
        rng = Random(f"pitfalls:{seed}:{family}:{number}:{draw}")
        draft = _family(family).make(rng, number)
        if draft.instruction not in taken:
            taken.add(draft.instruction)
            slips = _carried(draft.slips, turn)
            return build_task(draft, family=family, number=number, slips=slips, out_of_family=family in OUT_OF_FAMILY)
    raise SuiteError(f"family {family!r} cannot make {number + 1} different tasks from seed {seed}")


def generate(config: PitfallsConfig) -> Suite:
    """Make the tasks in turn over the families, so that a cut keeps every family."""
    taken: set[str] = set()
    places: Sequence[tuple[int, str]] = [(n, family) for n in range(config.per_family) for family in config.families]
    tasks = [generate_task(family, number, config.seed, taken) for number, family in places[: config.tasks]]
    return Suite(name="pitfalls", tasks=tuple(tasks), vary=functools.partial(vary, config.seed))


def vary(seed: int, task: Task, number: int) -> Task:
    """Make a task of the same family with the same pitfalls and other names, numbers and files."""
    turn = int(task.id.rpartition("-")[2])
    made = generate_task(str(task.metadata["family"]), turn, f"{seed}{VARIANT}{number}", {task.instruction})
    named = replace(made, id=f"{task.id}{VARIANT}{number}")
    return replace(named, digest=task_digest(named))


def load(settings: Mapping[str, object], base: Path) -> Suite:
    """Read the settings of the run file and generate."""
    del base
    return generate(read_settings(PitfallsConfig, settings))


def stands_on(settings: Mapping[str, object], base: Path) -> Sequence[Path]:
    """Name no file: what a task is made of stands in this package."""
    del settings, base
    return ()
