"""Attempts of tasks with a course of their own: steps, artifacts, a place to wait for, a judge."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from benchmarks.judge import judge_answer
from benchmarks.suite import Suite
from benchmarks.task import Artifact, HealthCheck, JudgeSpec, Step, Task
from optimizer.attempt import AttemptRunner
from optimizer.attempt_spec import AttemptResult, AttemptSpec, AttemptStatus, Purpose
from optimizer.schedule.base import Job
from task_agent.harness import HarnessBundle
from task_agent.models.base import ModelReply
from task_agent.models.scripted import ScriptedModel, call, say
from task_agent.sandbox import SandboxSpec, open_sandbox
from traces.store import TraceStore
from traces.writer import TraceWriter

DONE = say("done", cost_usd=0.25)
GRADE = b'grep -qs "$WANTED" out.txt && r=1 || r=0\necho $r > "$LOGS_DIR/verifier/reward.txt"\n'
BUNDLE = HarnessBundle({"harness.yaml": b"name: made\n", "prompts/system.md": b"Work.\n"})
PLAIN = Task("it", "Add up.", SandboxSpec(), {"test.sh": GRADE}, verifier_env={"WANTED": "one"})


def _write(text: str) -> ModelReply:
    return call("bash", {"command": f"echo {text} >> out.txt"}, cost_usd=0.25)


def _steps(**least: float) -> Task:
    steps = []
    for name in ("one", "two"):
        part = replace(PLAIN, id=f"it/{name}", instruction=f"Write {name}.", verifier_env={"WANTED": name})
        steps.append(Step(part, min_reward=least))
    return replace(PLAIN, tests={}, steps=tuple(steps), environment=SandboxSpec(rounds=2))


@dataclass
class Lab:
    """Runs one attempt of a task and keeps what it was asked."""

    root: Path
    asked: ScriptedModel
    judge: ScriptedModel

    async def of(self, task: Task) -> AttemptResult:
        runner = AttemptRunner(
            Suite("made", (task,)),
            self.asked,
            model="simulated",
            effort=None,
            make_sandbox=lambda spec: open_sandbox("process", spec),
            traces=TraceWriter(self.root / "traces", "w"),
            seed=7,
            artifacts=self.root / "artifacts",
            judge=partial(judge_answer, client=self.judge),
        )
        try:
            spec = AttemptSpec("r", "c000", BUNDLE.hash, task.id, "train", 0, Purpose.BASELINE)
            return await runner.run(Job(spec, BUNDLE))
        finally:
            await runner.close()

    @property
    def verdict(self) -> dict[str, object]:
        """Give what the trace says of the grading."""
        events = TraceStore(self.root / "traces").read_attempt("c000/it/a00")
        return dict(next(event.data for event in events if event.kind == "verifier"))


def _lab(root: Path, *steps: ModelReply, judge: Iterable[ModelReply] = ()) -> Lab:
    return Lab(root, ScriptedModel(steps), ScriptedModel(judge))


async def test_steps_are_asked_one_after_the_other_in_one_place_and_graded_each(tmp_path: Path) -> None:
    lab = _lab(tmp_path, _write("one"), DONE, _write("two"), DONE)
    result = await lab.of(_steps())
    assert (result.reward, result.turns) == (1.0, 4)
    assert result.reward_parts == {"one": 1.0, "two": 1.0}
    openings = [str(request.messages[0].content) for request in lab.asked.requests]
    assert ["Write one." in text for text in openings] == [True, True, False, False]


async def test_a_step_that_earns_too_little_is_the_last(tmp_path: Path) -> None:
    lab = _lab(tmp_path, DONE)
    result = await lab.of(_steps(reward=1.0))
    assert (result.reward, result.turns, result.reward_parts) == (0.0, 1, {"one": 0.0, "two": 0.0})


async def test_artifacts_are_kept_in_an_archive_and_listed_in_the_trace(tmp_path: Path) -> None:
    lab = _lab(tmp_path, _write("one"), DONE)
    result = await lab.of(replace(PLAIN, artifacts=(Artifact("/app/out.txt", "got/out.txt"),)))
    assert result.reward == 1.0
    assert lab.verdict["artifacts"] == {"got/out.txt": 4}
    with tarfile.open(tmp_path / "artifacts" / "c000" / "it" / "a00.tar.gz") as kept:
        file = kept.extractfile("got/out.txt")
        assert file is not None
        assert file.read() == b"one\n"


async def test_a_place_that_never_gets_healthy_is_missing_and_never_zero(tmp_path: Path) -> None:
    lab = _lab(tmp_path, *[_write("one")] * 3)
    result = await lab.of(replace(PLAIN, healthcheck=HealthCheck("false", retries=1)))
    assert (result.status, result.reward, result.cause) == (AttemptStatus.MISSING, None, "sandbox_lost")
    assert result.retries == 2


@pytest.mark.parametrize(("price", "cost"), [(0.5, 1.0), (None, 0.5)])
async def test_a_judges_bill_is_part_of_the_attempts(tmp_path: Path, price: float | None, cost: float) -> None:
    grade = call("report_grade", {"score": 0.5, "reason": "short"}, cost_usd=price)
    lab = _lab(tmp_path, _write("one"), DONE, judge=[grade])
    judged = replace(PLAIN, tests={}, judge=JudgeSpec("Be right.", "claude-haiku-5-5", None, "/app/out.txt"))
    result = await lab.of(judged)
    assert (result.reward, result.turns, result.cost_usd) == (0.5, 2, cost)
    assert result.unpriced_requests == (price is None)
