"""Whole attempts of a harness whose orchestration is code: a real jail, a real sandbox, a real verifier."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.suite import Suite
from benchmarks.task import Task
from optimizer.attempt import AttemptRunner
from optimizer.attempt_spec import AttemptResult, AttemptSpec, Purpose
from optimizer.schedule.base import Job
from task_agent.harness import HarnessBundle
from task_agent.models.scripted import ScriptedModel, Step, call, say
from task_agent.orchestration.code import open_jails
from task_agent.sandbox import SandboxKind, SandboxSpec, open_sandbox
from traces.event import Event
from traces.store import TraceStore
from traces.writer import TraceWriter

pytestmark = pytest.mark.bubblewrap
GRADE = b'grep -qx 3 out && echo 1 > "$LOGS_DIR/verifier/reward.txt" || echo 0 > "$LOGS_DIR/verifier/reward.txt"\n'
KINDS = [pytest.param("bubblewrap"), pytest.param("docker", marks=pytest.mark.docker)]

CHECKED = """\
async def orchestrate(ctx):
    main = ctx.agent()
    answer = await main.run(ctx.opening())
    while (await ctx.exec("cat out")).output.strip() != "3":
        answer = await main.run("The file `out` does not hold the sum.")
    return answer
"""
GREEDY = """\
async def orchestrate(ctx):
    await ctx.exec("echo 3 > out")
    import ctypes
    ctypes.CDLL(None).ptrace(16, 1, 0, 0)
"""


async def attempt(root: Path, kind: SandboxKind, code: str, *steps: Step) -> tuple[AttemptResult, list[Event]]:
    image = "ratchet-base:bookworm" if kind == "docker" else None
    task = Task("sum", "Add up.", SandboxSpec(files={"in.csv": b"1,2\n"}, image=image), {"test.sh": GRADE})
    files = {
        "harness.yaml": b"name: coded\norchestration: {pattern: code}\n",
        "prompts/system.md": b"Work.\n",
        "orchestration.py": code.encode(),
    }
    bundle = HarnessBundle(files)
    runner = AttemptRunner(
        Suite("made", (task,)),
        ScriptedModel(steps),
        model="simulated",
        effort=None,
        make_sandbox=lambda spec: open_sandbox(kind, spec),
        traces=TraceWriter(root, "w"),
        seed=7,
        jails=open_jails(),
    )
    try:
        result = await runner.run(
            Job(AttemptSpec("r", "c000", bundle.hash, "sum", "train", 0, Purpose.BASELINE), bundle)
        )
    finally:
        await runner.close()
    return result, TraceStore(root).read_attempt("c000/sum/a00")


@pytest.mark.parametrize("kind", KINDS)
async def test_code_leads_an_agent_to_a_reward(kind: SandboxKind, tmp_path: Path) -> None:
    wrong, right = call("bash", {"command": "echo 12 > out"}), call("bash", {"command": "echo 3 > out"})
    result, events = await attempt(tmp_path, kind, CHECKED, wrong, say("Done."), right, say("Now."))
    assert (result.reward, result.cause, result.turns) == (1.0, None, 4)
    assert [event.text for event in events if event.agent == "orchestration" and event.kind == "tool_result"] == [
        "12\n",
        "3\n",
    ]


@pytest.mark.parametrize("kind", KINDS)
async def test_code_that_wants_out_gets_nothing_though_its_work_is_right(kind: SandboxKind, tmp_path: Path) -> None:
    result, events = await attempt(tmp_path, kind, GREEDY)
    assert (result.reward, result.cause) == (0.0, "tampered")
    assert "ptrace" in result.detail
    assert "ptrace" in [event.data["detail"] for event in events if event.name == "refused"]


async def test_a_crash_of_code_is_reward_0_with_its_lines_in_the_trace(tmp_path: Path) -> None:
    result, events = await attempt(tmp_path, "bubblewrap", "async def orchestrate(ctx):\n    return ctx.nothing\n")
    assert (result.reward, result.cause) == (0.0, "agent_crashed")
    assert 'orchestration.py", line 2, in orchestrate' in result.detail
    assert events[-2].text == result.detail
