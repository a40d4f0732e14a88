# ruff: noqa: E501 - one script to a line
"""A grading forked in the kept jail is what a grading in a fresh jail is, and meets nobody else's work."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from task_agent.errors import SandboxLostError
from task_agent.sandbox import SandboxKind, SandboxSpec, VerifyRun, grading_jail
from task_agent.sandbox._cgroup import Group
from task_agent.sandbox._folder import remove_tree
from task_agent.sandbox.bubblewrap import BubblewrapSandbox, held

from .cases import REPOSITORY, in_bubblewrap

pytestmark = [pytest.mark.asyncio(loop_scope="module"), in_bubblewrap]
COMMAND = 'bash "$TESTS_DIR/test.sh"'
SPEC = SandboxSpec(files={"a.txt": b"work\n"}, env={"SET": "1"}, disk_mb=8, pids=40, memory_mb=96)
CANARY = "canary-4fd1"


class Fresh(BubblewrapSandbox):
    """Grade in a jail of its own each time."""

    forks_gradings = False


SAME = {
    "a reward": 'echo 1 > "$LOGS_DIR/verifier/reward.txt"; cat a.txt',
    "an exit code": "exit 9",
    "a signal": "kill -9 $$; echo still",
    "a signal of its child": "sh -c 'kill -SEGV $$'",
    "a pipe shut early": "yes | head -1; echo ${PIPESTATUS[*]}",
    "no reward": "true",
    "what it is": "id; hostname; pwd; umask; ulimit -a; env | sort; echo $$; cat",
    "its powers": "grep -E 'Cap|NoNew|Seccomp|SigIgn|SigBlk|Groups' /proc/self/status",
    "what it sees": "ls -a / /app /tests /logs /logs/verifier /logs/agent /tmp /dev /dev/shm /etc; find /home /root /srv /new /attempts",
    "where it may write": "for d in / /app /tests /logs /logs/verifier /logs/agent /tmp /dev /dev/shm /etc /usr /proc/sys; do"
    " (echo x > $d/x) 2>/dev/null && echo $d; done; rm -f /app/x; find / -xdev -writable -not -path '/proc/*' | sort",
    "devices": "echo x > /dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c; exec 5<>/dev/ptmx; ls /dev/pts",
    "its descriptors": "ls /proc/self/fd | wc -l; readlink /proc/self/fd/0",
    "its sizes": "head -c 20000000 /dev/zero > /tmp/x; head -c 9000000 /dev/zero > x; stat -c %s /tmp/x x; rm x",
    "other processes": "set -- /proc/[0-9]*; echo $#; (setsid sleep 60 &); (sleep 60 &); kill -9 -1; echo left",
    "loopback": 'python3 -c \'import socket; s = socket.create_server(("127.0.0.1", 0)); '
    "socket.create_connection(s.getsockname()); print(1)'; tail -n +3 /proc/net/dev | wc -l",
    "refused calls": "unshare -Ur true; mount -t tmpfs none /tmp; umount /app; python3 -c 'import os; os.chroot(\"/tmp\")'",
    "a Python grader": "exec python3 -I -S -c 'import sys; print(sys.flags, sys.path, sys.argv, sorted(sys.modules))'",
    "much output": "head -c 300000 /dev/zero | tr '\\0' x; echo; echo last",
    "bytes": "printf 'a\\377\\000b'",
    "too many processes": "for i in $(seq 60); do sleep 9 & done 2>/dev/null; jobs | wc -l",
    "too much memory": "python3 -c 'x = bytearray(150_000_000)'; echo $?",
    "a hanging one": 'echo 0 > "$LOGS_DIR/verifier/reward.txt"; echo so far; sleep 60 & sleep 60',
}


async def graded(test: str, kind: type[BubblewrapSandbox] = BubblewrapSandbox, timeout_s: float = 30.0) -> VerifyRun:
    sandbox = kind(SPEC)
    try:
        return await sandbox.verify({"test.sh": test.encode()}, COMMAND, timeout_s=timeout_s, env={"GIVEN": "2"})
    finally:
        await sandbox.close()


@pytest.mark.parametrize("case", SAME)
async def test_both_ways_give_the_same_result(case: str, server: int) -> None:
    limit = 2.0 if case == "a hanging one" else 30.0
    forked, fresh = await asyncio.gather(graded(SAME[case], timeout_s=limit), graded(SAME[case], Fresh, limit))
    assert (forked.result.exit_code, forked.result.timed_out) == (fresh.result.exit_code, fresh.result.timed_out)
    assert (forked.result.output, forked.logs) == (fresh.result.output, fresh.logs)
    assert forked.result.output_bytes == fresh.result.output_bytes
    assert forked.result.timed_out == (case == "a hanging one")


async def test_a_grading_holds_no_power_and_its_filter(server: int) -> None:
    status = (await graded("cat /proc/self/status")).result.output
    lines = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert {lines[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (lines["NoNewPrivs"], lines["Seccomp"], lines["Uid"].split()[0]) == ("1", "2", "1000")


REACH = f"""
grep -rls {CANARY} / --exclude-dir=proc --exclude-dir=usr 2>/dev/null
cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | grep -ac '[c]{CANARY[1:]}'
for pid in /proc/[0-9]*; do for way in root cwd; do ls $pid/$way/attempts $pid/$way/new $pid/$way/grader 2>/dev/null; done; done
ls -d /attempts /new /grader /python /tmp/ratchet-* 2>/dev/null
ls /proc/self/fd | wc -l
ls /dev/shm
python3 -c "
import ctypes, os, socket
shared = ctypes.CDLL(None).shmget(4711, 10, 0)
print('shared memory' if shared >= 0 else 'none')
for name in ('\\0{CANARY}', '/tmp/{CANARY}'):
    try: socket.socket(socket.AF_UNIX).connect(name); print('connected')
    except OSError: print('alone')
