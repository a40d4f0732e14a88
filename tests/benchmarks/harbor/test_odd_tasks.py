"""Every feature of Harbor's format, in a real container: the solution earns 1, doing nothing earns 0."""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import Task, load_suite
from benchmarks.check import check_task
from benchmarks.phases import work_through
from benchmarks.task import Reward
from benchmarks.verify import run_solution
from task_agent.sandbox import Sandbox, SandboxSpec, open_sandbox, probe
from tests.benchmarks.harbor.odd_tasks import ODD, write_odd

IMAGES = {"python:9.99-none": "ratchet-base:bookworm"}

pytestmark = pytest.mark.docker


@functools.cache
def _reason() -> str:
    tried = probe("docker")
    return "" if tried.ok else tried.reason


@pytest.fixture(autouse=True)
def _engine() -> None:
    if _reason():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have docker: {_reason()}")
        pytest.skip(f"no docker here: {_reason()}")


def _docker(spec: SandboxSpec) -> Sandbox:
    return open_sandbox("docker", spec)


def _read(root: Path, name: str) -> Task:
    write_odd(root, name)
    return load_suite({"kind": "harbor", "path": str(root), "images": IMAGES}, root).task(name)


@pytest.mark.parametrize("name", ODD)
async def test_the_solution_earns_1_and_nothing_earns_0(tmp_path: Path, name: str) -> None:
    row = await check_task(_read(tmp_path, name), _docker)
    assert (row.oracle, row.noop, row.state) == (1.0, 0.0, "ok"), row.detail


async def _worked(task: Task, wrong: str = "") -> Reward:
    """Solve every part of a task but one."""
    sandbox = _docker(task.environment)

    async def agent(part: Task) -> None:
        if part.id.rpartition("/")[2] != wrong:
            await run_solution(part, sandbox)

    try:
        return await work_through(task, sandbox, agent, _docker)
    finally:
        await sandbox.close()


async def test_a_step_below_its_least_reward_is_the_last_and_those_after_it_count_as_0(tmp_path: Path) -> None:
    task = _read(tmp_path, "three-steps")
    reward = await _worked(task, wrong="two")
    assert reward.value == pytest.approx(1 / 3)
    assert reward.parts == {"one": 1.0, "two": 0.0, "three": 0.0}
    assert (await _worked(replace(task, step_reward="final"), wrong="two")).value == 0.0


async def test_artifacts_are_copied_out_under_their_destinations(tmp_path: Path) -> None:
    reward = await _worked(_read(tmp_path, "graded-elsewhere"))
    files = {name: entry.data for name, entry in reward.artifacts.items() if entry.is_file}
    assert files == {"app/answer.txt": b"right\n", "m/copy.txt": b"right\n"}


async def test_rewards_and_tests_beside_the_one_that_counts_are_kept(tmp_path: Path) -> None:
    several = await _worked(_read(tmp_path, "several-rewards"))
    assert (several.value, several.parts) == (1.0, {"speed": 12.5, "correct": 1.0, "style": 0.0})
    assert (await _worked(_read(tmp_path, "all-the-variables"))).tests == {"t": "passed"}


async def test_a_place_that_never_gets_healthy_is_said_to_be_so(tmp_path: Path) -> None:
    task = _read(tmp_path, "health-check")
    assert task.healthcheck is not None
    row = await check_task(replace(task, healthcheck=replace(task.healthcheck, retries=2)), _docker)
    assert row.state == "error"
    assert "the place is not healthy" in row.detail
