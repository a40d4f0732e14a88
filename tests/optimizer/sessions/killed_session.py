"""Holds one session of the simulated proposer in processes that are killed at one event after the other.

Run as `python -m tests.optimizer.sessions.killed_session FOLDER KIND [EVENT...]`: prints what was asked of the model,
killed and alone. Without numbers of events it kills after each of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.simulated import SimulatedModel
from optimizer.propose import Jail
from optimizer.sessions.proposing import propose_change
from optimizer.stages.measure import baseline
from task_agent.models.anthropic_client import AnthropicClient
from task_agent.models.base import WireReply, WireRequest
from task_agent.models.prices import PriceTable
from task_agent.sandbox.base import SandboxKind
from tests.optimizer.conftest import Benches, World, chance
from traces.event import AttemptKey, EventKind
from traces.recorder import Recorder
from traces.writer import TraceWriter

PRICES = Path(__file__).parents[3] / "configs/prices.yaml"
SPARED = (EventKind.ATTEMPT_START, EventKind.SYSTEM)


class Counted:
    """Answer as the simulated model does, and write down who asked what, where a kill cannot take it back."""

    def __init__(self, model: SimulatedModel, log: Path) -> None:
        self._model = model
        self._log = log

    def __call__(self, request: WireRequest, /) -> WireReply:
        asked = hashlib.sha256(json.dumps(request.body, sort_keys=True, default=str).encode()).hexdigest()
        with self._log.open("a") as file:
            file.write(asked + "\n")
        return self._model(request)


class Deadly:
    """Pass events on, and kill this process right after the one with the number `at`."""

    def __init__(self, recorder: Recorder, at: int) -> None:
        self._recorder = recorder
        self._left = at

    def emit(self, kind: EventKind, **more: Any) -> None:  # Any: as the recorder takes it
        self._recorder.emit(kind, **more)
        self._left -= kind not in SPARED
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclasses.dataclass
class DeadlyTraces:
    """Make deadly recorders."""

    writer: TraceWriter
    at: int

    def attempt(self, key: AttemptKey) -> Deadly:
        return Deadly(self.writer.attempt(key), self.at)

    def seal(self) -> Any:  # Any: what the writer gives
        return self.writer.seal()


def hold(root: Path, kind: SandboxKind | None, at: int) -> World:
    """Take the session up in a world that may have been left by a killed one."""
    sizes = (3, 6, 4)
    world = Benches(root, [])(chance(1, {"c000": 0.4}), sizes=sizes, root=root)
    baseline(world.bench)
    wire = Counted(SimulatedModel(world.suite), root / "asked.txt")
    client = AnthropicClient(wire=wire, prices=PriceTable.load(PRICES))
    world.bench = dataclasses.replace(
        world.bench,
        clients={**world.bench.clients, "proposer": client},
        traces=DeadlyTraces(world.bench.traces, at),  # type: ignore[arg-type]  # it has what a session uses
        jail=None if kind is None else Jail(kind),
    )
    if not world.ledger.slots():
        propose_change(world.bench, 1, "c000")
    return world


def told(world: World, root: Path) -> dict[str, Any]:  # Any: JSON
    """Give what a kill must not change."""
    history = {name: str(rows) for name, rows in world.history().items()}
    spend = dataclasses.asdict(world.ledger.spend())
    return {"asked": (root / "asked.txt").read_text().split(), "history": history, "spend": spend}


def main(root: Path, kind: SandboxKind | None, points: Iterable[int]) -> None:
    """Kill a session after one event, then after another and so on, each time taking it up again."""
    kills = 0
    for at in points:
        child = os.fork()
        if child == 0:
            hold(root / "killed", kind, at).close()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert status == 0, status
            break
        kills += 1
    report: dict[str, Any] = {"kills": kills}  # Any: JSON
    for name in ("killed", "alone"):
        world = hold(root / name, kind, 10_000)
        report[name] = told(world, root / name)
        world.close()
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    points = [int(number) for number in sys.argv[3:]] or range(1, 1000)
    main(Path(sys.argv[1]), sys.argv[2] if sys.argv[2] in ("bubblewrap", "docker") else None, points)  # type: ignore[arg-type]  # as checked
