"""`ratchet compare`: hold harnesses against each other on the same tasks."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optimizer.cli.attempts import SplitName
from optimizer.cli.completing import complete_run_or_candidate
from optimizer.cli.exit_codes import ExitCode
from optimizer.cli.live import Display, ShowAs
from optimizer.cli.manner import NOW, ROWS_ONLY, Format
from optimizer.cli.options import RUNS, AsRows, RunsDir

if TYPE_CHECKING:
    from benchmarks.task import Split
    from optimizer.compare.arms import Arm
    from optimizer.compare.comparison import Comparison
    from optimizer.compare.fresh import Order
    from optimizer.compare.ground import Ground
    from optimizer.compare.outlook import Outlook


class Shape(StrEnum):
    """Name the forms of the answer."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MD = "md"
    HTML = "html"


class About(StrEnum):
    """Name what the difference may be about."""

    POPULATION = "population"
    BENCHMARK = "benchmark"


def _take_shape(wanted: Shape | None) -> Shape | None:
    """Let the shared manner know; a page and Markdown are for people, so they are no answer to a program."""
    if wanted:
        NOW.want(Format.TABLE if wanted in (Shape.MD, Shape.HTML) else Format(wanted.value))
    return wanted


AboutOption = Annotated[About, typer.Option("--target", help="Tasks like these, or these very tasks.")]
ShapeOption = Annotated[
    Shape | None,
    typer.Option("--format", callback=_take_shape, is_eager=True, help="table, json, csv, md, or html (one page)."),
]


