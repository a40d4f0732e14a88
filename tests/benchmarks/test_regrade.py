"""Grading again what an attempt left: the same work, another verifier, no agent."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import Task, load_suite
from benchmarks.artifacts import Kept, by_artifact, pack, unpack
from benchmarks.entry import Entry
from benchmarks.phases import place_of, work_through
from benchmarks.regrade import has_kept, regrade, why_not
from benchmarks.task import Artifact, JudgeSpec, Reward, Step
from benchmarks.verify import run_solution
from task_agent.errors import SandboxLostError, VerifierBrokenError
from task_agent.sandbox import Sandbox, SandboxKind, SandboxSpec, open_sandbox, probe
from tests.benchmarks.harbor.odd_tasks import write_odd

WRONG = b'echo 0 > "$LOGS_DIR/verifier/reward.txt"\n'
BROKEN = b"true\n"
MENDED = b"""\
[ "$(cat out.txt)" = done ] && [ -x run.sh ] && [ ! -e given.txt ] && [ "$(readlink link)" = out.txt ] \
  && [ "$(ls -A | wc -l)" = 4 ] && [ "$(cat "deep/er/no te.txt")" = deep ]
echo "$((1 - $?))" > "$LOGS_DIR/verifier/reward.txt"
"""
WORK = "echo done > out.txt; echo 'exit 0' > run.sh; chmod +x run.sh; rm given.txt; ln -s out.txt link;"
MORE = "mkdir -p deep/er; echo deep > 'deep/er/no te.txt'"
TASK = Task("it", "Work.", SandboxSpec(files={"given.txt": b"given\n"}), {"test.sh": WRONG}, digest="d")

KINDS = [
    "process",
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("docker", marks=pytest.mark.docker),
]


def graded_by(script: bytes, task: Task = TASK) -> Task:
    tests: Mapping[str, bytes] = {"test.sh": script}
    return replace(task, tests=tests)


def _there(kind: SandboxKind) -> None:
    tried = probe(kind)
    if not tried.ok:
        pytest.skip(f"no {kind} here: {tried.reason}")


def making(kind: SandboxKind) -> Callable[[SandboxSpec], Sandbox]:
    return lambda spec: open_sandbox(kind, spec)


async def worked(task: Task, kept: list[Kept], kind: SandboxKind = "process", last: str = "true") -> Reward:
    """Do the work by hand, then one more command that may end the shell; grade it, and keep what was left."""
    sandbox = open_sandbox(kind, place_of(task))

    async def agent(part: Task) -> None:
        done = await sandbox.exec(f"cd {sandbox.path(part.environment.workdir)} && {WORK} {MORE}", timeout_s=20)
        assert done.exit_code == 0, done.output
        with suppress(SandboxLostError):
            await sandbox.exec(last, timeout_s=20)

    try:
        return await work_through(task, sandbox, agent, making(kind), keep=kept.append, keep_work=True)
    finally:
        await sandbox.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_mended_verifier_grades_the_very_work_that_was_left(kind: SandboxKind) -> None:
    _there(kind)
    image = "ratchet-base:bookworm" if kind == "docker" else None
    task, kept = replace(TASK, environment=replace(TASK.environment, image=image)), list[Kept]()
    assert (await worked(task, kept, kind)).value == 0.0
    (left,) = kept
    assert has_kept(task, left)
    assert (await regrade(task, left, making(kind))).value == 0.0
    mended = graded_by(MENDED, task)
    assert [(await regrade(mended, left, making(kind))).value for _ in range(2)] == [1.0, 1.0]


async def test_what_a_broken_verifier_never_graded_was_kept_all_the_same() -> None:
    kept: list[Kept] = []
    with pytest.raises(VerifierBrokenError):
        await worked(graded_by(BROKEN), kept)
    assert (await regrade(graded_by(MENDED), kept[0], making("process"))).value == 1.0


async def test_an_agent_that_ended_its_own_shell_is_graded_all_the_same() -> None:
    kept: list[Kept] = []
    assert (await worked(graded_by(MENDED), kept, last="kill -9 $$")).value == 1.0
    assert len(kept) == 1


@pytest.mark.docker
async def test_artifacts_are_graded_again_in_a_fresh_place_of_the_verifiers_own(tmp_path: Path) -> None:
    _there("docker")
    write_odd(tmp_path, "graded-elsewhere")
    images = {"python:9.99-none": "ratchet-base:bookworm"}
    task = load_suite({"kind": "harbor", "path": str(tmp_path), "images": images}, tmp_path).task("graded-elsewhere")
    kept: list[Kept] = []

    def make(spec: SandboxSpec) -> Sandbox:
        return open_sandbox("docker", spec)

    sandbox = make(task.environment)

    async def agent(part: Task) -> None:
        await run_solution(part, sandbox)

    try:
        assert (await work_through(task, sandbox, agent, make, keep=kept.append)).value == 1.0
    finally:
        await sandbox.close()
    assert (await regrade(task, kept[0], make)).value == 1.0
    wrong = {name: replace(one, data=one.data.replace(b"right", b"wrong")) for name, one in kept[0].files.items()}
    assert (await regrade(task, Kept(wrong), make)).value == 0.0


def test_what_cannot_be_graded_again_says_why() -> None:
    assert why_not(TASK) == ""
    assert "several steps" in why_not(replace(TASK, steps=(Step(TASK),)))
    assert "a model grades" in why_not(replace(TASK, judge=JudgeSpec("Be right.", "m", None, "/app/out.txt")))
    living = replace(TASK, environment=replace(TASK.environment, keep_processes=True))
    assert "where the agent worked" in why_not(living)
    assert why_not(replace(living, verifier_place=SandboxSpec())) == ""
    assert not has_kept(TASK, Kept({"a": Entry()}))
    assert not has_kept(replace(TASK, verifier_place=SandboxSpec()), Kept({}, b"tar"))


def test_kept_files_go_back_to_the_artifact_they_came_from() -> None:
    one, folder = Artifact("/app/out.txt", "got/out.txt"), Artifact("/app/all", "got")
    files = {"got/out.txt": Entry(b"1", 0o755), "got/deep/a": Entry(b"2")}
    found = by_artifact((folder, one), files)
    assert found.entries == {one: {"": Entry(b"1", 0o755)}, folder: {"deep/a": Entry(b"2")}}
    assert found.files == files
    whole = {"got": Entry(mode=0o700, kind=tarfile.DIRTYPE), **files}
    assert by_artifact((folder,), unpack(pack(whole))).files == whole
    assert "." in by_artifact((folder,), whole).entries[folder]
    assert unpack(pack(files)) == files
    with pytest.raises(ValueError, match="damaged"):
        unpack(pack(files)[:-20])