try: socket.create_connection(('127.0.0.1', 47110), 1); print('connected')
except OSError: print('alone')
"
wc -l < /proc/mounts
"""
HOST = f"""
echo {CANARY} | tee /app/c /tmp/c /dev/shm/c /logs/verifier/c > /dev/null
exec python3 -c "
import ctypes, socket, time
ctypes.CDLL(None).shmget(4711, 10, 0o1666)
kept = [socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX), socket.create_server(('127.0.0.1', 47110))]
for one, name in zip(kept, ('\\0{CANARY}', '/tmp/{CANARY}')): one.bind(name); one.listen()
open('/logs/verifier/up', 'w').close()
time.sleep(60)
"
"""


async def test_no_other_attempt_can_be_reached(server: int) -> None:
    host = BubblewrapSandbox(SPEC)
    hosting = asyncio.create_task(host.verify({"test.sh": HOST.encode()}, COMMAND, timeout_s=90, env={}))
    try:
        up = Path(host._folder.host("/logs/verifier")) / "up"
        while not up.exists():
            assert not hosting.done(), hosting.result()
            await asyncio.sleep(0.05)
        reached = (await graded(REACH)).result.output.splitlines()
        assert reached[:-1] == ["/tests/test.sh", "0", "4", "none", "alone", "alone", "alone"]
        assert 15 <= int(reached[-1]) <= 25
    finally:
        hosting.cancel()
        await asyncio.gather(hosting, return_exceptions=True)
        await host.close()


async def test_a_fork_bomb_takes_nothing_from_a_grading_beside_it(server: int) -> None:
    bomb = "b() { b | b & }; b; sleep 3"
    count = "for i in $(seq 30); do sleep 0.5 & done; wait; echo all"
    bombed, beside = await asyncio.gather(graded(bomb, timeout_s=3), graded(count))
    assert beside.result.output == "all\n"
    assert bombed.result.exit_code != 0


async def test_memory_is_held_over_all_processes_of_a_grading(server: int) -> None:
    hog = "python3 -c 'import time; x = bytearray(40_000_000); time.sleep(1); print(\"lived\")'"
    run = await graded(f"for i in 1 2 3 4; do {hog} & done 2>/dev/null; wait; echo end")
    assert 0 < run.result.output.splitlines().count("lived") < 4


async def test_nothing_is_left_of_a_grading_that_ran_out_of_time_or_was_given_up(server: int) -> None:
    await graded("sleep 60 & setsid sleep 60 & sleep 60", timeout_s=0.5)
    given_up = asyncio.create_task(graded("sleep 60 & sleep 60"))
    await asyncio.sleep(0.5)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert below(server) == []
    assert len(list(Path(f"/proc/{server}/fd").iterdir())) <= 6
    assert (await graded("echo on")).result.output == "on\n"
    assert _servers(os.getpid()) == [server]


async def test_many_at_once_keep_to_themselves(server: int) -> None:
    runs = await asyncio.gather(*(graded(f"echo {n} > x; sleep 0.1; cat x; exit {n}") for n in range(24)))
    assert [(run.result.output, run.result.exit_code) for run in runs] == [(f"{n}\n", n) for n in range(24)]


async def test_a_jail_that_went_down_is_named_and_the_next_grading_gets_another(server: int) -> None:
    running = asyncio.create_task(graded("sleep 60"))
    await asyncio.sleep(0.5)
    os.kill(server, signal.SIGKILL)
    with pytest.raises(SandboxLostError, match="went down"):
        await running
    assert (await graded("echo on")).result.output == "on\n"
    assert _servers(os.getpid()) != [server]


async def test_a_grading_that_ends_as_it_is_given_up_takes_no_other_with_it(server: int) -> None:
    jail = await kept_jail()
    over, beside = grading_jail.Grading(jail), grading_jail.Grading(jail)
    await begin(over, "sleep 60")
    process, *_ = below(server)
    os.kill(server, signal.SIGSTOP)
    os.kill(process, signal.SIGKILL)
    while ") Z " not in Path(f"/proc/{process}/stat").read_text():
        await asyncio.sleep(0.01)
    starting = asyncio.create_task(begin(beside, "sleep 0.5; exit 7"))
    await asyncio.sleep(0.1)
    closing = asyncio.create_task(over.close())
    await asyncio.sleep(0.1)
    os.kill(server, signal.SIGCONT)
    await asyncio.gather(starting, closing)
    assert await beside.ended(10) == 7
    await beside.close()


class Step(Group):
    """Do something in a grading's step into its group: it has greeted, and its order is still to come."""

    def __init__(self, do: Callable[[int], None]) -> None:
        self._do = do

    def take(self, pid: int) -> None:
        self._do(pid)


