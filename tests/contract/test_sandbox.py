"""What every kind of sandbox keeps, each claim shown on a real one."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from task_agent.errors import SandboxLostError
from task_agent.sandbox import ExecResult, Probe, Sandbox, SandboxKind, SandboxSpec, open_sandbox, probe

FILES = {"data.csv": b"a,1\nb,2\n", "deep/er/note.txt": b"\x00\xff\r\n", "run.sh": b"#!/bin/sh\necho ran $1\n"}
SPEC = SandboxSpec(files=FILES, env={"TASK_SETTING": "seven"}, disk_mb=8, pids=60)
REPOSITORY = Path(__file__).resolve().parents[2]
KINDS = (
    pytest.param("process", id="process"),
    pytest.param("bubblewrap", id="bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("docker", id="docker", marks=pytest.mark.docker),
)
JAILS = KINDS[1:]
ON_HOST = KINDS[:2]
GRADE = 'sh "$TESTS_DIR/test.sh"'

pytestmark = pytest.mark.asyncio(loop_scope="module")
every_kind = pytest.mark.parametrize("kind", KINDS, indirect=True)
every_jail = pytest.mark.parametrize("kind", JAILS, indirect=True)
on_host = pytest.mark.parametrize("kind", ON_HOST, indirect=True)

_probe: Callable[[SandboxKind], Probe] = functools.cache(probe)


@pytest.fixture(scope="module")
def kind(request: pytest.FixtureRequest) -> SandboxKind:
    tried = _probe(request.param)
    if not tried.ok:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have {tried.kind}: {tried.reason}")
        pytest.skip(f"no {tried.kind} here: {tried.reason}")
    return tried.kind


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(kind: SandboxKind) -> AsyncIterator[Sandbox]:
    """Give a sandbox of its own, for claims that end it or its phases."""
    own = open_sandbox(kind, SPEC)
    yield own
    await own.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _kept(kind: SandboxKind) -> AsyncIterator[list[Sandbox]]:
    kept = [open_sandbox(kind, SPEC)]
    yield kept
    await kept[0].close()


@pytest_asyncio.fixture(loop_scope="module")
async def shared(_kept: list[Sandbox]) -> Sandbox:
    """Give a sandbox that earlier claims may have used; its shell starts in the work directory."""
    await run(_kept[0], f"cd {_kept[0].path('/app')}")
    return _kept[0]


async def run(sandbox: Sandbox, command: str, *, timeout_s: float = 30, stdin: bytes = b"") -> ExecResult:
    return await sandbox.exec(command, timeout_s=timeout_s, stdin=stdin)


async def said(sandbox: Sandbox, command: str) -> str:
    done = await run(sandbox, command)
    assert done.exit_code == 0, done
    return done.output.strip()


# The shell of an attempt


@every_kind
async def test_directory_and_variables_carry_over(shared: Sandbox) -> None:
    await run(shared, "mkdir -p sub; cd sub; word=kept; export LOUD=yes; f() { echo called; }")
    assert (await said(shared, "basename $PWD; echo $word; sh -c 'echo $LOUD'; f")).split() == [
        "sub",
        "kept",
        "yes",
        "called",
    ]


@every_kind
async def test_the_tasks_files_and_settings_are_there(shared: Sandbox) -> None:
    assert (
        await said(shared, "cat data.csv; wc -c < deep/er/note.txt; ./run.sh x; echo $TASK_SETTING")
        == "a,1\nb,2\n4\nran x\nseven"
    )


@every_kind
@pytest.mark.parametrize(("command", "code"), [("true", 0), ("false", 1), ("(exit 7)", 7), ("no-such-program", 127)])
async def test_the_exit_code_is_the_commands(shared: Sandbox, command: str, code: int) -> None:
    assert (await run(shared, command)).exit_code == code


@every_kind
async def test_output_and_errors_come_in_the_order_written(shared: Sandbox) -> None:
    assert await said(shared, "echo 1; echo 2 >&2; echo 3; echo 4 >&2") == "1\n2\n3\n4"


@every_kind
async def test_no_variable_of_the_host_leaks_in(shared: Sandbox) -> None:
    names = {line.partition("=")[0] for line in (await said(shared, "env")).splitlines()}
    own = {"PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_", "LANG", "TERM", "TZ", "TMPDIR", "HOSTNAME", "RATCHET_SANDBOX"}
    assert "PYTEST_CURRENT_TEST" in os.environ
    assert names - own - {"TASK_SETTING", "LOUD"} == set()


@every_kind
async def test_input_reaches_the_command_byte_for_byte(shared: Sandbox) -> None:
    sent = bytes(range(256)) * 300
    assert (await run(shared, "wc -c; true", stdin=sent)).output.strip() == str(len(sent))
    assert (await run(shared, "od -An -tx1 -v | head -1", stdin=b"\x00\n'\xff")).output.split() == [
        "00",
        "0a",
        "27",
        "ff",
    ]


@every_kind
async def test_a_command_without_input_sees_its_end_at_once(shared: Sandbox) -> None:
    assert await said(shared, "cat; read -r line; echo over") == "over"


@every_kind
async def test_huge_output_keeps_beginning_and_end_and_counts_all(shared: Sandbox) -> None:
    done = await run(shared, "echo first; head -c 20000000 /dev/zero | tr '\\0' x; echo; echo last")
    assert done.output_bytes == 20_000_012
    assert len(done.output) < SPEC.output_limit_bytes + 100
    assert done.output.startswith("first\n")
    assert done.output.endswith("x\nlast\n")
    assert "bytes left out" in done.output


@every_kind
async def test_binary_output_is_text_with_replacements(shared: Sandbox) -> None:
    done = await run(shared, r"printf 'a\377\376\000b'")
    assert done.output == "a\ufffd\ufffd\x00b"
    assert done.output_bytes == 5


@every_kind
@pytest.mark.parametrize(
    ("command", "code"),
    [("exit 3", 3), ("set -e; false; echo unreached", 1), ("exec sh -c 'exit 4'", 4), ("trap - EXIT; exit 5", 5)],
)
async def test_the_shells_end_is_reported_and_a_fresh_one_takes_over(shared: Sandbox, command: str, code: int) -> None:
    await run(shared, "gone=1; export PATH=/nowhere:$PATH")
    assert (await run(shared, command)).exit_code == code
    assert await said(shared, "basename $PWD; echo [$gone] $PATH") in {
        f"{base}\n[] {path}"
        for base in ("app", "work")
        for path in ("/usr/local/bin:/usr/bin:/bin", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    }


@every_kind
@pytest.mark.parametrize(
    "command",
    [
        "echo 'one",
        'echo "two',
        "cat <<END\nthree",
        "if true; then",
        ")",
        "exec >/dev/null 2>&1 </dev/null",
        "exec 1>&- 2>&-",
        "set -x; set +x",
        "IFS=0123456789",
        "echo nul \0 and lone \ud800",
        "break; continue; return 3",
        "alias printf=false; shopt -s expand_aliases 2>/dev/null",
    ],
    ids=str.split,
)
async def test_no_command_derails_the_conversation(shared: Sandbox, command: str) -> None:
    await run(shared, command)
    assert await said(shared, "unalias printf 2>/dev/null; unset IFS; echo still here") == "still here"


@every_kind
async def test_a_background_process_with_the_output_open_delays_nobody(shared: Sandbox) -> None:
    start = time.monotonic()
    assert await said(shared, "sleep 20 & echo started") == "started"
    assert await said(shared, "(while :; do echo noise; sleep 0.05; done) >/dev/null & echo again") == "again"
    assert time.monotonic() - start < 10


@every_kind
async def test_a_background_process_outlives_its_command_and_the_shell(shared: Sandbox) -> None:
    await run(shared, "rm -f beat; (while :; do echo x >> beat; sleep 0.05; done) >/dev/null 2>&1 &")
    await run(shared, "until test -e beat; do sleep 0.02; done; exit 1")
    before = int(await said(shared, "wc -c < beat"))
    assert await said(shared, f"while test $(wc -c < beat) = {before}; do sleep 0.02; done; echo beats") == "beats"


@every_kind
async def test_a_command_of_any_length_is_taken(shared: Sandbox) -> None:
    text = "0123456789" * 30_000
    assert await said(shared, f"v='{text}'; echo ${{#v}}") == "300000"


@every_kind
async def test_commands_asked_for_at_once_run_one_after_the_other(shared: Sandbox) -> None:
    await run(shared, "n=0")
    await asyncio.gather(*(run(shared, "m=$n; sleep 0.02; n=$((m+1))") for _ in range(5)))
    assert await said(shared, "echo $n") == "5"


# Files in and out


@every_kind
async def test_files_put_in_come_out_again(shared: Sandbox) -> None:
    data = bytes(range(256)) * 1000
    await shared.put({"new/one.bin": data, "new/empty": b""}, "/app")
    assert await shared.get("/app/new/one.bin") == data
    assert await shared.get("/app/new/empty") == b""
    assert await said(shared, "wc -c < new/one.bin; echo more >> new/one.bin; echo own > new/own") == "256000"


@every_kind
@pytest.mark.parametrize("folder", ["/harness/tools/count", "/solution", "/tmp/sub", "/app/bin"])
async def test_scripts_put_in_can_be_run(shared: Sandbox, folder: str) -> None:
    await shared.put({"run": b"#!/bin/sh\necho ran; cat\n", "plain.txt": b"no script"}, folder)
    done = await run(shared, f"{shared.path(folder)}/run", stdin=b'{"a": 1}')
    assert (done.exit_code, done.output) == (0, 'ran\n{"a": 1}')
    assert (await run(shared, f"test -x {shared.path(folder)}/plain.txt")).exit_code == 1


@every_kind
@pytest.mark.parametrize(
    "made", ["true", "mkdir x", "mkfifo x", "ln -s /etc/passwd x", "ln -s data.csv x", "ln -s x x"]
)
async def test_only_a_regular_file_can_be_read(shared: Sandbox, made: str) -> None:
    await run(shared, f"rm -rf x; {made}")
    with pytest.raises(FileNotFoundError):
        await shared.get("/app/x")
    await run(shared, "rm -rf x")


@every_kind
async def test_a_file_larger_than_the_limit_is_not_read(shared: Sandbox) -> None:
    await run(shared, "head -c 100 /dev/zero > hundred")
    assert len(await shared.get("/app/hundred", limit_bytes=100)) == 100
    with pytest.raises(ValueError, match="larger than 99"):
        await shared.get("/app/hundred", limit_bytes=99)


@every_kind
@pytest.mark.parametrize("name", ["../up", "/abs", "a/../../b", ""])
async def test_a_name_that_leaves_the_folder_is_refused(shared: Sandbox, name: str) -> None:
    with pytest.raises(ValueError, match="not a relative path"):
        await shared.put({name: b""}, "/app")


@on_host
async def test_a_link_out_of_the_work_directory_is_not_followed(shared: Sandbox, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    (tmp_path / "secret").write_text("host")
    await run(shared, f"rm -rf out file; ln -s {tmp_path} out; ln -s {tmp_path}/secret file")
    with pytest.raises(FileNotFoundError):
        await shared.get("/app/out/secret")
    await shared.put({"out/new": b"1", "file": b"2"}, "/app")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert (tmp_path / "secret").read_text() == "host"
    assert await said(shared, "cat out/new file") == "12"


# Isolation and limits


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


# Time-outs


@every_kind
async def test_a_time_out_kills_the_tree_and_keeps_the_files(sandbox: Sandbox) -> None:
    beat = "while :; do echo x >> beat; sleep 0.02; done"
    command = f"cd deep; word=lost; cd ..; echo early; (setsid sh -c '{beat}' >/dev/null 2>&1 &); sleep 30; echo late"
    done = await run(sandbox, command, timeout_s=1)
    assert (done.exit_code, done.timed_out, done.output) == (None, True, "early\n")
    before = await said(sandbox, "cat beat | wc -c; echo [$word]")
    await asyncio.sleep(0.2)
    assert await said(sandbox, "cat beat | wc -c; echo [$word]") == before
    assert before.endswith("[]")


@every_kind
async def test_a_cancelled_command_leaves_a_sandbox_of_use(sandbox: Sandbox) -> None:
    await run(sandbox, "echo kept > kept")
    task = asyncio.create_task(run(sandbox, "sleep 30"))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await said(sandbox, "cat kept") == "kept"


# Grading


@every_kind
async def test_grading_sees_the_work_and_nothing_of_the_agents_shell(sandbox: Sandbox) -> None:
    await run(
        sandbox, "mkdir bad; export PATH=$PWD/bad:$PATH LD_PRELOAD=/x.so; echo work > done.txt; cd bad", timeout_s=10
    )
    test = b'#!/bin/sh\nenv; cat done.txt\necho "$1" > $LOGS_DIR/verifier/reward.txt\nexit 9\n'
    graded = await sandbox.verify({"test.sh": test, "in/x": b""}, f"{GRADE} 0.5", timeout_s=30, env={"GIVEN": "1"})
    assert (graded.result.exit_code, graded.result.timed_out) == (9, False)
    assert graded.logs == {"reward.txt": b"0.5\n"}
    lines = graded.result.output.splitlines()
    assert {"work", "GIVEN=1", "TASK_SETTING=seven"} <= set(lines)
    assert not any("LD_PRELOAD" in line or "/bad" in line for line in lines)
    assert f"PWD={sandbox.path('/app')}" in lines


@every_kind
async def test_a_forged_reward_and_its_daemon_are_gone_before_grading(sandbox: Sandbox) -> None:
    logs, tests = sandbox.path("/logs"), sandbox.path("/tests")
    forge = f"mkdir -p {logs}/verifier {tests}; echo 1 > {logs}/verifier/reward.txt; echo 'exit 0' > {tests}/test.sh"
    await run(
        sandbox, f"({forge}) 2>/dev/null; (setsid sh -c 'while :; do {forge}; sleep 0.01; done' >/dev/null 2>&1 &)"
    )
    test = b"sleep 0.2; ls $LOGS_DIR/verifier; ls $TESTS_DIR\n"
    graded = await sandbox.verify({"test.sh": test}, GRADE, timeout_s=30, env={})
    assert (graded.result.output, graded.logs) == ("test.sh\n", {})


@every_kind
async def test_odd_files_among_the_logs_are_left_out(sandbox: Sandbox) -> None:
    test = b"""cd $LOGS_DIR/verifier; echo fine > sound.txt; mkdir sub; echo 1 > sub/reward.txt
    ln -s /etc/passwd link; ln -s / all; mkfifo fifo
    head -c 1000001 /dev/zero > huge; head -c 1000000 /dev/zero > full\n"""
    graded = await sandbox.verify({"test.sh": test}, GRADE, timeout_s=30, env={})
    assert set(graded.logs) == {"sound.txt", "sub/reward.txt", "full"}


@every_kind
async def test_a_grading_that_hangs_is_ended_with_what_it_left(sandbox: Sandbox) -> None:
    test = b"echo 0 > $LOGS_DIR/verifier/reward.txt; echo so far; sleep 30 & cat; sleep 30\n"
    graded = await sandbox.verify({"test.sh": test}, GRADE, timeout_s=1.5, env={})
    assert (graded.result.exit_code, graded.result.timed_out) == (None, True)
    assert graded.result.output == "so far\n"
    assert graded.logs == {"reward.txt": b"0\n"}


@every_kind
async def test_a_sandbox_can_grade_without_an_agents_phase_and_then_runs_nothing_more(sandbox: Sandbox) -> None:
    graded = await sandbox.verify({"test.sh": b"cat data.csv; cat\n"}, GRADE, timeout_s=30, env={})
    assert (graded.result.exit_code, graded.result.output) == (0, "a,1\nb,2\n")
    assert await sandbox.get("/app/data.csv") == FILES["data.csv"]
    with pytest.raises(RuntimeError, match="phase is over"):
        await run(sandbox, "true")


@every_kind
async def test_a_sandbox_of_two_rounds_is_worked_in_again_after_the_first_grading(kind: SandboxKind) -> None:
    own = open_sandbox(kind, replace(SPEC, rounds=2))
    try:
        await run(own, "echo one > first.txt")
        first = await own.verify(
            {"test.sh": b"cat first.txt > $LOGS_DIR/verifier/reward.txt\n"}, GRADE, timeout_s=30, env={}
        )
        assert first.logs == {"reward.txt": b"one\n"}
        seen = await said(
            own, f"cat {own.path('/tests')}/test.sh {own.path('/logs')}/verifier/reward.txt 2>&1 || cat first.txt"
        )
        assert seen.endswith("one")
        assert "LOGS_DIR" not in seen
        await run(own, "echo two > first.txt")
        second = await own.verify({"test.sh": b"cat first.txt\n"}, GRADE, timeout_s=30, env={})
        assert (second.result.output, second.logs) == ("two\n", {})
        with pytest.raises(RuntimeError, match="phase is over"):
            await run(own, "true")
    finally:
        await own.close()


# Start and end


@every_kind
async def test_close_is_safe_twice_and_before_a_start_and_ends_the_sandbox(kind: SandboxKind) -> None:
    own = open_sandbox(kind, SPEC)
    await own.close()
    await own.close()
    with pytest.raises(SandboxLostError):
        await run(own, "true")


@on_host
async def test_close_removes_whatever_the_agent_made(kind: SandboxKind, tmp_path: Path) -> None:
    own = open_sandbox(kind, SPEC)
    deep = "python3 -c \"import os; [(os.mkdir('d' * 200), os.chdir('d' * 200)) for _ in range(40)]\""
    shut = "mkdir shut; touch shut/x; chmod 000 shut"
    assert (await run(own, f"(sleep 30 &) ; {shut}; ln -s {tmp_path} link; mkfifo fifo; {deep}")).exit_code == 0
    folder = _host_folder(own)
    assert folder.exists()
    await own.close()
    assert not folder.exists()
    assert tmp_path.exists()


@on_host
async def test_nothing_is_made_before_the_first_use(kind: SandboxKind) -> None:
    own = open_sandbox(kind, SPEC)
    assert getattr(own, "_made") is None  # noqa: B009
    await own.close()


@every_jail
async def test_an_end_from_outside_is_named_as_such(sandbox: Sandbox) -> None:
    await run(sandbox, "true")
    task = asyncio.create_task(run(sandbox, "sleep 20"))
    await asyncio.sleep(0.3)
    _end_from_outside(sandbox)
    with pytest.raises(SandboxLostError, match="ended"):
        await task


@pytest.mark.parametrize("kind", [KINDS[2]], indirect=True)
async def test_an_image_is_built_once_per_content(kind: SandboxKind) -> None:
    from task_agent.sandbox.docker import DEFAULT_IMAGE

    base = os.environ.get("RATCHET_DOCKER_IMAGE", DEFAULT_IMAGE)
    context = {"Dockerfile": f"FROM {base}\nCOPY part/file /part\nENV BUILT=yes\n".encode(), "part/file": b"copied\n"}
    seconds = []
    for _ in range(2):
        own = open_sandbox(kind, SandboxSpec(build_context=context))
        start = time.monotonic()
        try:
            assert await said(own, "cat /part; echo $BUILT") == "copied\nyes"
        finally:
            await own.close()
        seconds.append(time.monotonic() - start)


@pytest.mark.parametrize("kind", [KINDS[2]], indirect=True)
async def test_containers_carry_labels_and_can_be_reaped_by_them(kind: SandboxKind) -> None:
    from task_agent.sandbox.docker import reap

    mark = {"ratchet.run": f"run-{os.getpid()}-{time.monotonic_ns()}"}
    lost = open_sandbox(kind, SandboxSpec(labels=mark))
    await run(lost, "true")
    assert await asyncio.to_thread(reap, mark) == 1
    assert await asyncio.to_thread(reap, mark) == 0
    await lost.close()


def _host_folder(sandbox: Sandbox) -> Path:
    made = getattr(sandbox, "_made")  # noqa: B009  (the Protocol has no name for it)
    path = made.path
    assert isinstance(path, Path)
    return path


def _end_from_outside(sandbox: Sandbox) -> None:
    if sandbox.kind == "docker":
        from task_agent.sandbox.docker import _engine

        _engine().kill(getattr(sandbox, "_start").result().container)  # noqa: B009
    else:
        getattr(sandbox, "_running").process.kill()  # noqa: B009
