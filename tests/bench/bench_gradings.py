"""What a grading in bubblewrap costs: forked in the worker's kept jail, against a fresh jail each time.

Run: python tests/bench/bench_gradings.py [gradings]

Both sides grade the same attempt with the same test, which writes a reward, once in bash alone and once by a Python
script. They take turns, so that load on the machine meets both.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from task_agent.sandbox import SandboxSpec, grading_jail
from task_agent.sandbox.bubblewrap import BubblewrapSandbox

ROUNDS = 5
BASH = {"test.sh": b'echo 1 > "$LOGS_DIR/verifier/reward.txt"\n'}
PYTHON = {
    "test.sh": b'exec python3 -I -S "$TESTS_DIR/check.py"\n',
    "check.py": b"open('/logs/verifier/reward.txt', 'w').write('1\\n')\n",
}


class Fresh(BubblewrapSandbox):
    """Grade in a jail of its own each time."""

    forks_gradings = False


@dataclass
class Cost:
    """Add up one side's seconds: the clock's, and the processor's of this process, its children and the server."""

    wall: float = 0.0
    cpu: float = 0.0
    gradings: int = 0

    def told(self, name: str) -> str:
        each = f"{1e3 * self.wall / self.gradings:7.2f} ms  CPU {1e3 * self.cpu / self.gradings:7.2f} ms"
        return f"{name:40} {self.gradings / self.wall:7.1f} /s  {each}"


async def grade(kind: type[BubblewrapSandbox], tests: Mapping[str, bytes], count: int) -> None:
    sandbox = kind(SandboxSpec(rounds=count))
    try:
        for _ in range(count):
            run = await sandbox.verify(tests, 'bash "$TESTS_DIR/test.sh"', timeout_s=60, env={})
            assert run.logs == {"reward.txt": b"1\n"}, run
    finally:
        await sandbox.close()


def used() -> float:
    """Give the processor time of this process, of what has ended, and of the kept jail's server and its children."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    below = [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    for pid in below:
        below += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime + sum(map(_ticks, below))


def _ticks(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


async def measure(name: str, tests: Mapping[str, bytes], count: int, width: int) -> None:
    await grade(BubblewrapSandbox, tests, 1)
    assert not grading_jail.why_fresh(), grading_jail.why_fresh()
    costs = {BubblewrapSandbox: Cost(), Fresh: Cost()}
    each = max(1, count // ROUNDS // width)
    for _ in range(ROUNDS):
        for kind, cost in costs.items():
            wall, cpu = time.perf_counter(), used()
            await asyncio.gather(*(grade(kind, tests, each) for _ in range(width)))
            cost.wall += time.perf_counter() - wall
            cost.cpu += used() - cpu
            cost.gradings += each * width
    forked, fresh = costs.values()
    print(forked.told(f"{name}, {width} at once: forked"))
    print(fresh.told(f"{name}, {width} at once: fresh"))
    ratio = (fresh.wall / fresh.gradings) / (forked.wall / forked.gradings)
    cpu = (fresh.cpu / fresh.gradings) / (forked.cpu / forked.gradings)
    print(f"{'ratio':40} {ratio:7.2f}        processor {cpu:.2f}")


def main() -> None:
    """Measure both tests, one at a time and eight at once."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"load {os.getloadavg()[0]:.1f}")
    for name, tests in (("bash", BASH), ("bash, then python3 -I -S", PYTHON)):
        for width in (1, 8):
            asyncio.run(measure(name, tests, count, width))


if __name__ == "__main__":
    main()
