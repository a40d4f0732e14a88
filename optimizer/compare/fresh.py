"""A comparison's own attempts: every arm on the same tasks, side by side, written down, and never paid twice."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.task import Split
from optimizer import __version__
from optimizer.attempt_spec import Purpose
from optimizer.compare.arms import Arm
from optimizer.compare.evidence import Evidence
from optimizer.compare.ground import Ground, fresh_seed
from optimizer.compare.purse import Purse
from optimizer.config import RunConfig
from optimizer.control import Control, Interrupted
from optimizer.ledger import AttemptRow, DrawRequest, DriverLock, Ledger
from optimizer.planning.plan import choose_sandbox
from optimizer.reap import guarded
from optimizer.run_file import dump
from optimizer.run_folder import RunFolder
from optimizer.stages.draws import DrainedError, Draws, OutageError
from optimizer.stages.outage import lost_early
from optimizer.telling.events import NAME as EVENTS
from optimizer.telling.events import EventLog, with_spend
from optimizer.telling.progress import Listener, Progress
from optimizer.workplace import open_workplace, release
from task_agent.harness import HarnessBundle
from task_agent.models import require_credentials
from task_agent.sandbox.base import SandboxKind
from traces.errors import BudgetError
from traces.storage import stored

FOLDER = "compare"
"""Where comparisons stand in a folder of runs."""
GROWN = "grown"


@dataclass(frozen=True, slots=True)
class Order:
    """Ask for `attempts` of every task of a split in every arm.

    `command` is what a person types to go on. `budget_usd` is all the comparison may ever spend,
    `price_usd` what an attempt is thought to cost before any has shown it.
    """

    arms: Sequence[Arm]
    ground: Ground
    split: Split
    attempts: int
    runs: Path
    command: str
    budget_usd: float | None = None
    price_usd: float = 0.0

    @property
    def config(self) -> RunConfig:
        """Give the ground's run file with a seed of the comparison's own."""
        return self.ground.config.model_copy(update={"seed": fresh_seed(self.ground.config.seed)})

    def bundles(self) -> dict[str, HarnessBundle]:
        """Give each arm's harness by its label.

        Raises:
            UsageError: One of them was imported.
        """
        return {arm.label: arm.drawable for arm in self.arms}

    @property
    def folder(self) -> RunFolder:
        """Name the comparison's folder: the same arms on the same ground have the same one."""
        return folder_of(self.arms, self.ground, self.runs)


def folder_of(arms: Sequence[Arm], ground: Ground, runs: Path) -> RunFolder:
    """Name the folder of a comparison, whether or not it is there."""
    config = ground.config
    basis = {
        "arms": [arm.hash for arm in arms],
        "suite": ground.suite.hash,
        "splits": ground.splits.hash,
        "model": config.models.task.model_dump(mode="json"),
        "simulated": config.simulated,
        "seed": config.seed,
    }
    name = hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()[:8]
    return RunFolder(runs / FOLDER / f"compare-{name}")


def drawn(arms: Sequence[Arm], ground: Ground, split: Split, runs: Path) -> Evidence | None:
    """Read a comparison's own attempts on a split; None when none of them was scored."""
    folder = folder_of(arms, ground, runs)
    if any(arm.imported for arm in arms) or not folder.ledger.exists():
        return None
    with closing(Ledger(folder.ledger, read_only=True)) as ledger:
        rows = ledger.attempts(folder.id, split=split.value)
        kind = f"{GROWN} {split.value}"
        grown = sum(note["kind"] == kind for note in ledger.notices())
    if all(row.reward is None for row in rows):
        return None
    look = 0
    if split is Split.TEST:
        look = ground.registry.record_look(ground.suite.hash, _reader(folder, _most(rows)))
    by_arm = {arm.label: _latest([row for row in rows if row.spec.candidate == arm.label]) for arm in arms}
    return Evidence(split, by_arm, True, (folder,), look, grown)


def _latest(rows: Sequence[AttemptRow]) -> list[AttemptRow]:
    """Leave out what was lost before its first step and drawn again: it is not missing, and says nothing."""
    kept = [row for row in rows if not lost_early(row)]
    have = Counter(row.spec.task for row in kept)
    most = max(have.values(), default=0)
    for row in filter(lost_early, rows):
        if have[row.spec.task] < most or not have:
            have[row.spec.task] += 1
            kept.append(row)
    return kept


def owed(order: Order) -> int:
    """Count the attempts that are still to be drawn.

    Raises:
        UsageError: One of the arms was imported, so that none can be drawn for it.
    """
    order.bundles()
    if not order.folder.ledger.exists():
        return len(order.arms) * len(order.ground.tasks(order.split)) * order.attempts
    with closing(Ledger(order.folder.ledger, read_only=True)) as ledger:
        rows = ledger.attempts(split=order.split.value)
    return sum(row.state == "planned" for row in rows) + sum(ask.count for ask in _missing(order, rows))


