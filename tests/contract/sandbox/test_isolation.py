"""What commands cannot reach, and cannot use up."""

from __future__ import annotations

import sys

import pytest

from task_agent.sandbox import Sandbox, SandboxKind, SandboxSpec, open_sandbox
from task_agent.sandbox._cgroup import hierarchy

from .cases import REPOSITORY, SPEC, every_jail, every_kind, in_bubblewrap, on_host, run, said

pytestmark = pytest.mark.asyncio(loop_scope="module")


@every_kind
async def test_the_tests_do_not_exist_while_the_agent_works(shared: Sandbox) -> None:
    assert (
        await said(shared, f"ls {shared.path('/tests')} {shared.path('/logs')}/verifier 2>/dev/null || echo none")
        == "none"
    )


@every_jail
async def test_there_is_no_network(shared: Sandbox) -> None:
    assert await said(shared, "tail -n +3 /proc/net/dev | grep -v ' lo:' | wc -l") == "0"
    reach = "import socket; s = socket.socket(); s.settimeout(2); s.connect(('10.255.255.254', 80))"
    assert "unreachable" in (await run(shared, f'python3 -c "{reach}"')).output


@every_jail
async def test_the_hosts_files_and_our_own_code_are_absent(shared: Sandbox) -> None:
    assert await said(shared, f"ls -d {REPOSITORY} {sys.prefix} 2>/dev/null; echo end") == "end"
    for name in ("optimizer", "task_agent", "benchmarks", "traces"):
        assert f"No module named '{name}'" in (await run(shared, f"python3 -c 'import {name}'")).output


@every_jail
async def test_commands_hold_no_privilege(shared: Sandbox) -> None:
    status = dict(
        line.split(":\t") for line in (await said(shared, "cat /proc/self/status")).splitlines() if ":\t" in line
    )
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert (await run(shared, "unshare -Ur true")).exit_code != 0


@every_jail
async def test_the_kernels_settings_cannot_be_written(shared: Sandbox) -> None:
    files = "/proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/vm /proc/sys/fs/file-max"
    assert await said(shared, f"find {files} -writable 2>/dev/null; echo end") == "end"


@every_jail
async def test_other_processes_of_the_machine_are_invisible(shared: Sandbox) -> None:
    assert await said(shared, "cat /proc/[0-9]*/cmdline 2>/dev/null | grep -ac '[p]ytest'; echo end") == "0\nend"
    assert (await run(shared, "kill -9 1; sleep 0.1; echo alive")).output == "alive\n"


@every_jail
async def test_a_fork_bomb_is_contained(sandbox: Sandbox) -> None:
    done = await run(sandbox, "i=0; while [ $i -lt 200 ]; do sleep 5 & i=$((i+1)); done; echo all", timeout_s=3)
    assert "all" not in done.output.split()
    assert await said(sandbox, "echo back") == "back"


@on_host
async def test_a_file_cannot_grow_beyond_the_limit(shared: Sandbox) -> None:
    done = await run(shared, "head -c 9000000 /dev/zero > big; stat -c %s big; rm big")
    assert str(8 * 1024 * 1024) in done.output


@every_jail
async def test_orphans_do_not_pile_up(shared: Sandbox) -> None:
    await run(shared, "for i in 1 2 3 4 5 6 7 8; do (sh -c 'sleep 0.05 & :') ; done; sleep 0.4")
    assert await said(shared, "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ' Z '; echo end") == "0\nend"


@in_bubblewrap
@pytest.mark.parametrize("call", ["unshare(0x10000000)", "syscall(165, 0, 0, 0, 0, 0)", "syscall(321, 0, 0, 0)"])
async def test_system_calls_without_a_use_are_refused(shared: Sandbox, call: str) -> None:
    ask = f"import ctypes; c = ctypes.CDLL(None, use_errno=True); print(c.{call}, ctypes.get_errno())"
    assert await said(shared, f'python3 -c "{ask}"; grep Seccomp: /proc/self/status') == "-1 1\nSeccomp:\t2"


@in_bubblewrap
async def test_threads_start_although_the_newer_clone_is_hidden(shared: Sandbox) -> None:
    assert (
        await said(shared, "python3 -c \"import threading; threading.Thread(target=print, args=('ran',)).start()\"")
        == "ran"
    )


@every_jail
async def test_memory_is_held_over_all_processes_of_an_attempt(kind: SandboxKind) -> None:
    own = open_sandbox(kind, SandboxSpec(memory_mb=96))
    hog = "python3 -c 'import time; x = bytearray(40_000_000); time.sleep(1)'"
    try:
        count = await said(own, f"for i in 1 2 3 4; do ({hog} && echo lived) & done 2>/dev/null; wait")
        assert 0 < count.count("lived") < 4
        assert await said(own, "echo back") == "back"
    finally:
        await own.close()


@in_bubblewrap
async def test_the_control_group_goes_with_the_sandbox(kind: SandboxKind) -> None:
    place = hierarchy()
    assert place is not None
    own = open_sandbox(kind, SPEC)
    before = {path for base in place.bases for path in base.iterdir() if path.is_dir()}
    await run(own, "sleep 60 &")
    made = {path for base in place.bases for path in base.iterdir() if path.is_dir()} - before
    assert len(made) == len(place.bases)
    await own.close()
    assert not any(path.exists() for path in made)
