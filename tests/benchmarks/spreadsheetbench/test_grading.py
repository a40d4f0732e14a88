"""Programs of all sorts, run and graded in real sandboxes."""

from __future__ import annotations

import functools
import io
import time
import zipfile
from pathlib import Path

import pytest

from benchmarks.check import check_tasks
from benchmarks.suite import Suite, load_suite
from benchmarks.task import Reward, Task
from benchmarks.verify import grade, run_solution
from task_agent.sandbox import SandboxKind, SandboxSpec, open_sandbox, probe

KINDS = (
    pytest.param("process", id="process"),
    pytest.param("bubblewrap", id="bubblewrap", marks=pytest.mark.bubblewrap),
)
_probe = functools.cache(probe)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> SandboxKind:
    tried = _probe(request.param)
    if not tried.ok:
        pytest.skip(f"no {tried.kind} here: {tried.reason}")
    return tried.kind


@pytest.fixture
def task(tiny: Path) -> Task:
    return load_tiny(tiny).task("7")


def load_tiny(folder: Path, **settings: object) -> Suite:
    return load_suite({"kind": "spreadsheetbench", "path": str(folder), "case_timeout_s": 4, **settings}, folder)


async def reward_of(task: Task, program: str | None, kind: SandboxKind = "process") -> Reward:
    sandbox = open_sandbox(kind, task.environment)
    try:
        if program is not None:
            await sandbox.put({"solution.py": program.encode()}, task.environment.workdir)
        return await grade(task, sandbox)
    finally:
        await sandbox.close()


HONEST = """
import sys
import openpyxl

book = openpyxl.load_workbook(sys.argv[1])
page = book["Data"]
page["B2"] = page["A2"].value + page["A3"].value
book.save(sys.argv[2])
"""

OVERFIT = HONEST.replace('page["A2"].value + page["A3"].value', "3.5")


@pytest.mark.parametrize("kind", KINDS, indirect=True)
async def test_a_program_with_openpyxl_earns_the_reward_without_any_package_installed(
    task: Task, kind: SandboxKind
) -> None:
    reward = await reward_of(task, HONEST, kind)
    assert reward.parts == {"reward": 1, "hard": 1, "soft": 1, "case_1": 1, "case_2": 1, "case_3": 1}, reward.output


@pytest.mark.parametrize(("score", "value"), [("hard", 0.0), ("soft", 1 / 3)])
async def test_a_program_made_for_the_visible_case_passes_only_that(tiny: Path, score: str, value: float) -> None:
    reward = await reward_of(load_tiny(tiny, score=score).task("7"), OVERFIT)
    assert reward.value == pytest.approx(value)
    assert (reward.parts["case_1"], reward.parts["case_2"], reward.parts["soft"]) == (1, 0, pytest.approx(1 / 3))
    assert "Data!B2 holds 3.5, not 70.0" in reward.output


async def test_openpyxl_is_there_for_the_agent_too(task: Task) -> None:
    sandbox = open_sandbox("process", task.environment)
    try:
        said = await sandbox.exec("python3 -c 'import openpyxl; print(openpyxl.__version__)'", timeout_s=60)
    finally:
        await sandbox.close()
    assert said.exit_code == 0, said.output


BAD: dict[str, tuple[str | None, str]] = {
    "no program": (None, "there is no solution.py"),
    "crash": ("raise KeyError('total')", "KeyError:"),
    "no syntax": ("def (:", "SyntaxError"),
    "nothing written": ("print('all done')", "wrote nothing"),
    "garbage written": ("import sys; open(sys.argv[2], 'w').write('sum;70')", "not a zip archive"),
    "input copied": ("import shutil, sys; shutil.copy(*sys.argv[1:])", "Data!B2 holds nothing, not 3.5"),
    "folder written": ("import os, sys; os.mkdir(sys.argv[2])", "not a regular file"),
    "pipe written": ("import os, sys; os.mkfifo(sys.argv[2])", "not a regular file"),
    "link written": ("import os, sys; os.symlink(sys.argv[1], sys.argv[2])", "cannot be read"),
    "deep XML written": (
        "import sys, zipfile\n"
        "with zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED) as packed:\n"
        "    packed.writestr('xl/workbook.xml', '<a>' * 10_000_000)",
        "more than 256 elements",
    ),
    "own end": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by signal 9"),
    "much printed": ("import sys\nfor _ in range(20000): print('x' * 1000)\nsys.exit(3)", "exit code 3"),
}


@pytest.mark.parametrize("kind", KINDS, indirect=True)
async def test_a_program_that_fails_scores_zero_for_a_named_cause(tiny: Path, kind: SandboxKind) -> None:
    task = load_tiny(tiny).task("7")
    for name, (program, cause) in BAD.items():
        reward = await reward_of(task, program, kind)
        assert reward.value == 0.0, name
        assert cause in reward.output, (name, reward.output)