def draw(order: Order, listen: Listener) -> None:
    """Draw what is missing; what a kill, an outage or a budget left undone is completed by the same call.

    Raises:
        Interrupted: A person stopped it.
        BudgetError: The money is used up; what was drawn stays.
        OutageError: Infrastructure took too many attempts in a row.
    """
    config, folder = order.config, order.folder
    role = config.models.task
    require_credentials("task", role.model, base_url=role.base_url)
    sandbox = _write_down(order)
    with stored(folder.path), ExitStack() as stack:
        stack.enter_context(DriverLock(folder.path))
        listen = stack.enter_context(EventLog(folder.path / EVENTS, listen))
        control = Control(folder.path, listen, grace_s=config.schedule.grace_s, back=order.command)
        stack.enter_context(control.signals())
        ledger = Ledger(folder.ledger)
        stack.callback(ledger.close)
        stack.enter_context(guarded(str(folder.read_lock()["uid"]), sandbox))
        ledger.begin(folder.id, folder.read_lock())
        purse = Purse(order.budget_usd, with_spend(listen, ledger.spend))
        place = open_workplace(folder, config, sandbox, ledger=ledger, control=control, listen=purse.hear, stack=stack)
        for label, bundle in order.bundles().items():
            place.archive.save(label, bundle)
        purse.open(ledger.spend(), place.draws.price(1) or order.price_usd)
        place.draws.halted = lambda: control.draining or purse.is_empty()
        control.arm()
        listen(_started(order, sandbox))
        with control.watching():
            _complete(order, ledger, place.draws, control)


def _complete(order: Order, ledger: Ledger, draws: Draws, control: Control) -> None:
    """Draw the stages that are not complete, then what is missing still."""
    try:
        for stage in _open_stages(ledger, order.split):
            draws.draw(stage, ())
        rows = ledger.attempts(split=order.split.value)
        if asked := _missing(order, rows):
            if 0 < _most(rows) < order.attempts:
                ledger.note(f"{GROWN} {order.split.value}", f"to {order.attempts} attempts of each task")
            draws.draw(_next_stage(rows, order.split), asked)
    except DrainedError:
        if control.draining:
            raise Interrupted from None
        raise BudgetError(
            f"the budget of ${order.budget_usd:g} is used up; what was drawn is kept",
            hint=f"the same command with a larger --budget-usd goes on: {order.command}",
        ) from None
    except OutageError as error:
        error.hint = f"mend it, then the same command goes on: {order.command}"
        raise
    except KeyboardInterrupt:
        raise Interrupted from None
    finally:
        release(ledger)
        ledger.heartbeat()


def _open_stages(ledger: Ledger, split: Split) -> list[str]:
    return list(dict.fromkeys(row.stage for row in ledger.attempts(split=split.value, state="planned")))


def _next_stage(rows: Sequence[AttemptRow], split: Split) -> str:
    taken = {row.stage.partition("+")[0] for row in rows}
    return f"{FOLDER}/{split.value}/{len(taken)}"


def _have(rows: Sequence[AttemptRow]) -> Counter[tuple[str, str]]:
    """Count the attempts by arm and task that are owed or that say something."""
    return Counter((row.spec.candidate, row.spec.task) for row in rows if not lost_early(row))


def _missing(order: Order, rows: Sequence[AttemptRow]) -> list[DrawRequest]:
    """Ask for what is not there: never begun, or lost before the agent's first step."""
    have, split = _have(rows), order.split.value
    return [
        DrawRequest(arm.label, arm.hash, task.id, split, Purpose.COMPARE, need)
        for arm in order.arms
        for task in order.ground.tasks(order.split)
        if (need := order.attempts - have[arm.label, task.id]) > 0
    ]


def _most(rows: Sequence[AttemptRow]) -> int:
    """Give the most attempts of one task that one arm was ever to make."""
    return max(_have(rows).values(), default=0)


def _reader(folder: RunFolder, attempts: int) -> str:
    """Name a look at the test tasks in the suite's registry: reading again after more attempts is another look."""
    return f"{folder.id}/{attempts}"


def _write_down(order: Order) -> SandboxKind:
    """Make the folder and count the look at the test tasks, before anything is paid; give the sandbox's kind."""
    folder, ground, config = order.folder, order.ground, order.config
    begun = folder.lock.exists()
    wanted = folder.read_lock()["sandbox"] if begun else config.sandbox.kind
    sandbox = choose_sandbox(config, ground.suite, wanted).kind
    with stored(order.runs):
        folder.traces.mkdir(parents=True, exist_ok=True)
        if not begun:
            folder.config.write_text(dump(config))
            folder.write_lock(_lock(order, sandbox))
    if order.split is Split.TEST:
        with closing(Ledger(folder.ledger)) as ledger:
            most = max(order.attempts, _most(ledger.attempts(split=order.split.value)))
        uid = _reader(folder, most)
        ground.registry.enrol(ground.suite.hash, uid, lambda: ground.splits)
        ground.registry.record_look(ground.suite.hash, uid)
    return sandbox


def _lock(order: Order, sandbox: SandboxKind) -> dict[str, Any]:  # Any: JSON
    """Give what the comparison stands on, in the form of a run's lock, so that commands about attempts read it."""
    ground, config = order.ground, order.config
    return {
        "uid": f"{order.folder.id}-{secrets.token_hex(4)}",
        "suite": ground.suite.hash,
        "splits": ground.splits.hash,
        "harness": order.arms[0].hash,
        "config": hashlib.sha256(config.model_dump_json().encode()).hexdigest(),
        "version": __version__,
        "models": {"task": config.models.task.model},
        "sandbox": sandbox,
        "arms": {arm.label: {"name": arm.name, "harness": arm.hash} for arm in order.arms},
    }


def _started(order: Order, sandbox: SandboxKind) -> Progress:
    names = ", ".join(f"{arm.label} {arm.name}" for arm in order.arms)
    data = {
        "run": order.folder.id,
        "folder": str(order.folder.path),
        "simulated": order.config.models.task.simulated,
        "limits": {"budget_usd": order.budget_usd},
        "slots": order.config.schedule.slots,
        "arms": {arm.label: arm.name for arm in order.arms},
    }
    return Progress("started", f"{order.folder.id}: {names}; {sandbox} sandbox", data)
