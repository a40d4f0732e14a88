"""`ratchet bench reflect`: how often reflection is right about changes whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optimizer.cli.bench.cells import in_words
from optimizer.cli.options import AsRows
from traces.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.config import RunConfig
    from optimizer.reflect.calibration import ModelReaders, Row, Verdicts

EVERY = 50


def reflect(
    config: Annotated[Path, typer.Argument(metavar="RUNFILE", help="The run file: suite, harness, reflector.")],
    judge: Annotated[
        str, typer.Option("--judge", metavar="MODEL", help="The reader's model, for the run file's.")
    ] = "",
    panel: Annotated[bool, typer.Option("--panel", help="Ask judge, advocate and referee.")] = False,
    scan_only: Annotated[bool, typer.Option("--scan-only", help="Ask no model.")] = False,
    each: Annotated[int, typer.Option("--each", min=1, max=200, help="Changes by each mechanism.")] = 6,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed plants other changes.")] = 1,
    budget_usd: Annotated[
        float | None, typer.Option("--budget-usd", min=0.0, help="Money for the readers; what is left over is not put.")
    ] = None,
    probes: Annotated[
        int | None, typer.Option("--probes", metavar="TASKS", min=4, help="Try probes of so many tasks, and no reader.")
    ] = None,
    as_json: AsRows = False,
) -> None:
    """Plant overfitted and honest changes from a suite's train tasks, and count which ones reflection blocks.

    Example: ratchet bench reflect configs/quickstart.yaml

    Example: ratchet bench reflect configs/quickstart.yaml --panel --each 10

    Example: ratchet bench reflect configs/night.yaml --judge claude-opus-5-5 --budget-usd 20

    Example: ratchet bench reflect configs/quickstart.yaml --probes 12

    The scan is measured. A reader played by the simulated model errs at rates that the run file sets: they come back
    as "configured". With a real model, and its key in the environment, the same command measures. Mechanisms marked
    "unseen" are those that the scan was not tuned on. Sums come with their exact 95% interval, in JSON every row does.

    With --probes the night's probe tries each change on train tasks and on variants of them. Which changes have a gap
    to be found is the simulated agent's rule ("configured"); how many of those a probe refuses, and how many others,
    is measured.
    """
    if probes is not None:
        from optimizer.cli.bench.probes import put_to_probes

        _check_alone(readers=bool(judge or panel or scan_only or budget_usd is not None))
        put_to_probes(config, probes, each=each, seed=seed, as_json=as_json)
        return
    from optimizer.cli.output import write_rows
    from optimizer.reflect.calibration import tabulate
    from optimizer.reflect.planted import plant_all
    from optimizer.run_file import load_run_file
    from task_agent.harness import load_bundle

    overrides = {"models.reflector.model": judge} if judge else {}
    run = load_run_file(config, overrides)
    corpus, tasks, readers = _prepared(run, panel=panel, budget_usd=budget_usd, seed=seed, ask=not scan_only)
    parent = load_bundle(run.harness)
    planted = plant_all(tasks, parent, each=each, seed=seed)
    said = _verdicts(planted, parent, corpus, readers)
    rows = tabulate(planted, said)
    flat = [_flat(row, said) if as_json else _read(row, said) for row in rows]
    write_rows(list(flat[0]), flat, limit=0, as_json=as_json, narrow="")
    _tell(said)


def _check_alone(*, readers: bool) -> None:
    if readers:
        raise UsageError(
            "`--probes` asks no reader, so `--judge`, `--panel`, `--scan-only` and `--budget-usd` do not go with it",
            hint="leave them out",
        )


def _prepared(
    run: RunConfig, *, panel: bool, budget_usd: float | None, seed: int, ask: bool
) -> tuple[Any, list[Any], ModelReaders | None]:  # Any: a corpus and tasks, whose import takes a while
    """Read the suite, and open the readers; whose key is missing is said before anything else is done."""
    from benchmarks.suite import load_suite
    from optimizer.clients import make_client
    from optimizer.planning.plan import split_suite
    from optimizer.reflect.calibration import ModelReaders
    from optimizer.reflect.corpus import LeakCorpus
    from task_agent.models import require_credentials

    role = run.models.reflector
    if ask:
        require_credentials("reflector", role.model, base_url=role.base_url)
    with run.pointing():
        suite = load_suite(run.suite, Path.cwd())
        splits = split_suite(run, suite)
    tasks = [suite.task(name) for name in splits.train]
    corpus = LeakCorpus.from_tasks(suite.tasks, splits)
    if not ask:
        return corpus, tasks, None
    shown = [task.instruction for task in tasks]
    client = make_client(role, run, suite)
    return corpus, tasks, ModelReaders(client, role.model, role.effort, shown, panel, budget_usd, seed)


def _verdicts(planted: Sequence[Any], parent: Any, corpus: Any, readers: ModelReaders | None) -> list[Verdicts]:
    """Put the changes to the scan, and to the readers if there are any (Any: as above)."""
    import asyncio

    from optimizer.cli.output import tell
    from optimizer.reflect.calibration import by_scan, together

    scanned = by_scan(planted, parent, corpus)
    if readers is None:
        return [scanned]

    def told(done: int, of: int) -> None:
        if done % EVERY == 0:
            tell(f"{done} of {of} changes read")

    read = asyncio.run(readers.read(planted, parent, told))
    return [scanned, read, together(scanned, read)]


def _flat(row: Row, said: Sequence[Verdicts]) -> dict[str, Any]:  # Any: JSON
    cells: dict[str, Any] = {"truth": row.truth, "part": row.part, "mechanism": row.mechanism}
    for reader in said:
        cells[reader.reader] = {"basis": reader.basis, **row.rates[reader.reader].to_record()}
    return cells


def _read(row: Row, said: Sequence[Verdicts]) -> dict[str, Any]:  # Any: cells
    cells: dict[str, Any] = {"mechanism": row.mechanism, "truth": row.truth, "part": row.part}
    for reader in said:
        rate = row.rates[reader.reader]
        cells[f"{reader.reader} ({reader.basis})"] = in_words(rate, whole=row.mechanism == "all")
    return cells


def _tell(said: Sequence[Verdicts]) -> None:
    from optimizer.cli.output import tell
    from optimizer.words import money

    for reader in said[1:2]:
        nominal = " (nominal)" if reader.basis == "configured" else ""
        tell(f"the {reader.reader}'s rates are {reader.basis.upper()}; it cost {money(reader.cost_usd)}{nominal}")
        if reader.silent:
            tell(f"{reader.silent} changes got no report, which blocks nothing")
        left = sum(word is None for word in reader.blocked.values())
        if left:
            tell(f"{left} changes were not put to it: the money was used up")
