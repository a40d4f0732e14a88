"""What a run will stand on, checked before anything is written or paid."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.check_record import CheckRecord, Fitness
from benchmarks.registry import SuiteRecord
from benchmarks.splits import SplitError, Splits, make_splits
from benchmarks.suite import Suite, load_suite
from optimizer import __version__
from optimizer.clients import check_credentials, check_judge, simulated_settings
from optimizer.config import RunConfig
from optimizer.gate import GateConfig, GateConfigError, can_decide
from optimizer.ground import evaluator_hash
from optimizer.jobs.trial import Job, read_job
from optimizer.lessons import Shelf
from optimizer.planning.fit_tasks import fit_tasks
from optimizer.propose.jail import Jail, choose_jail
from optimizer.registry import checks_of, registry_of
from optimizer.run_folder import RunFolder
from optimizer.telling.notify import check_notify
from task_agent.harness import EditSurface, HarnessBundle, allows_key, load_bundle
from task_agent.harness.bundle import SPEC_PATH
from task_agent.models import PriceTable
from task_agent.orchestration.code import check_place
from task_agent.sandbox import choose
from task_agent.sandbox.base import SandboxKind
from task_agent.sandbox.choose import Choice, Wanted
from traces.errors import ConfigError, NotFoundError, Place, SandboxUnavailableError

IMAGES_SHOWN = 3
DEAL_STEP = 1_000_003
"""What a further deal of the same suite adds to the seed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold what a run will stand on; `tests_before` were used by earlier runs of the suite's epoch.

    `began` are the splits that the run began with: a gate epoch that ended meanwhile has changed what it holds out.
    `tasks_said` tells which tasks a check had left out, and how many were never checked. `jobs` are read for a new
    run alone: what it imported stands in its ledger.
    """

    config: RunConfig
    suite: Suite
    splits: Splits
    gate: GateConfig
    harness: HarnessBundle
    sandbox: SandboxKind
    said: str
    tests_before: int
    looks_before: int
    began: Splits
    tasks_said: str = ""
    jobs: tuple[Job, ...] = ()
    jail: Jail | None = None

    @property
    def kinds(self) -> frozenset[SandboxKind]:
        """Name the kinds of sandbox that the run makes."""
        return frozenset({self.sandbox} | ({self.jail.kind} if self.jail else set()))

    @property
    def lock(self) -> dict[str, Any]:
        """Give the hashes and names that must not change under a run (Any: JSON)."""
        text = json.dumps(self.config.model_dump(mode="json"), sort_keys=True)
        models = self.config.models
        return {
            "suite": self.suite.hash,
            "splits": self.began.hash,
            "harness": self.harness.hash,
            "config": hashlib.sha256(text.encode()).hexdigest(),
            "version": __version__,
            "code": evaluator_hash(),
            "models": {name: role.named for name, role in models.roles.items()},
            "sandbox": self.sandbox,
        }


def plan_run(config: RunConfig, runs: Path, *, new_split: bool = False) -> Plan:
    """Check everything a new run needs; writes nothing.

    Raises:
        CredentialsError: A role's key is missing.
        ConfigError: The suite, the harness, the splits or the gate cannot work.
        SandboxUnavailableError: No sandbox of the wanted kind works here.
        UsageError: The book of lessons is none.
    """
    check_credentials(config)
    with config.pointing():
        check_notify(config.notify, os.environ)
        check_program(config, os.environ)
        chosen = Chosen(config)
        fitness_of = partial(chosen.fitness, checks_of(runs))
        parts = check_parts(config, registry_of(runs).record, fitness_of, new_split=new_split)
        plan = _plan(parts.config, parts, chosen)
        _check_level_left(plan)
        if config.lessons.book is not None:
            Shelf.of(runs, config.lessons.book).read()
        return replace(plan, jobs=_read_jobs(config))


def _read_jobs(config: RunConfig) -> tuple[Job, ...]:
    """Read the jobs that a new run starts warm with.

    Raises:
        ConfigError: One of them is not there; or a file of it is malformed, which is named.
    """
    try:
        return tuple(read_job(path) for path in config.warm_start)
    except NotFoundError as error:
        raise ConfigError(f"`warm_start` names no folder: {error.key!r}", key="warm_start", hint=error.hint) from None


def plan_resumed(config: RunConfig, folder: RunFolder) -> Plan:
    """Check everything a resumed run needs: its own splits, and the sandbox it began with.

    Raises:
        ConfigError: Its files are damaged, or what it stands on is no longer what it began with.
    """
    check_credentials(config)
    lock = folder.read_lock()
    with config.pointing():
        registry = registry_of(folder.path.parent)
        parts = check_parts(config, lambda suite: registry.record(suite, lock["uid"]))
        plan = _plan(parts.config, parts, Chosen(config, lock["sandbox"]))
    _check_same(plan, lock, folder)
    return plan


def _check_same(plan: Plan, lock: Mapping[str, Any], folder: RunFolder) -> None:  # Any: JSON
    """Refuse to go on with what is no longer the run that was begun, before anything is written."""
    changed = sorted(key for key, value in plan.lock.items() if lock.get(key) != value)
    if changed:
        raise ConfigError(
            f"run {folder.id!r} was begun with other {', '.join(changed)}",
            place=Place(folder.lock),
            hint=f"put back what changed, or begin a new run: ratchet run {folder.config}",
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """Hold what a run file names, read and found sound; `config` is the run file of the suite that is left."""

    config: RunConfig
    suite: Suite
    record: SuiteRecord | None
    splits: Splits
    gate: GateConfig
    harness: HarnessBundle
    tasks_said: str


def _nothing_checked(suite: Suite) -> Fitness:
    del suite
    return Fitness({}, ())


def check_parts(
    config: RunConfig,
    record_of: Callable[[str], SuiteRecord | None] = lambda suite: None,
    fitness_of: Callable[[Suite], Fitness] = _nothing_checked,
    *,
    new_split: bool = False,
) -> Parts:
    """Read everything a run file names; what is quick to check comes first.

    Args:
        config: The run file.
        record_of: Gives what earlier runs left about a suite, by its hash.
        fitness_of: Sorts tasks by what checks found; nothing is left out without it.
        new_split: Deal the tasks anew, whatever earlier runs left.

    Raises:
        ConfigError: Something cannot work; points at its spot in the run file.
    """
    with config.pointing():
        simulated_settings(config)
        PriceTable.load(config.prices)
        harness, gate = load_bundle(config.harness), gate_config(config)
        check_ranges(config, harness)
        check_pivot(config)
        check_visibility(config)
        fit = fit_tasks(config, load_suite(config.suite, Path.cwd()), fitness_of)
        suite = fit.suite
        earlier = record_of(suite.hash)
        record = None if new_split else earlier
        check_probes(config, suite)
        splits = record.splits if record else split_suite(config, suite, dealt_before=earlier.epoch if earlier else 0)
        check_size(splits, gate)
        check_design(config, splits, gate)
        if suite.examine is not None:
            suite.examine([task.id for task in suite.tasks])
        return Parts(fit.config, suite, record, splits, gate, harness, fit.said)


def check_ranges(config: RunConfig, harness: HarnessBundle) -> None:
    """Refuse a tuner that has nothing to tune, or something that no candidate may change.

    Raises:
        ConfigError: The harness declares no ranges, or one that the edit surface locks.
    """
    if not config.tuner.every:
        return
    if not harness.spec.search:
        raise ConfigError(
            f"there is nothing to tune: the harness {harness.spec.name!r} declares no `search` ranges",
            key="tuner.every",
            hint=f"write in {config.harness / SPEC_PATH}, say, search: {{limits.turns: {{low: 10, high: 60}}}}",
        )
    surface = EditSurface(frozenset(config.surface.editable), frozenset(config.surface.locked))
    if locked := [key for key in harness.spec.search if not allows_key(surface, key)]:
        raise ConfigError(
            f"the harness lets `{locked[0]}` be tuned, which the edit surface lets nobody change",
            key="surface",
            hint="make its area editable in `surface`, or take it out of the harness's `search`",
        )


def check_pivot(config: RunConfig) -> None:
    """Refuse a pivot that never comes.

    Raises:
        ConfigError: The run ends for want of progress before it.
    """
    pivot, stop = config.proposer.pivot_after, config.stop.no_progress
    if pivot is not None and pivot >= stop:
        raise ConfigError(
            f"`proposer.pivot_after` ({pivot}) is not below `stop.no_progress` ({stop}): the run ends before it pivots",
            key="proposer.pivot_after",
            hint="make it smaller, or `stop.no_progress` larger",
        )


def check_probes(config: RunConfig, suite: Suite) -> None:
    """Refuse probes on variants that the suite cannot make.

    Raises:
        ConfigError: They are asked for, and it makes none.
    """
    if config.reflection.probe_tasks and suite.vary is None:
        raise ConfigError(
            f"the suite {suite.name!r} makes no variants of its tasks, so none can be probed",
            key="reflection.probe_tasks",
            hint="leave it at 0: only `pitfalls` makes variants",
        )


def check_visibility(config: RunConfig) -> None:
    """Refuse settings that need what `visibility` hides.

    Raises:
        ConfigError: Says which.
    """
    proposer, sees = config.proposer, config.visibility
    needs = {
        "proposer.try_attempts": ("proposer", bool(proposer.try_attempts) and sees.proposer.train != "all"),
        "proposer.digests": ("proposer", bool(proposer.digests.per_round) and sees.proposer.train != "all"),
        "proposer.digests.per_round": ("analyst", bool(proposer.digests.per_round) and sees.analyst.train != "all"),
    }
    for key, (role, hidden) in needs.items():
        if hidden:
            raise ConfigError(
                f"`{key}` needs train attempts, which `visibility.{role}.train` hides from the {role}",
                key=f"visibility.{role}.train",
                hint=f"set `visibility.{role}.train: all`, or leave `{key}` out",
            )


def check_size(splits: Splits, gate: GateConfig) -> None:
    """Refuse a gate that could decide nothing.

    Raises:
        ConfigError: The held-out tasks are fewer than the gate needs.
    """
    if len(splits.heldout) < gate.min_tasks:
        raise ConfigError(
            f"{len(splits.heldout)} held-out tasks are fewer than `gate.min_tasks` ({gate.min_tasks}):"
            " nothing could be decided",
            key="splits.heldout",
            hint="use a larger suite or a larger `splits.heldout`",
        )


def check_design(config: RunConfig, splits: Splits, gate: GateConfig) -> None:
    """Refuse a night that could decide or certify nothing, unless the run file forces it.

    Raises:
        ConfigError: It finds only gains that no change makes, or has too few tasks for a mode that promises something.
    """
    advice = can_decide(gate, tasks=len(splits.heldout))
    if advice.can_decide or config.gate.force:
        return
    why = "cannot decide anything" if advice.can_certify else "cannot certify anything"
    raise ConfigError(
        f"this design {why}: {'; '.join(advice.sentences)}",
        key="gate" if advice.can_certify else "splits.heldout",
        hint="more held-out tasks, or `gate.mode: explore`; --force starts it as it is",
    )


def _check_level_left(plan: Plan) -> None:
    if plan.tests_before >= plan.gate.k_max and len(plan.splits.reserve) < plan.gate.min_tasks:
        raise ConfigError(
            f"earlier runs used {plan.tests_before} gate tests of this suite, and `gate.k_max` is {plan.gate.k_max}:"
            " these held-out tasks have been asked too often",
            key="gate.k_max",
            hint="--new-split deals the tasks anew (the report says so), or plan more tests in `gate.k_max`;"
            " a larger suite can keep a reserve",
        )


def _plan(config: RunConfig, parts: Parts, chosen: Chosen) -> Plan:
    check_judge(parts.suite)
    choice = chosen.choice(parts.suite)
    if choice.kind == "docker":
        _check_images(parts.suite)
    check_place(parts.harness, allow_unsafe=config.sandbox.allow_unsafe)
    record, jail = parts.record, choose_shell(config, choice.kind)
    return Plan(
        config=config,
        suite=parts.suite,
        splits=parts.splits,
        gate=parts.gate,
        harness=parts.harness,
        sandbox=choice.kind,
        said="; ".join(filter(None, (choice.said, _shell_said(config, jail)))),
        tests_before=record.tests_used if record else 0,
        looks_before=record.looks if record else 0,
        began=record.began if record else parts.splits,
        tasks_said=parts.tasks_said,
        jail=jail,
    )


def choose_shell(config: RunConfig, tasks: SandboxKind) -> Jail | None:
    """Choose where a proposer's commands run; the simulated one gets a shell only where the run file names a kind.

    Raises:
        SandboxUnavailableError: The kind that the run file names does not work here.
    """
    wanted, program = config.proposer.sandbox, config.proposer.program
    if program is None:
        none = wanted == "auto" and config.models.proposer.simulated
        return None if none else choose_jail(wanted, tasks)
    jail = choose_jail(wanted, tasks, image=program.image, network=program.network)
    if jail is None:
        reason = "the proposer's program has no sandbox: neither bubblewrap nor docker works here"
        raise SandboxUnavailableError(reason, hint="`ratchet doctor`")
    return jail


def check_program(config: RunConfig, environ: Mapping[str, str]) -> None:
    """Refuse a proposer's program that is to get a variable which is not set.

    Raises:
        ConfigError: It is not set.
    """
    program = config.proposer.program
    if program and (gone := [name for name in program.env if name not in environ]):
        raise ConfigError(
            f"`proposer.program.env`: ${gone[0]} is not set",
            key="proposer.program.env",
            hint=f"export {gone[0]}=..., or leave it out",
        )


def _shell_said(config: RunConfig, jail: Jail | None) -> str:
    if jail is not None:
        what = "shell" if config.proposer.program is None else "program"
        network = " WITH A NETWORK" if jail.network else ""
        return f"the proposer's {what}: {jail.kind}{network}"
    if config.proposer.sandbox == "none" or config.models.proposer.simulated:
        return ""
    return "the proposer has no shell: neither bubblewrap nor docker works here"


class Chosen:
    """Choose where a run's tasks are attempted, once, for the first suite that it is asked for."""

    def __init__(self, config: RunConfig, wanted: Wanted | None = None) -> None:
        self._config = config
        self._wanted = wanted or config.sandbox.kind
        self._choice: Choice | None = None

    def choice(self, suite: Suite) -> Choice:
        """Give the kind and why it was taken.

        Raises:
            SandboxUnavailableError: No sandbox of the wanted kind works here, or it cannot hold some task.
        """
        if self._choice is None:
            allow_unsafe = self._config.sandbox.allow_unsafe or self._config.models.task.simulated
            self._choice = choose(self._wanted, allow_unsafe=allow_unsafe, **suite.needs)
        return self._choice

    def fitness(self, record: CheckRecord, suite: Suite) -> Fitness:
        """Sort tasks by what was found in the kind that is taken; none is tried out where nothing was checked."""
        if not record.kinds(suite.tasks):
            return Fitness({}, tuple(task.id for task in suite.tasks))
        kind = self.choice(suite).kind if self._wanted == "auto" else self._wanted
        return record.fitness(suite.tasks, kind)


