"""Grading sees the work, and nothing of the agent's making besides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from task_agent.sandbox import Sandbox, SandboxKind, open_sandbox

from .cases import FILES, GRADE, SPEC, every_kind, run, said

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