def compare(
    arms: Annotated[
        list[str],
        typer.Argument(
            metavar="A B [C ...]",
            help="Runs (their champions), RUN/c003, c003, harness folders, exports, Harbor jobs.",
            autocompletion=complete_run_or_candidate,
        ),
    ],
    attempts: Annotated[
        int | None, typer.Option("--attempts", min=1, max=1000, help="Fresh attempts of each task in each arm.")
    ] = None,
    split: Annotated[SplitName | None, typer.Option("--split", help="Where; test counts a look for ever.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="The run file that names tasks and model; else the first run's.")
    ] = None,
    target: AboutOption = About.POPULATION,
    per_task: Annotated[bool, typer.Option("--per-task", help="Single tasks too; held-out ones are noted.")] = False,
    budget_usd: Annotated[
        float | None, typer.Option("--budget-usd", help="Money at most for this comparison's attempts.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it takes; write and pay nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Compare also what was tuned on other splits.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="With md or html: the file to write.")] = None,
    shape: ShapeOption = None,
    display: ShowAs = Display.AUTO,
    as_json: AsRows = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Hold harnesses against the first on the same tasks: who is better, by how much, and what it costs.

    Without --attempts it reads what earlier runs, or this very comparison, have left.

    Example: ratchet compare last/baseline last

    Example: ratchet compare tuned configs/harnesses/bash-only --config configs/quickstart.yaml --attempts 4
    """
    from benchmarks.task import Split
    from optimizer.compare.arms import find_arms
    from optimizer.compare.fresh import Order
    from optimizer.compare.ground import lay_ground

    _check(attempts, dry_run=dry_run, budget_usd=budget_usd, output=output, shape=shape)
    found = find_arms(arms, runs_dir)
    ground = lay_ground(found, runs_dir, config, force=force)
    where = Split(split.value) if split else None
    code = 0
    if attempts is not None:
        where = where or Split.HELDOUT
        command = _again(arms, attempts, where, config, runs_dir, force=force)
        order = Order(found, ground, where, attempts, runs_dir, command, budget_usd)
        if dry_run:
            _foretell(order, target, as_json=as_json)
            return
        code = _draw(order, target, display)
    comparison = _read(found, ground, where, runs_dir, target)
    _answer(comparison, shape, output, per_task=per_task, as_json=as_json)
    if code:
        raise typer.Exit(code)


def _check(
    attempts: int | None, *, dry_run: bool, budget_usd: float | None, output: Path | None, shape: Shape | None
) -> None:
    """Refuse options that would do nothing."""
    from traces.errors import UsageError

    if attempts is None and (dry_run or budget_usd is not None):
        raise UsageError("--dry-run and --budget-usd are for attempts to be made", hint="add --attempts 4")
    if output is not None and shape not in (Shape.MD, Shape.HTML):
        raise UsageError("--output is for Markdown and the page", hint="add --format html, or --format md")


def _again(arms: list[str], attempts: int, split: Split, config: Path | None, runs: Path, *, force: bool) -> str:
    """Write the command that goes on with this comparison."""
    words = ["ratchet", "compare", *arms, "--attempts", str(attempts)]
    words += ["--split", split.value] if split.value != "heldout" else []
    words += ["--config", str(config)] if config else []
    words += ["--force"] if force else []
    return shlex.join([*words, *([] if runs == RUNS else ["--runs-dir", str(runs)])])


def _foretell(order: Order, target: About, *, as_json: bool) -> None:
    from optimizer.cli.compare_view import show_outlook
    from optimizer.compare.outlook import look_ahead

    show_outlook(look_ahead(order, target.value), as_json=as_json)


def _draw(order: Order, target: About, display: Display) -> int:
    """Draw what is missing, after asking where it costs; give the exit code of what was drawn so far."""
    from optimizer.cli.live import listener
    from optimizer.cli.output import complain
    from optimizer.compare.fresh import draw, drawn
    from optimizer.compare.outlook import look_ahead
    from optimizer.control import Interrupted
    from traces.errors import BudgetError

    outlook = look_ahead(order, target.value)
    if not outlook.owed:
        return ExitCode.OK
    _confirm(outlook)
    priced = replace(order, price_usd=(outlook.usd or 0.0) / outlook.owed)
    try:
        with listener(display) as listen:
            draw(priced, listen)
    except (Interrupted, KeyboardInterrupt):
        complain(f"interrupted; nothing is paid twice when you go on with: {order.command}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except BudgetError as error:
        if drawn(order.arms, order.ground, order.split, order.runs) is None:
            raise
        complain(f"{error.message}; {error.hint}")
        return ExitCode.BUDGET
    return ExitCode.OK


def _confirm(outlook: Outlook) -> None:
    """Ask before a real model is paid without a limit."""
    from optimizer.cli.asking import confirm
    from optimizer.words import money

    order = outlook.order
    role = order.config.models.task
    if role.simulated or order.budget_usd is not None:
        return
    paid = f"about {money(outlook.usd)}" if outlook.usd is not None else "unpriced"
    question = f"no budget is set: {outlook.owed:,} attempts will be paid for ({role.model}; {paid}); start?"
    confirm(question, instead="name a budget with --budget-usd")


def _read(arms: list[Arm], ground: Ground, split: Split | None, runs: Path, target: About) -> Comparison:
    """Read the comparison's own attempts where it has some, else what earlier runs left."""
    from benchmarks.task import Split
    from optimizer.compare.comparison import compare as hold
    from optimizer.compare.evidence import stored
    from optimizer.compare.fresh import drawn

    own = (drawn(arms, ground, each, runs) for each in ((split,) if split else (Split.HELDOUT, Split.TRAIN)))
    evidence = next(filter(None, own), None) or stored(arms, ground, split)
    most = max(len(rows) for rows in evidence.rows.values()) / max(len(ground.tasks(evidence.split)), 1)
    phi = ground.phi(most) if target is About.BENCHMARK else 1.0
    return hold(arms, ground, evidence, target=target.value, phi=phi)


def _answer(comparison: Comparison, shape: Shape | None, output: Path | None, *, per_task: bool, as_json: bool) -> None:
    """Write the comparison in the form asked for; single held-out or test tasks only when asked, and noted."""
    from optimizer.cli.compare_view import show
    from optimizer.cli.output import write_json, write_rows
    from optimizer.compare.record import measure_rows, record, task_rows

    shown = _may_show(comparison, asked=per_task)
    if shape in (Shape.MD, Shape.HTML):
        _write_text(comparison, shape, output, per_task=shown)
    elif as_json and NOW.format in ROWS_ONLY:
        rows = task_rows(comparison) if per_task else measure_rows(comparison)
        write_rows([], rows, limit=0, as_json=True, narrow="")
    elif as_json:
        write_json(record(comparison, per_task=shown), compact=("arms", "contrasts"))
    else:
        show(comparison, per_task=shown, all_tasks=per_task)


def _may_show(comparison: Comparison, *, asked: bool) -> bool:
    """Say whether single tasks may be shown; reading held-out or test ones is noted where they were drawn."""
    from optimizer.cli.output import tell
    from optimizer.reading.readings import note_reading

    if comparison.split.value == "train" or not asked:
        return comparison.split.value == "train"
    names = [standing.arm.name for standing in comparison.standings]
    cautions = [
        note_reading(folder, "compare --per-task", [comparison.split.value], names)
        for folder in comparison.evidence.folders
    ]
    tell(next(filter(None, cautions), ""))
    return True


def _write_text(comparison: Comparison, shape: Shape, output: Path | None, *, per_task: bool) -> None:
    """Write Markdown or the page to stdout, or to a file whose name is then said."""
    from optimizer.cli.output import say
    from optimizer.compare.markdown import render
    from optimizer.compare.page import page
    from optimizer.report.writing import put
    from traces.errors import UsageError

    text = (render if shape is Shape.MD else page)(comparison, per_task=per_task)
    if output is None:
        say(text.removesuffix("\n"))
        return
    if output.exists() and not _is_comparison(output):
        raise UsageError(f"{output} exists and is no comparison", hint="give another name with -o")
    try:
        put(output, text, writer=f"-{os.getpid()}")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}", hint="give another name with -o") from None
    say(str(output))


def _is_comparison(path: Path) -> bool:
    """Say whether a file is what was written here before."""
    from optimizer.compare.markdown import HEADING
    from optimizer.compare.page import MARK
    from optimizer.report.writing import head_of

    found = head_of(path)
    return found.startswith(f"# {HEADING}") or f'content="{MARK}"' in found
