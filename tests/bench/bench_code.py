"""What a process for orchestration code costs for each attempt: forked in a kept jail, against a fresh jail each time.

Run: python tests/bench/bench_code.py [attempts]

Both sides do the same: start, run `orchestrate` that returns at once, hear its last words, end the process. They take
turns, so that load on the machine meets both.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from task_agent.harness import HarnessBundle
from task_agent.models.scripted import ScriptedModel
from task_agent.orchestration import TaskView, run_harness
from task_agent.orchestration.code import open_jails
from task_agent.sandbox.code_jail import CodeJails
from task_agent.tools import ScriptedSandbox
from traces.recorder import MemoryRecorder

BUNDLE = HarnessBundle(
    {
        "harness.yaml": b"name: coded\norchestration: {pattern: code}\n",
        "prompts/system.md": b"Be brief.\n",
        "orchestration.py": b"async def orchestrate(ctx):\n    return 'done'\n",
    }
)
ROUNDS = 5
KEPT = open_jails()


@dataclass
class Cost:
    """Add up one side's seconds: the clock's, and the processor's of this process and of what has ended."""

    wall: float = 0.0
    cpu: float = 0.0
    attempts: int = 0

    def told(self, name: str) -> str:
        return f"{name:34} {1e3 * self.wall / self.attempts:8.2f} ms  CPU {1e3 * self.cpu / self.attempts:8.2f} ms"


async def attempt(jails: CodeJails) -> None:
    outcome = await run_harness(
        BUNDLE,
        TaskView("Count.", "/app"),
        client=ScriptedModel([]),
        model="m",
        sandbox=ScriptedSandbox(),
        recorder=MemoryRecorder(),
        jails=jails,
    )
    assert outcome.text == "done"


async def forked() -> None:
    await attempt(KEPT)


async def fresh() -> None:
    jails = open_jails()
    await attempt(jails)
    await jails.close()


def used() -> float:
    """Give the processor time of this process, of what has ended, and of the kept jail's server and its children."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime + sum(map(_ticks, _servers()))


def _servers() -> list[int]:
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if _is_server(pid)]


def _is_server(pid: int) -> bool:
    try:
        return b"/python/bin/python3" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:1]
    except OSError:
        return False


def _ticks(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


async def measure(count: int, width: int) -> None:
    await forked()
    sides = {"forked in a kept jail": (forked, Cost()), "a fresh jail and interpreter": (fresh, Cost())}
    for _ in range(ROUNDS):
        for run, cost in sides.values():
            wall, cpu = time.perf_counter(), used()
            for _ in range(count // ROUNDS // width):
                await asyncio.gather(*(run() for _ in range(width)))
            cost.wall += time.perf_counter() - wall
            cost.cpu += used() - cpu
            cost.attempts += count // ROUNDS // width * width
    for name, (_, cost) in sides.items():
        print(f"{cost.told(name)}  ({width} at a time)")
    await KEPT.close()
    ours, theirs = (cost for _, cost in sides.values())
    print(f"{'fresh / forked':34} {theirs.wall / ours.wall:8.1f}     CPU {theirs.cpu / ours.cpu:8.1f}")


if __name__ == "__main__":
    attempts = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for at_once in (1, 8):
        asyncio.run(measure(attempts, at_once))
