"""Everything that is wrong with a run file, found in one go, in the order in which `run` would meet it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.suite import Suite, load_suite
from optimizer.clients import simulated_settings
from optimizer.config import RunConfig
from optimizer.gate import GateConfig
from optimizer.planning.plan import Plan, check_design, check_program, check_size, gate_config, plan_run, split_suite
from optimizer.run_file import load_run_file, read_draft
from optimizer.telling.notify import check_notify
from task_agent.harness import load_bundle
from task_agent.models import PriceTable, require_credentials
from traces.errors import RatchetError

ROLES = ("task", "proposer", "reflector")


def problems_of(path: Path, runs: Path, *, syntax_only: bool = False) -> list[RatchetError]:
    """List what is wrong with the run file at `path`; nothing is written or paid.

    What stands on a wrong part is not looked at: without a suite there are no splits to judge. When nothing else
    is found, the whole plan is made, so that an empty list means that `run` starts.

    Args:
        path: The run file.
        runs: Where runs are kept; earlier runs of the suite may have used up its tests.
        syntax_only: Look at the file alone: not at what it names, nor at this machine.
    """
    return _Search(path, runs).find(syntax_only=syntax_only)


def plan_of(path: Path, runs: Path) -> Plan:
    """Plan the run of a file that was found right."""
    return plan_run(load_run_file(path), runs)


class _Search:
    """Collect problems."""

    def __init__(self, path: Path, runs: Path) -> None:
        self._path = path
        self._runs = runs
        self._found: list[RatchetError] = []

    def find(self, *, syntax_only: bool) -> list[RatchetError]:
        """Look at the file, then at each part that it does not get wrong, then at the whole."""
        with self._noting():
            draft = read_draft(self._path)
            absent = {fault.key for fault in draft.faults if "does not exist" in fault.message}
            self._found += [fault for fault in draft.faults if not (syntax_only and fault.key in absent)]
            if not syntax_only:
                for check in _checks(draft.config, draft.broken):
                    with self._noting(draft.config):
                        check()
        if not self._found and not syntax_only:
            with self._noting():
                plan_of(self._path, self._runs)
        return self._found

    @contextmanager
    def _noting(self, config: RunConfig | None = None) -> Iterator[None]:
        """Note what is raised inside, with what was found beside it, each pointed at its spot."""
        try:
            yield
        except RatchetError as error:
            for each in error.all:
                if config is not None:
                    config.point(each)
                self._found.append(each)


def _checks(config: RunConfig, broken: frozenset[str]) -> Iterator[Callable[[], object]]:
    """Give the checks of the parts that the file does not get wrong."""
    if "models" not in broken:
        for name in ROLES:
            yield partial(_require, config, name)
    parts: dict[str, Callable[[], object]] = {
        "simulated": lambda: simulated_settings(config),
        "prices": lambda: PriceTable.load(config.prices),
        "harness": lambda: load_bundle(config.harness),
        "gate": lambda: gate_config(config),
        "notify": lambda: check_notify(config.notify, os.environ),
        "proposer": lambda: check_program(config, os.environ),
    }
    yield from (check for name, check in parts.items() if name not in broken)
    if "suite" not in broken:
        yield lambda: _deal(config, broken)


def _require(config: RunConfig, name: str) -> None:
    if name == "proposer" and config.proposer.program is not None:
        return
    role = getattr(config.models, name)
    require_credentials(name, role.model, base_url=role.base_url)


def _deal(config: RunConfig, broken: frozenset[str]) -> None:
    """Load the suite; deal its tasks and hold their numbers against the gate, where the file is right about both."""
    suite: Suite = load_suite(config.suite, Path.cwd())
    if "splits" in broken:
        return
    splits = split_suite(config, suite)
    if "gate" not in broken:
        gate: GateConfig = gate_config(config)
        check_size(splits, gate)
        check_design(config, splits, gate)