async def test_a_program_that_hangs_is_ended_with_all_it_started(tiny: Path) -> None:
    task = load_tiny(tiny, case_timeout_s=0.5).task("7")
    began = time.monotonic()
    program = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    os.fork()\ntime.sleep(600)\n"
    reward = await reward_of(task, program)
    assert reward.value == 0.0
    assert "still running after 0.5 s" in reward.output
    assert time.monotonic() - began < 60


FORGERIES = {
    "reads the answers": """
        import glob, os, sys
        places = ["/tests", os.path.join(os.path.dirname(os.getcwd()), "tests"), os.path.dirname(sys.path[-1] or "/")]
        places += [os.path.dirname(path) for path in sys.path if path.endswith("openpyxl.zip")]
        for place in places:
            try:
                print("ANSWERS", open(place + "/expected.txt").read()[:40])
            except OSError as problem:
                print("kept away")
        sys.exit(1)
    """,
    "writes the reward": """
        import os
        for place in ("/logs", os.path.join(os.path.dirname(os.getcwd()), "logs")):
            try:
                open(place + "/verifier/reward.json", "w").write('{"reward": 1}')
            except OSError:
                print("kept away")
    """,
    "leaves a daemon that writes the reward": """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True:
                    for place in ("/logs", os.path.join(os.path.dirname(os.getcwd()), "logs")):
                        try:
                            open(place + "/verifier/reward.json", "w").write('{"reward": 1}')
                        except OSError:
                            pass
                    time.sleep(0.01)
        print("kept away")
    """,
    "kills the grader": """
        import os, signal
        try:
            os.kill(os.getppid(), signal.SIGKILL)
        except OSError:
            print("kept away")
    """,
}


@pytest.mark.parametrize("kind", KINDS, indirect=True)
@pytest.mark.parametrize("name", FORGERIES)
async def test_a_program_cannot_reach_the_answers_the_reward_or_the_grader(
    task: Task, name: str, kind: SandboxKind
) -> None:
    import textwrap

    reward = await reward_of(task, textwrap.dedent(FORGERIES[name]), kind)
    assert reward.value == 0.0
    assert "ANSWERS" not in reward.output
    assert "cannot keep the program away" in reward.output or "case 1" in reward.output


@pytest.mark.parametrize("kind", KINDS, indirect=True)
async def test_own_tiny_tasks_are_solved_by_their_solution_and_not_by_nothing(tiny: Path, kind: SandboxKind) -> None:
    await assert_ok(load_tiny(tiny), kind)


@pytest.mark.parametrize("kind", KINDS, indirect=True)
@pytest.mark.parametrize(
    "limit", [6, pytest.param(90, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])], ids=["6", "90"]
)
async def test_real_tasks_are_solved_by_their_solution_and_not_by_nothing(
    sample: Path, kind: SandboxKind, limit: int
) -> None:
    suite = load_suite({"kind": "spreadsheetbench", "path": str(sample), "limit": limit}, sample)
    assert len(suite.tasks) == limit
    await assert_ok(suite, kind)


async def test_a_check_reports_a_task_whose_cells_cannot_be_read_beside_the_others(tiny: Path) -> None:
    spoilt = tiny / "spreadsheet" / "7" / "3_7_answer.xlsx"
    with zipfile.ZipFile(io.BytesIO(spoilt.read_bytes())) as old, zipfile.ZipFile(spoilt, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name)[:-9] if name.startswith("xl/worksheets/") else old.read(name))
    rows = await check_tasks(load_tiny(tiny).tasks, lambda spec: open_sandbox("process", spec))
    assert [(row.task, row.state) for row in rows] == [("7", "error"), ("x-1", "ok")]
    assert "3_7_answer.xlsx" in rows[0].detail
    assert "broken XML" in rows[0].detail


async def assert_ok(suite: Suite, kind: SandboxKind) -> None:
    def make(spec: SandboxSpec):  # type: ignore[no-untyped-def]  # the protocol's own type is long
        return open_sandbox(kind, spec)

    rows = await check_tasks(suite.tasks, make, concurrency=2)
    assert [(row.task, row.state) for row in rows] == [(task.id, "ok") for task in suite.tasks], rows


async def test_every_slip_of_a_real_task_scores_zero(sample_suite: Suite) -> None:
    task = sample_suite.task("353-6")
    for name in task.metadata["slips"]:
        sandbox = open_sandbox("process", task.environment)
        try:
            done = await run_solution(task, sandbox, f"slips/{name}.sh")
            reward = await grade(task, sandbox)
        finally:
            await sandbox.close()
        assert (done.exit_code, reward.value) == (0, 0.0), name