async def test_a_jail_that_goes_down_before_the_order_is_named(server: int) -> None:
    jail = await kept_jail()

    def fall(pid: int) -> None:
        os.kill(server, signal.SIGKILL)
        while jail.alive:
            time.sleep(0.01)

    grading = grading_jail.Grading(jail)
    with pytest.raises(SandboxLostError, match="went down"):
        await begin(grading, "true", Step(fall))
    await grading.close()


async def test_a_jail_that_goes_down_before_the_order_is_read_is_named(server: int) -> None:
    grading = grading_jail.Grading(await kept_jail())
    await begin(grading, "true", Step(lambda pid: os.kill(pid, signal.SIGSTOP)))
    os.kill(server, signal.SIGKILL)
    with pytest.raises(SandboxLostError, match="went down"):
        await grading.ended(10)
    await grading.close()


UNABLE = """
import sys
from pathlib import Path
from task_agent.sandbox.grading_jail import GradingJail
from traces.errors import SandboxUnavailableError
try:
    GradingJail(Path("/tmp"))
except SandboxUnavailableError as error:
    print(error.message)
"""


async def test_a_jail_that_cannot_be_worded_leaves_nothing_open(server: int, tmp_path: Path) -> None:
    for name in ("ldd", "chroot"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    env = {"PATH": f"{tmp_path}", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-W", "always::ResourceWarning", "-c", UNABLE]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("there is no `bwrap` here\n", "")


async def kept_jail() -> grading_jail.GradingJail:
    sandbox = BubblewrapSandbox(SPEC)
    try:
        jail = await grading_jail.grading_jail(sandbox._folder.path.parent)
    finally:
        await sandbox.close()
    assert jail is not None
    return jail


async def begin(grading: grading_jail.Grading, command: str, group: Group | None = None) -> None:
    order = grading_jail.Order(("/bin/sh", "-c", command), {"PATH": "/usr/bin:/bin"}, "/tmp", (), 1_000_000)
    with Path(os.devnull).open("wb") as output:
        await grading.start(order, output.fileno(), group)


async def test_a_jail_says_why_it_cannot_fork_and_serves_one_place_only(server: int, tmp_path: Path) -> None:
    assert await grading_jail.grading_jail(tmp_path) is None
    assert "each grading starts" not in held()


WORKER = f"""
import asyncio, sys
from task_agent.sandbox import SandboxSpec, mark
from task_agent.sandbox._folder import remove_tree
from task_agent.sandbox.bubblewrap import BubblewrapSandbox

async def main():
    sandbox = BubblewrapSandbox(SandboxSpec())
    test = b"echo up > /logs/verifier/up; sleep 60 & sleep 60"
    running = asyncio.create_task(sandbox.verify({{"test.sh": test}}, {COMMAND!r}, timeout_s=90, env={{}}))
    from pathlib import Path
    while not Path(sandbox._folder.host("/logs/verifier"), "up").exists():
        await asyncio.sleep(0.05)
    print(sandbox._folder.path, flush=True)
    await running

asyncio.run(main())
"""


async def test_nothing_outlives_a_worker_that_was_killed(server: int) -> None:
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    worker = subprocess.Popen([sys.executable, "-c", WORKER], env=env, stdout=subprocess.PIPE, text=True)
    with worker:
        assert worker.stdout is not None
        folder = Path(worker.stdout.readline().strip())
        family = below(worker.pid)
        assert len(family) >= 5
        worker.kill()
    end = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in family) and time.monotonic() < end:
        await asyncio.sleep(0.05)
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []
    remove_tree(folder)


def below(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*"):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found[1:]


@pytest_asyncio.fixture(loop_scope="module")
async def server(kind: SandboxKind) -> int:
    """Give the number of the kept jail's fork server, which serves."""
    assert kind == "bubblewrap"
    assert (await graded("echo up")).result.output == "up\n"
    assert grading_jail.why_fresh() == ""
    return _servers(os.getpid())[0]


def _servers(pid: int) -> list[int]:
    return [child for child in below(pid) if b"/grader/server.py" in _words(child) and b"bwrap" not in _words(child)[0]]


def _words(pid: int) -> Sequence[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return (b"",)
