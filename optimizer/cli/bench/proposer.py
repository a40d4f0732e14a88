"""`ratchet bench proposer`: what it is worth to a proposer to see traces, digests, scores alone, or nothing."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optimizer.cli.options import AsRows

if TYPE_CHECKING:
    from optimizer.config import RunConfig
    from optimizer.studies.ablation import Ablation, Night, Row

RUN_FILE = Path("configs/bench-proposer.yaml")
PLUMBING = (
    "Simulated model: this tests the plumbing. It shows that each view, and nothing else, reaches the proposer; it"
    " says nothing about what seeing traces is worth to a real model. Scores are true ones, computed."
)
MEASURED = "Real model: a score is the mean of a champion's own fresh held-out attempts, not a true score."


class Seen(StrEnum):
    """Name the views."""

    TRACES = "traces"
    DIGESTS = "digests"
    SCORES = "scores"
    BLANKED = "blanked"


def proposer(
    config: Annotated[Path, typer.Argument(metavar="[RUNFILE]", help="The run file of every night.")] = RUN_FILE,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=1000, help="Nights of each view.")] = 10,
    first: Annotated[int, typer.Option("--first-seed", min=0, help="The first seed; each night has the next.")] = 1,
    target: Annotated[
        float, typer.Option("--target", min=0.0, max=1.0, help="The score wanted, as a share of tasks.")
    ] = 0.4,
    view: Annotated[
        list[Seen] | None, typer.Option("--view", help="A view, several times for several; all when left out.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where nights are kept.")] = Path("runs/proposer"),
    nights: Annotated[bool, typer.Option("--nights", help="A row for each night.")] = False,
    as_json: AsRows = False,
) -> None:
    """Play nights whose proposer sees more or less, and count the attempts each needs to reach a score.

    Example: ratchet bench proposer --seeds 3 --view traces --view blanked

    Example: ratchet bench proposer my-night.yaml --target 0.6 --out runs/ablation

    Views: `traces`; `digests` (clusters and an analyst's digests); `scores` (how attempts ended); `blanked` (all tools,
    and no word in them). A night ends when its champion has the score. Nights are kept below --out: finished ones are
    read, and an interrupted one goes on where it ended. With real models in the run file, and their key, the same
    command measures them.
    """
    from optimizer.cli.bench.cells import read_cells, spread_cells
    from optimizer.cli.output import tell, write_rows
    from optimizer.run_file import load_run_file
    from optimizer.studies.ablation import Ablation, tabulate

    run = load_run_file(config)
    wanted = [each.value for each in view or Seen]
    played = _played(Ablation(run, out, target), wanted, range(first, first + seeds))
    rows: list[Row] = [night.to_record() for night in played] if nights else list(tabulate(played, wanted))
    shown = [spread_cells(row) if as_json else read_cells(row) for row in rows]
    write_rows(list(shown[0]), shown, limit=0, as_json=as_json, narrow="")
    tell(_label(run))


def _played(ablation: Ablation, views: list[str], seeds: range) -> list[Night]:
    """Play seed by seed, so that an interrupted bench compares as many nights of each view."""
    from optimizer.cli.exit_codes import ExitCode
    from optimizer.cli.output import complain, tell
    from optimizer.control import Interrupted
    from optimizer.studies.ablation import VIEWS

    try:
        return [ablation.night(view, seed, tell) for seed in seeds for view in VIEWS if view in views]
    except (Interrupted, KeyboardInterrupt):
        complain(f"interrupted; the same command goes on: what is in {ablation.out} is not paid again")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _label(run: RunConfig) -> str:
    from optimizer.cli.output import wrap

    return wrap(PLUMBING if run.models.task.simulated else MEASURED)
