"""Attempts per second of a kind of sandbox, in turns with the bare loop, so that load from elsewhere hits both."""

from __future__ import annotations

import asyncio
import functools
import os
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Final

from task_agent.errors import SandboxLostError
from task_agent.sandbox.base import SandboxKind, SandboxSpec
from task_agent.sandbox.bench.work import COMMANDS, FILES, REWARD, TEST
from task_agent.sandbox.choose import open_sandbox

TARGETS: Final[dict[SandboxKind, float]] = {"docker": 0.9, "bubblewrap": 0.8, "process": 0.8}
"""The share of the bare loop's throughput that each kind is to reach."""
CPU_TARGET_S: Final = 0.03
_LABEL: Final = "ratchet.bench"
_BARE_PER_CORE = 2
_STEP_S = 300.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Report both sides: attempts per second, processor seconds of the calling process for each attempt.

    `ratio` is that of all attempts, `median_ratio` that of the pairs of batches. `left` counts
    containers of ours that were still there in the end.
    """

    kind: SandboxKind
    apart: bool
    in_flight: int
    attempts: int
    failed: int
    left: int
    ours_per_s: float
    bare_per_s: float
    ratio: float
    median_ratio: float
    ours_cpu_s: float
    bare_cpu_s: float
    load: float

    def to_record(self) -> dict[str, object]:
        """Give the row as plain JSON values."""
        return asdict(self)

    @property
    def missed(self) -> list[str]:
        """Name the targets that were not reached; grading apart does more than the bare loop, so it has no ratio."""
        reached = {
            f"{TARGETS[self.kind]:.0%} of the bare loop": self.apart or self.ratio >= TARGETS[self.kind],
            f"{CPU_TARGET_S} s of processor an attempt": self.ours_cpu_s <= CPU_TARGET_S,
            "no attempt that failed": not self.failed,
            "no container left": not self.left,
        }
        return [name for name, there in reached.items() if not there]


@dataclass(frozen=True, slots=True)
class _Batch:
    seconds: float
    cpu_s: float
    failed: int


def measure(kind: SandboxKind, *, attempts: int, rounds: int, in_flight: int, apart: bool = False) -> Measured:
    """Run `rounds` pairs of batches of `attempts`, ours and the bare loop in turns, after one attempt of each.

    Args:
        kind: The kind of sandbox.
        attempts: Attempts in a batch of ours; the bare loop does as many.
        rounds: Pairs of batches.
        in_flight: Attempts of ours at once; the bare loop has two threads per core, where it is fastest.
        apart: Grade in a fresh container.
    """
    mine = functools.partial(_ours, kind, in_flight, apart)
    bare = functools.partial(_bare, kind)
    mine(1)
    bare(1)
    pairs = [(mine(attempts), bare(attempts)) for _ in range(rounds)]
    total = attempts * rounds
    ours_s, bare_s = sum(one.seconds for one, _ in pairs), sum(other.seconds for _, other in pairs)
    return Measured(
        kind=kind,
        apart=apart,
        in_flight=in_flight,
        attempts=total,
        failed=sum(one.failed for one, _ in pairs),
        left=_left(kind),
        ours_per_s=round(total / ours_s, 2),
        bare_per_s=round(total / bare_s, 2),
        ratio=round(bare_s / ours_s, 3),
        median_ratio=round(statistics.median(other.seconds / one.seconds for one, other in pairs), 3),
        ours_cpu_s=round(sum(one.cpu_s for one, _ in pairs) / total, 4),
        bare_cpu_s=round(sum(other.cpu_s for _, other in pairs) / total, 4),
        load=round(os.getloadavg()[0], 1),
    )


def _ours(kind: SandboxKind, in_flight: int, apart: bool, number: int) -> _Batch:
    async def all_of_them() -> int:
        slots = asyncio.Semaphore(in_flight)

        async def one() -> bool:
            async with slots:
                return await _attempt(kind, apart=apart)

        return (await asyncio.gather(*(one() for _ in range(number)))).count(False)

    return _timed(lambda: asyncio.run(all_of_them()))


async def _attempt(kind: SandboxKind, *, apart: bool) -> bool:
    sandbox = open_sandbox(kind, SandboxSpec(files=FILES, apart=apart, labels={_LABEL: "1"}))
    try:
        commands = ["\n".join(COMMANDS)] if kind == "docker" else COMMANDS  # as many as the bare loop of the kind
        for command in commands:
            await sandbox.exec(command, timeout_s=_STEP_S)
        run = await sandbox.verify({"test.sh": TEST}, 'bash "$TESTS_DIR/test.sh"', timeout_s=_STEP_S, env={})
        return run.logs.get("reward.txt") == REWARD
    except SandboxLostError:
        return False
    finally:
        await sandbox.close()


def _bare(kind: SandboxKind, number: int) -> _Batch:
    attempt: Callable[[], bool]
    if kind == "docker":
        from task_agent.sandbox.bench.bare_docker import attempt
    else:
        from task_agent.sandbox.bench import bare_host

        attempt = functools.partial(bare_host.attempt, jailed=kind == "bubblewrap")

    def all_of_them() -> int:
        with ThreadPoolExecutor(_BARE_PER_CORE * (os.cpu_count() or 1)) as pool:
            return [done.result() for done in [pool.submit(attempt) for _ in range(number)]].count(False)

    return _timed(all_of_them)


def _timed(run: Callable[[], int]) -> _Batch:
    start, cpu = time.perf_counter(), _cpu_s()
    failed = run()
    return _Batch(time.perf_counter() - start, _cpu_s() - cpu, failed)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _left(kind: SandboxKind) -> int:
    if kind != "docker":
        return 0
    from task_agent.sandbox.docker import reap

    return reap({_LABEL: "1"})
