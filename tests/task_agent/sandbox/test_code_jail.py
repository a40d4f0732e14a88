"""The jails of a worker: what they keep, and that nothing outlives it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from optimizer.reap import reap
from task_agent.errors import SandboxLostError
from task_agent.sandbox import mark
from task_agent.sandbox.code_jail import KEPT, CodeJail, CodeJails, why_no_jail

pytestmark = pytest.mark.bubblewrap
ROOT = Path(__file__).parents[3]
SPIN = b"def run(fd, bundle):\n    while True:\n        pass\n"
LEAVE = b"import os\ndef run(fd, bundle):\n    os._exit(7)\n"

WORKER = """
import asyncio, sys, time
from task_agent.sandbox import mark
from task_agent.sandbox.code_jail import CodeJail

async def main():
    mark.put_on(sys.argv[1])
    jail = CodeJail({}, CLIENT, isolated=ISOLATED)
    await jail.open()
    await asyncio.gather(*(jail.start() for _ in range(3)))
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def below(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*"):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found[1:]


def started(*, isolated: bool, marked: str) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a worker with three attempts that spin, and name all that is below it."""
    program = WORKER.replace("CLIENT", repr(SPIN)).replace("ISOLATED", repr(isolated))
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    worker = subprocess.Popen([sys.executable, "-c", program, marked], env=env, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    family = below(worker.pid)
    assert len(family) >= (5 if isolated else 4)
    return worker, family


def end(worker: subprocess.Popen[str]) -> None:
    worker.kill()
    worker.communicate()


def runs(pid: int) -> bool:
    """Say whether a process is there and not one that has ended and waits to be asked."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def still_there(pids: list[int], *, within_s: float = 10.0) -> list[int]:
    until = time.monotonic() + within_s
    while left := [pid for pid in pids if runs(pid)]:
        if time.monotonic() > until:
            break
        time.sleep(0.02)
    return left


@pytest.mark.parametrize("isolated", [True, False])
def test_a_worker_killed_at_once_leaves_no_process(isolated: bool) -> None:
    worker, family = started(isolated=isolated, marked="")
    end(worker)
    assert still_there(family) == []


def test_the_reaper_ends_the_jails_of_a_run() -> None:
    marked = mark.mark_of(f"code-jail-{os.getpid()}")
    worker, family = started(isolated=True, marked=marked)
    try:
        assert reap(marked, "bubblewrap").processes >= 1
        assert still_there(family) == []
        assert worker.poll() is None
    finally:
        end(worker)


def test_a_jail_works_here() -> None:
    assert why_no_jail() == ""


async def test_an_attempts_end_is_told_with_its_exit_code() -> None:
    jail = CodeJail({}, LEAVE)
    await jail.open()
    process = await jail.start()
    async with asyncio.timeout(10):
        assert (await process.ended).code == 7
    await process.kill()
    await process.kill()
    await jail.close()
    with pytest.raises(SandboxLostError):
        await jail.start()


async def test_a_worker_keeps_a_few_idle_jails_and_no_more() -> None:
    jails = CodeJails(LEAVE)
    for number in range(KEPT + 2):
        await (await jails.start(str(number), {})).kill()
    busy = [await jails.start(str(number), {}) for number in range(KEPT + 2)]
    servers = [pid for pid in below(os.getpid()) if b"/runner/zygote.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(servers) > KEPT
    await asyncio.gather(*(process.kill() for process in busy))
    await (await jails.start("last", {})).kill()
    assert len(jails._jails) == KEPT
    await jails.close()
    assert still_there(servers) == []


async def test_a_jail_that_was_killed_loses_its_attempts_and_a_new_one_takes_its_place() -> None:
    jails = CodeJails(SPIN)
    process = await jails.start("one", {})
    servers = [pid for pid in below(os.getpid()) if b"/runner/zygote.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    for pid in servers:
        os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        assert (await process.ended).code is None
    await process.kill()
    await (await jails.start("one", {})).kill()
    await jails.close()


@pytest.mark.parametrize("late", ["the server", "the worker"])
def test_an_attempt_that_ends_with_the_worker_does_not_keep_the_others_alive(late: str) -> None:
    worker, (server, first, *others) = started(isolated=False, marked="")
    stopped = server if late == "the server" else worker.pid
    os.kill(stopped, signal.SIGSTOP)
    os.kill(first, signal.SIGKILL)
    assert still_there([first]) == []
    time.sleep(0.2)  # the server, where it is not the one that is stopped, tells of it
    end(worker)
    os.kill(server, signal.SIGCONT)
    assert still_there([server, *others]) == []
