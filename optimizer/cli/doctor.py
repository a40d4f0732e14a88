"""`ratchet doctor`: what works here, and what mends what does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optimizer.cli.exit_codes import ExitCode, exit_code
from optimizer.cli.options import RUNS, AsJson, RunsDir
from traces.errors import UsageError

if TYPE_CHECKING:
    from optimizer.planning.live_check import Step
    from optimizer.planning.machine import Need


def doctor(
    file: Annotated[Path | None, typer.Argument(metavar="RUN_FILE", help="Also check what this run needs.")] = None,
    reap: Annotated[bool, typer.Option("--reap", help="Only end what killed drivers and commands left.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Also walk the path of a night once, with real models.")] = False,
    max_usd: Annotated[float, typer.Option("--max-usd", min=0.001, help="With --live: what it may cost.")] = 0.25,
    as_json: AsJson = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Check this machine, and all that a run file needs: one row per need, with what mends it.

    It ends with the code that `run` would end with: 2 for a wrong file, 4 for a missing key, 6 without a sandbox.

    With `--reap` nothing is checked: processes, containers and temporary folders that no living driver or command
    answers for are ended. Runs that have a driver are not touched.

    With `--live` what a night does is done once, for pennies, after the checks: each role's models and fallbacks are
    asked twice (key, effort, tool use, cache, price), a sandbox is opened, and one train task is attempted, graded, and
    its trace read back. Each step says what it cost. It ends with the code of the first step that failed: 2 without a
    price, 4 for a refused key, 5 for a model that does not do what is needed, 6 without a sandbox, 7 for a rate limit,
    8 when `--max-usd` is spent.

    Example: ratchet doctor configs/quickstart.yaml

    Example: ratchet doctor configs/night.yaml --live --max-usd 0.5

    Example: ratchet doctor --reap
    """
    if reap:
        _reap(runs_dir, as_json=as_json)
        return
    from optimizer.cli.output import write_json
    from optimizer.planning.doctor import examine

    if live and file is None:
        raise UsageError("--live needs a run file: it names the models", hint="ratchet doctor RUN_FILE --live")
    rows = examine(file, runs_dir)
    steps = _walked(file, runs_dir, rows, max_usd) if live and file is not None else []
    failed = [need for need in (*rows, *(step.need for step in steps)) if need.state == "fails"]
    if as_json:
        told = {"rows": [row.to_record() for row in rows], "total": len(rows), "failed": len(failed)}
        write_json({**told, **(_costs(steps) if live else {})})
    else:
        _show(rows, steps, failed)
    if failed:
        raise typer.Exit(exit_code(failed[0].error) if failed[0].error else ExitCode.USAGE)


def _walked(file: Path, runs: Path, rows: list[Need], max_usd: float) -> list[Step]:
    """Walk the path of a night, unless something is missing that `run` would refuse at once."""
    from optimizer.cli.output import tell
    from optimizer.planning.live_check import walk
    from optimizer.planning.plan import plan_run
    from optimizer.run_file import load_run_file

    steps: list[Step] = []
    if any(row.state == "fails" for row in rows):
        return steps
    for step in walk(plan_run(load_run_file(file), runs), max_usd=max_usd):
        tell(f"{step.need.need}: {step.need.state}")
        steps.append(step)
    return steps


def _cost(step: Step) -> str:
    return "unpriced" if step.cost_usd is None else f"${step.cost_usd:.4f}"


def _costs(steps: list[Step]) -> dict[str, Any]:  # Any: JSON
    told = [{**step.need.to_record(), "cost_usd": step.cost_usd} for step in steps]
    return {"live": told, "cost_usd": sum(step.cost_usd or 0.0 for step in steps)}


def _show(rows: list[Need], steps: list[Step], failed: list[Need]) -> None:
    from optimizer.cli.output import one_line, paint, say, wrap, write_table

    write_table(["need", "state", "what"], [[row.need, row.state, row.what] for row in rows])
    if steps:
        say()
        write_table(
            ["step", "state", "cost", "what"],
            [[step.need.need, step.need.state, _cost(step), step.need.what] for step in steps],
        )
    needs = [*rows, *(step.need for step in steps)]
    for need in (need for need in needs if need.mend):
        say(wrap(f"{need.need} {need.state}: {one_line(need.mend)}", "  "))
    say()
    if steps:
        say(f"the live steps cost ${sum(step.cost_usd or 0.0 for step in steps):.4f}")
    say(paint("everything needed is there", "green") if not failed else f"{len(failed)} of {len(needs)} fail")


def _reap(runs_dir: Path, *, as_json: bool) -> None:
    from optimizer.cli.output import say, write_json, write_table
    from optimizer.orphans import sweep

    rows = [row.to_record() for row in sweep(runs_dir)]
    if as_json:
        write_json({"rows": rows, "total": len(rows)})
    elif rows:
        counts = ["processes", "containers", "folders"]
        write_table(["run", *counts], [[row["run"] or "no run", *(row[name] for name in counts)] for row in rows])
    else:
        say("nothing was left behind")
