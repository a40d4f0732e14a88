"""`ratchet doctor`: what works here, and what mends what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optimizer.cli.options import RUNS, AsJson, RunsDir


def doctor(
    file: Annotated[Path | None, typer.Argument(metavar="RUN_FILE", help="Also check what this run needs.")] = None,
    reap: Annotated[bool, typer.Option("--reap", help="Only end what killed drivers and commands left.")] = False,
    as_json: AsJson = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Check this machine, and all that a run file needs: one row per need, with what mends it.

    It ends with the code that `run` would end with: 2 for a wrong file, 4 for a missing key, 6 without a sandbox.

    With `--reap` nothing is checked: processes, containers and temporary folders that no living driver or command
    answers for are ended. Runs that have a driver are not touched.

    Example: ratchet doctor configs/quickstart.yaml

    Example: ratchet doctor --reap
    """
    if reap:
        _reap(runs_dir, as_json=as_json)
        return
    from optimizer.cli.exit_codes import ExitCode, exit_code
    from optimizer.cli.output import one_line, paint, say, wrap, write_json, write_table
    from optimizer.doctor import examine

    rows = examine(file, runs_dir)
    failed = [row for row in rows if row.state == "fails"]
    if as_json:
        write_json({"rows": [row.to_record() for row in rows], "total": len(rows), "failed": len(failed)})
    else:
        write_table(["need", "state", "what"], [[row.need, row.state, row.what] for row in rows])
        for row in (row for row in rows if row.mend):
            say(wrap(f"{row.need} {row.state}: {one_line(row.mend)}", "  "))
        say()
        say(paint("everything needed is there", "green") if not failed else f"{len(failed)} of {len(rows)} fail")
    if failed:
        raise typer.Exit(exit_code(failed[0].error) if failed[0].error else ExitCode.USAGE)


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
