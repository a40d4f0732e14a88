"""`ratchet bench reflect --probes`: how often a probe is right about changes whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.cli.bench.cells import in_words
from traces.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.suite import Suite
    from optimizer.config import RunConfig
    from optimizer.reflect.calibration import Basis, Rate
    from optimizer.studies.probe_rates import Row, Tried

EVERY = 50
CONFIGURED = (
    "CONFIGURED: which changes gain, and where (true gains, in points). The simulated agent heeds an answer only where"
    " it stands in the prompt as it is, so most of what is planted has no gap that any probe could find."
)
MEASURED = (
    "Measured: of the overfits with a gap, how many were refused (found); of all other changes, how many (alarms). The"
    " probe and its draws are a night's; attempts are foretold from their tokens."
)


def put_to_probes(path: Path, tasks: int, *, each: int, seed: int, as_json: bool) -> None:
    """Plant changes, probe each, and write the table.

    Raises:
        UsageError: A real model plays the agent, the suite makes no variants, or it has too few train tasks.
    """
    from optimizer.cli.output import tell, wrap, write_rows
    from optimizer.run_file import load_run_file
    from optimizer.studies.probe_rates import tabulate

    run = load_run_file(path, {"reflection.probe_tasks": tasks})
    if not run.models.task.simulated:
        raise UsageError(
            "what a change truly gains is known with the simulated model alone",
            hint="put `models: {task: {model: simulated}}` into a copy of the run file",
        )
    rows = tabulate(_tried(run, each=each, seed=seed))
    flat = [_flat(row) if as_json else _read(row) for row in rows]
    write_rows(list(flat[0]), flat, limit=0, as_json=as_json, narrow="")
    tell(wrap(CONFIGURED))
    tell(wrap(MEASURED))
    probed = f"{tasks} tasks and their variants, {run.reflection.probe_runs} runs of each, with the change and without"
    tell(wrap(f"Each change was tried on {probed}."))


def _tried(run: RunConfig, *, each: int, seed: int) -> list[Tried]:
    """Read the suite, plant, and probe."""
    from benchmarks.suite import load_suite
    from optimizer.cli.output import tell
    from optimizer.clients import simulated_settings
    from optimizer.planning.plan import choose_sandbox, split_suite
    from optimizer.reflect.planted import plant_all, plant_sheets
    from optimizer.studies.foretelling import Seer
    from optimizer.studies.probe_rates import Prober
    from optimizer.studies.tool_trial import ToolTrials
    from task_agent.harness import load_bundle

    def told(done: int, of: int) -> None:
        if done % EVERY == 0:
            tell(f"{done} of {of} changes probed")

    with run.pointing():
        suite = load_suite(run.suite, Path.cwd())
        splits = split_suite(run, suite)
    _check(suite, asked=run.reflection.probe_tasks, there=len(splits.train))
    parent, train = load_bundle(run.harness), [suite.task(name) for name in splits.train]
    planted = plant_all(train, parent, each=each, seed=seed) + plant_sheets(train, parent, each=each, seed=seed)
    with ToolTrials(choose_sandbox(run, suite, run.sandbox.kind).kind) as trials:
        seer = Seer(suite, simulated_settings(run), trials)
        return Prober(run, splits, parent, seer, seed).try_all(planted, told)


def _check(suite: Suite, *, asked: int, there: int) -> None:
    if suite.vary is None:
        raise UsageError(
            f"the suite {suite.name!r} makes no variants of its tasks, so none can be probed",
            hint="leave `--probes` out: only `pitfalls` makes variants",
        )
    if asked > there:
        raise UsageError(f"a probe of {asked} tasks needs as many train tasks, and there are {there}", hint="ask fewer")


def _flat(row: Row) -> dict[str, Any]:  # Any: JSON
    return {
        "truth": row.truth,
        "part": row.part,
        "mechanism": row.mechanism,
        "gain": row.gain,
        "gain_on_variants": row.gain_on_variants,
        "gap": _counted(row.gap, "configured"),
        "found": _counted(row.found, "measured"),
        "alarms": _counted(row.alarms, "measured"),
        "attempts": row.attempts,
    }


def _counted(rate: Rate, basis: Basis) -> dict[str, Any]:  # Any: JSON
    return {"basis": basis, "count": rate.blocked, "of": rate.of, "share": rate.share, "interval": rate.interval}


def _read(row: Row) -> dict[str, Any]:  # Any: cells
    return {
        "mechanism": row.mechanism,
        "truth": row.truth,
        "part": row.part,
        "true gain": f"{100 * row.gain:+.1f}",
        "on variants": f"{100 * row.gain_on_variants:+.1f}",
        "gap (configured)": in_words(row.gap, whole=False),
        "found (measured)": in_words(row.found, whole=row.whole) if row.found.of else None,
        "alarms (measured)": in_words(row.alarms, whole=row.whole) if row.alarms.of else None,
        "attempts": row.attempts,
    }
