"""Examines what a run needs on this machine, one row per need, in the order in which `run` would meet them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar, get_args

from benchmarks.suite import Suite, load_suite
from benchmarks.task import Split
from optimizer.config import RunConfig
from optimizer.planning.machine import Need, machine
from optimizer.planning.plan import Chosen, Plan, plan_run
from optimizer.registry import checks_of
from optimizer.run_file import load_run_file
from optimizer.settings.roles import Role
from task_agent.harness import load_bundle
from task_agent.models import PriceTable, key_for, require_credentials
from task_agent.sandbox import Probe, SandboxKind, probe
from traces.errors import RatchetError

__all__ = ["Need", "examine"]

T = TypeVar("T")
OLD_PRICES_DAYS = 60


def examine(file: Path | None, runs: Path, *, probe: Callable[[SandboxKind], Probe] = probe) -> list[Need]:
    """List the needs of this machine, and of the run file when one is given; nothing is written or paid.

    Args:
        file: The run file.
        runs: Where runs are kept.
        probe: Tries a kind of sandbox.
    """
    if file is None:
        return [*_sandboxes(probe), *_code_jail(), _key(), *machine(runs)]
    rows: list[Need] = []
    config = _read(rows, file)
    if config is not None:
        rows += _roles(config)
        _tried(rows, "suite", lambda: _health(load_suite(config.suite, Path.cwd())), "", "")
        rows += _checked(config, runs)
        _tried(rows, "seed harness", lambda: load_bundle(config.harness), f"{config.harness.name} loads", "")
        rows += _prices(config)
        rows += [*_sandboxes(probe), *_code_jail()]
        if any(row.state == "fails" for row in rows):
            rows.append(Need("plan", "warns", "not tried: mend the rows above first", f"ratchet doctor {file}"))
        else:
            _tried(rows, "plan", lambda: _said(plan_run(config, runs)), "", f"ratchet run {file} --dry-run")
    return [*rows, *machine(runs, config)]


def _read(rows: list[Need], file: Path) -> RunConfig | None:
    """Add the row of the run file; `config check` lists what else is wrong with it."""
    check = f"ratchet config check {file}"
    config = _tried(rows, "run file", lambda: load_run_file(file), f"{file} is valid", check)
    failed = rows[-1].error
    if failed is not None and failed.more:
        rows[-1] = replace(rows[-1], what=f"{failed.message}; and {len(failed.more)} more", mend=check)
    return config


def _health(suite: Suite) -> str:
    families = len({task.category for task in suite.tasks})
    images = sum(task.needs_image for task in suite.tasks)
    needing = f", {images} of them only in an image of their own" if images else ""
    return f"{len(suite.tasks):,} tasks in {families} families load{needing}; digest {suite.hash[:12]}"


def _checked(config: RunConfig, runs: Path) -> list[Need]:
    """Say what is known of the tasks of a folder, and name the command that proves them."""
    if "path" not in config.suite:
        return []
    command = f"ratchet tasks check {config.suite['path']} --kind {config.suite.get('kind')}"
    try:
        found = Chosen(config).fitness(checks_of(runs), load_suite(config.suite, Path.cwd()))
    except RatchetError:  # the row of the suite says it
        return []
    if found.undecidable:
        return [Need("tasks", "warns", f"{len(found.undecidable)} cannot be decided and are left out", command)]
    if found.unchecked:
        return [Need("tasks", "ok", f"{len(found.unchecked)} not checked here; `{command}` runs every solution")]
    return [Need("tasks", "ok", "each is solved by its solution, and not by doing nothing")]


def _tried(rows: list[Need], need: str, attempt: Callable[[], T], fine: str, mend: str) -> T | None:
    """Add a row for what `run` does first thing; where it fails the row holds its error."""
    try:
        found = attempt()
    except RatchetError as error:
        rows.append(Need(need, "fails", error.message, error.hint or mend, error))
        return None
    rows.append(Need(need, "ok", fine or str(found)))
    return found


def _said(plan: Plan) -> str:
    sizes = ", ".join(f"{len(plan.splits.of(split))} {split}" for split in Split)
    return f"{sizes} tasks; sandbox {plan.sandbox}"


def _roles(config: RunConfig) -> Iterator[Need]:
    for name, role in config.models.roles.items():
        rows: list[Need] = []
        said = "simulated: needs no key" if role.simulated else f"{role.model}: a key is set"
        _tried(rows, f"key of {name}", lambda: _require(name, role), said, "")  # noqa: B023 - called at once
        yield from rows


def _require(name: str, role: Role) -> None:
    require_credentials(name, role.model, base_url=role.base_url)


def _key() -> Need:
    try:
        found = key_for()
    except RatchetError as error:
        return Need("model key", "warns", f"{error.message}: only simulated runs work", error.hint)
    return Need("model key", "ok", f"{found.variable} is set")


def _prices(config: RunConfig) -> list[Need]:
    rows: list[Need] = []
    table = _tried(rows, "prices", lambda: PriceTable.load(config.prices), f"{config.prices.name} loads", "")
    if table is None:
        return rows
    today = datetime.now(UTC).date()
    models = {model for role in config.models.roles.values() for model in role.models}
    unpriced = sorted(model for model in models if table.price(model, today) is None)
    if unpriced:
        held = " and the budget cannot hold them" if config.stop.budget_usd else ""
        what = f"no price for {', '.join(unpriced)}: requests will be counted as unpriced{held}"
        return [Need("prices", "warns", what, f"add the model to {config.prices}")]
    return [_age(table, today, config.prices, models)]


def _age(table: PriceTable, today: date, path: Path, models: set[str]) -> Need:
    priced = f"{', '.join(sorted(models))} priced"
    if table.checked is None:
        return Need("prices", "warns", f"{priced}; nobody says when the table was checked", f"set `checked` in {path}")
    days = (today - table.checked).days
    what = f"{priced}; table checked {table.checked}, {max(days, 0)} days ago"
    if days > OLD_PRICES_DAYS:
        return Need("prices", "warns", what, f"compare with the provider's page, then set `checked` in {path}")
    return Need("prices", "ok", what)


_INSTALL: dict[str, str] = {
    "bubblewrap": "apt-get install bubblewrap",
    "docker": "start a Docker engine that this user may use",
}


def _sandboxes(probe: Callable[[SandboxKind], Probe]) -> Iterator[Need]:
    """Try every kind; that one does not work is a warning, since another may (the plan says which is taken)."""
    for kind in reversed(get_args(SandboxKind)):
        tried = probe(kind)
        if not tried.ok:
            yield Need(f"sandbox {kind}", "warns", tried.reason, _INSTALL.get(kind, ""))
        elif kind == "process":
            yield Need(f"sandbox {kind}", "ok", "works, and isolates nothing: refused for real models")
        else:
            yield Need(f"sandbox {kind}", "ok", tried.reason)


def _code_jail() -> Iterator[Need]:
    """Try the jail that orchestration written as code runs in; other harnesses need none."""
    from task_agent.sandbox.code_jail import why_no_jail

    what, why = "orchestration code", why_no_jail()
    yield Need(what, "warns", why, _INSTALL["bubblewrap"]) if why else Need(what, "ok", "runs in a jail of its own")
