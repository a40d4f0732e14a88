"""`ratchet runs`: the runs there are."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from optimizer.cli.options import LIMIT, RUNS, AsRows, Limit, RunsDir

if TYPE_CHECKING:
    from optimizer.run_folder import RunFolder

app = typer.Typer(name="runs", help="The runs there are.", no_args_is_help=True)
COLUMNS: Final = ("run", "suite", "state", "test score", "gain", "interval", "kept", "coverage", "cost", "time")
SHORT: Final = ("run", "state", "gain", "usd", "elapsed_s")
Json = dict[str, Any]  # Any: JSON


class RunState(StrEnum):
    """Name the states of a run."""

    RUNNING = "running"
    PAUSED = "paused"
    ATTENTION = "needs attention"
    STOPPED = "stopped"
    FINISHED = "finished"


@app.callback()
def root() -> None:
    """Group the commands about runs."""


@app.command("list", short_help="List runs, newest first, each with its answer.")
def list_runs(
    state: Annotated[RunState | None, typer.Option("--state", help="In one state only.")] = None,
    as_json: AsRows = False,
    limit: Limit = LIMIT,
    runs_dir: RunsDir = RUNS,
) -> None:
    """List runs, newest first, each with its answer: baseline to champion on sealed tasks, and what it cost.

    Example: ratchet runs list

    Example: ratchet runs list --state finished --format csv
    """
    from optimizer.cli.output import tell, write_rows
    from optimizer.run_folder import list_runs as folders

    known = folders(runs_dir)
    if not known:
        tell(f"{runs_dir} holds no run; ratchet run configs/quickstart.yaml starts one")
    read = known if state else known[: limit or None]
    rows = [row for row in map(_row, read) if state in (None, row["state"])]
    total = len(rows) if state else len(known)
    narrow = "--limit N" if state else "--state NAME or --limit N"
    shown, compact = (
        (rows, SHORT) if as_json else ([_told(row) for row in rows], ("run", "state", "gain", "cost", "time"))
    )
    write_rows(COLUMNS, shown, limit=limit, as_json=as_json, narrow=narrow, compact=compact, total=total)


def _row(folder: RunFolder) -> Json:
    """Read a run; one that cannot be read is listed, and says so."""
    from sqlite3 import DatabaseError

    from optimizer.facts import read_facts, status
    from traces.errors import RatchetError

    try:
        facts = read_facts(folder)
        data = status(facts)
    except (RatchetError, OSError, ValueError, DatabaseError) as error:
        return {"run": folder.id, "state": "unreadable", "why": str(error)}
    low, high = data["test"]["interval"] or (None, None)
    return {
        "run": data["run"],
        "suite": _suite(folder),
        "state": data["state"],
        "stop_reason": data["stop_reason"],
        "champion": data["champion"],
        "baseline_score": data["test"]["baseline"],
        "champion_score": data["test"]["champion"],
        "gain": data["test"]["difference"],
        "low": low,
        "high": high,
        "kept": data["verdicts"]["keep"],
        "tried": sum(data["verdicts"].values()),
        "attempts": data["attempts"]["scored"],
        "coverage": _share(data["attempts"]["scored"], data["attempts"]["scored"] + data["attempts"]["missing"]),
        "usd": data["spend"]["usd"],
        "unpriced_requests": data["spend"]["unpriced_requests"],
        "elapsed_s": data["elapsed_s"],
        "model": facts.lock["models"]["task"],
    }


def _suite(folder: RunFolder) -> str | None:
    """Name the suite as its run file does: the kind, and the folder where one is named."""
    import yaml

    try:
        data = yaml.safe_load(folder.config.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    suite = data.get("suite") if isinstance(data, dict) else None
    if not isinstance(suite, dict):
        return None
    path = str(suite.get("path") or "").rstrip("/").rpartition("/")[2]
    return " ".join(filter(None, [str(suite.get("kind") or ""), path])) or None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _told(row: Json) -> Json:
    """Word a row for a person."""
    from optimizer.words import duration, money

    if row["state"] == "unreadable":
        return {"run": row["run"], "state": "unreadable", "suite": row["why"]}
    return {
        "run": row["run"],
        "suite": row["suite"],
        "state": row["state"],
        "test score": _span(row["baseline_score"], row["champion_score"], "{:.1%} -> {:.1%}"),
        "gain": _span(_points(row["gain"]), 0, "{:+.1f}"),
        "interval": _span(_points(row["low"]), _points(row["high"]), "{:+.1f} to {:+.1f}"),
        "kept": f"{row['kept']} of {row['tried']}",
        "coverage": None if row["coverage"] is None else f"{row['coverage']:.0%}",
        "cost": money(row["usd"], unpriced=row["unpriced_requests"]),
        "time": duration(row["elapsed_s"]),
    }


def _points(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _span(first: float | None, second: float | None, form: str) -> str | None:
    return None if first is None or second is None else form.format(first, second)