def choose_sandbox(config: RunConfig, suite: Suite, wanted: Wanted) -> Choice:
    """Choose where the suite's tasks are attempted, and look for the images they need.

    Raises:
        SandboxUnavailableError: No sandbox of the wanted kind works here, or an image is not there.
    """
    choice = Chosen(config, wanted).choice(suite)
    if choice.kind == "docker":
        _check_images(suite)
    return choice


def _check_images(suite: Suite) -> None:
    """Refuse tasks whose images are not there; images that tasks build themselves are built when needed."""
    from task_agent.sandbox.docker import absent_images

    named = {task.environment.image for task in suite.tasks if task.environment.build_context is None}
    if absent := absent_images(named):
        raise SandboxUnavailableError(
            f"{len(absent)} of the images that tasks need are not on this machine: {', '.join(absent[:IMAGES_SHOWN])}",
            hint=" && ".join(f"docker pull {name}" for name in absent[:IMAGES_SHOWN]),
        )


def gate_config(config: RunConfig) -> GateConfig:
    """Hand the gate's settings over.

    Raises:
        ConfigError: One of them is impossible.
    """
    try:
        return GateConfig(**config.gate.model_dump(exclude={"force"}))
    except GateConfigError as error:
        raise ConfigError(error.message, key=f"gate.{error.setting}") from None


def split_suite(config: RunConfig, suite: Suite, *, dealt_before: int = 0) -> Splits:
    """Deal the suite's tasks as the run file asks; untouched settings leave a small suite its fixed sizes.

    A suite that was dealt before is dealt otherwise this time: the number goes into the seed.

    Raises:
        ConfigError: They cannot be dealt so.
    """
    asked = config.splits.model_dump()
    fractions = {name: size for name, size in asked.items() if isinstance(size, float)}
    sizes = {name: size for name, size in asked.items() if isinstance(size, int)}
    if asked == type(config.splits)().model_dump():
        fractions = {}
    try:
        return make_splits(
            suite.tasks, seed=config.seed + DEAL_STEP * dealt_before, fractions=fractions or None, sizes=sizes or None
        )
    except SplitError as error:
        raise ConfigError(error.message, key="splits", hint=error.hint) from None
