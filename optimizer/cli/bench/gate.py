"""`ratchet bench gate`: hold the gate, and other tools' rules, against what is known to be true."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optimizer.cli.bench.cells import write_table_of
from optimizer.cli.exit_codes import ExitCode
from optimizer.cli.options import AsRows
from optimizer.cli.output import complain, tell
from traces.errors import UsageError

if TYPE_CHECKING:
    from optimizer.gate.simulation.views import Ask, Table

DRAWN = ("rivals", "frontier", "power")
EVERY_S = 5.0
"""Progress is told this often."""


class World(StrEnum):
    """Name the worlds."""

    NULL = "null"
    MIXED = "mixed"
    LEAKY = "leaky"
    HARMFUL = "harmful"
    CORRELATED = "correlated"
    LOSSY = "lossy"
    LOSSY_BOTH = "lossy-both"
    CRASHING = "crashing"
    SKEWED = "skewed"
    DRIFT = "drift"
    CONTINUOUS = "continuous"


class Deciding(StrEnum):
    """Name the rules: the gate's modes, then the rivals'."""

    DEFAULT = "default"
    STRICT = "strict"
    EXPLORE = "explore"
    AUTOAGENT = "autoagent"
    HELDOUT_ONCE = "heldout-once"
    GEPA = "gepa"
    CAP_EVOLVE = "cap-evolve"
    CAP_EVOLVE_3 = "cap-evolve-3"
    AUTO_HARNESS = "auto-harness"


class About(StrEnum):
    """Name what a number can be about."""

    POPULATION = "population"
    BENCHMARK = "benchmark"


def gate(
    world: Annotated[World, typer.Option("--world", help="The world played in.")] = World.MIXED,
    rule: Annotated[Deciding, typer.Option("--rule", "--mode", help="Who decides.")] = Deciding.DEFAULT,
    target: Annotated[About, typer.Option("--target", help="What truth and the gate are about.")] = About.POPULATION,
    nights: Annotated[
        int | None, typer.Option("--nights", min=1, help="Nights, or tests of a grid; each view has its own number.")
    ] = None,
    tests: Annotated[int, typer.Option("--tests", min=1, max=1000, help="Candidates a night.")] = 100,
    tasks: Annotated[int, typer.Option("--tasks", min=2, max=1000, help="Held-out tasks.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The first seed; each night has the next.")] = 1000,
    processes: Annotated[int | None, typer.Option("--processes", min=1, help="Processes; one per core.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A reduced form, with wider bounds.")] = False,
    targets: Annotated[bool, typer.Option("--targets", help="Hold the gate's nine targets.")] = False,
    rivals: Annotated[bool, typer.Option("--rivals", help="All rules on the same streams.")] = False,
    frontier: Annotated[bool, typer.Option("--frontier", help="Modes and variants by gain per attempt.")] = False,
    head_to_head: Annotated[bool, typer.Option("--head-to-head", help="All rules at 4,000 attempts each.")] = False,
    power: Annotated[bool, typer.Option("--power", help="What is found, by tasks.")] = False,
    nulls: Annotated[bool, typer.Option("--nulls", help="What is kept by mistake, under both targets.")] = False,
    draw: Annotated[
        Path | None, typer.Option("--draw", metavar="DIR", help="Also draw --rivals, --frontier or --power, as SVG.")
    ] = None,
    as_json: AsRows = False,
) -> None:
    """Play simulated nights through the gate, or through another tool's rule, and hold what it kept against the truth.

    Example: ratchet bench gate --world null --mode strict --nights 40

    Example: ratchet bench gate --rivals --nights 20

    Example: ratchet bench gate --targets --quick

    Every night follows from its seed alone, on any number of processes. Gains are shares (.05 is 5 points). Numbers
    come with their Monte Carlo error. With --targets and --head-to-head the command ends with 1 when a bound is broken.
    """
    from optimizer.gate.simulation.views import VIEWS, Ask

    flags = (targets, rivals, frontier, head_to_head, power, nulls)
    view = _one_of([name for name, wanted in zip(VIEWS, flags, strict=False) if wanted])
    if draw is not None and view not in DRAWN:
        raise UsageError("there is no picture of this view", hint=f"--draw with --{', --'.join(DRAWN)}")
    table = _played(view, Ask(world.value, rule.value, target.value, nights, tests, tasks, seed, quick), processes)
    write_table_of(table, as_json=as_json)
    if draw is not None:
        _draw(view, table, draw)
    if table.missed:
        complain(f"{table.missed} of {len(table.rows)} numbers are out of bounds")
        raise typer.Exit(ExitCode.BUG)


def _one_of(chosen: Sequence[str]) -> str:
    if len(chosen) > 1:
        words = " and ".join(f"--{name}" for name in chosen)
        raise UsageError(f"{words} are different views", hint="ask for one of them at a time")
    return chosen[0] if chosen else "one-rule"


def _played(view: str, ask: Ask, processes: int | None) -> Table:
    from optimizer.gate.simulation.crew import Crew
    from optimizer.gate.simulation.views import VIEWS

    with Crew(processes or os.cpu_count() or 1, Progress()) as crew:
        return VIEWS[view](ask, crew)


def _draw(view: str, table: Table, folder: Path) -> None:
    from optimizer.report.bench_figures import draw

    for path in draw(view, table.rows, folder):
        tell(f"drawn: {path}")


class Progress:
    """Say every few seconds how far a view is."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, words: str, done: int, of: int) -> None:
        """Hear that one more is done."""
        if time.monotonic() - self._said >= EVERY_S:
            self._said = time.monotonic()
            tell(f"{words}: {done} of {of}")
