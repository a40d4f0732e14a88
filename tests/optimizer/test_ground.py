"""The tamper guard: whatever a night's measurements stand on is changed between its steps, and it notices each time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec
from optimizer.execute import Driver
from optimizer.ground import GRADING, SHOWING, GroundMovedError, evaluator, evaluator_hash, suite_files
from optimizer.loop import LookAt, Reserve
from optimizer.planning.plan import plan_run
from optimizer.run_file import load_run_file
from optimizer.stages.verdicts import decide
from task_agent.models.base import ModelReply
from task_agent.models.scripted import call

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
Tamper = Callable[[Any, Path], None]
ROOT = Path(__file__).parents[2]
PROMPT = "prompts/system.md"
BETTER = "You solve tasks with the bash tool.\nLook at the input before you parse it.\n"


def passed() -> ModelReply:
    return call("report_reflection", {"overfit": False, "reason": "general", "quotes": []})


def verifier(world: Any, suite: Path) -> None:
    (suite / "sums-00" / "tests" / "test.sh").write_text("echo 1 > /logs/verifier/reward.txt\n")


def new_file(world: Any, suite: Path) -> None:
    (suite / "sums-00" / "solution.txt").write_text("42\n")


def gone(world: Any, suite: Path) -> None:
    (suite / "sums-00" / "task.toml").unlink()


def run_file(world: Any, suite: Path) -> None:
    text = world.folder.config.read_text()
    world.folder.config.write_text(text.replace("k_max: 50", "k_max: 500"))


def lock(world: Any, suite: Path) -> None:
    world.folder.write_lock({**world.folder.read_lock(), "suite": "0" * 64})


def _record(world: Any) -> Path:
    found: Path = world.root / "runs" / "suites" / f"{world.suite.hash}.jsonl"
    return found


def splits(world: Any, suite: Path) -> None:
    path = _record(world)
    text = path.read_text()
    path.write_text(text.replace(f'"{world.splits.heldout[0]}"', f'"{world.splits.test[0]}"', 1))


def lowered_count(world: Any, suite: Path) -> None:
    path = _record(world)
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if '"test"' not in line))


TAMPERING: dict[str, tuple[Tamper, str]] = {
    "a verifier": (verifier, "suite: tasks/sums-00/tests/test.sh"),
    "a file beside a task": (new_file, "suite: tasks/sums-00/solution.txt"),
    "a task's settings taken away": (gone, "suite: tasks/sums-00/task.toml"),
    "the run file": (run_file, "run.yaml"),
    "the run's hashes": (lock, "run.lock"),
    "the split": (splits, "the split record"),
}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Write a suite on disk, so that there is something to tamper with."""
    root = tmp_path / "tasks"
    (root / "sums-00" / "tests").mkdir(parents=True)
    (root / "sums-00" / "tests" / "test.sh").write_text("python3 /tests/check.py\n")
    (root / "sums-00" / "task.toml").write_text("[agent]\ntimeout_sec = 60\n")
    return root


@pytest.fixture
def night(bench: Worlds, rates: Rates, suite: Path) -> Any:
    """Give a night whose candidate is better than its champion."""
    world = bench(
        rates(1, {"c000": 0.2, "c001": 1.0}),
        sizes=(6, 12, 4),
        settings={"suite": {"kind": "harbor", "path": str(suite)}, "stop": {"iterations": 1}},
        reflector=[passed()],
    )
    world.add(1, {PROMPT: BETTER})
    return world


def step_until(driver: Driver, kind: type[object]) -> None:
    while not isinstance(driver.step(), kind):
        pass


@pytest.mark.parametrize("what", TAMPERING)
def test_what_is_changed_between_two_steps_makes_the_candidate_invalid_and_stops_the_night(
    night: Any, suite: Path, what: str
) -> None:
    tamper, named = TAMPERING[what]
    driver = Driver(night.bench)
    step_until(driver, Reserve)
    tamper(night, suite)
    with pytest.raises(GroundMovedError, match="was changed under it"):
        driver.step()
    row = night.ledger.verdicts()["c001"]
    assert (row.verdict.value, row.cause, row.public) == ("invalid", "tampered", "what it was measured on was changed")
    assert any(named in each for each in row.private["changed"])
    assert not any(suite.name in row.public for row in night.ledger.verdicts().values())
    assert [note["kind"] for note in night.ledger.notices()][-1] == "tampered"


def test_a_night_that_nobody_touches_ends_as_before(night: Any) -> None:
    night.drive()
    assert night.verdicts() == {"c001": "keep"}
    assert not [note for note in night.ledger.notices() if note["kind"] == "tampered"]


@pytest.mark.parametrize("what", TAMPERING)
def test_what_is_changed_while_a_look_is_drawn_never_becomes_a_keep(night: Any, suite: Path, what: str) -> None:
    tamper, _ = TAMPERING[what]
    left = [tamper]

    def at_work(spec: AttemptSpec) -> None:
        if spec.purpose.value == "gate" and left:
            left.pop()(night, suite)

    driver = Driver(night.bench)
    step_until(driver, LookAt)
    night.script.before = at_work
    with pytest.raises(GroundMovedError):
        driver.step()
    assert left == []
    assert night.causes() == {"c001": "tampered"}
    assert not any('"keep"' in line for line in _record(night).read_text().splitlines())


def test_a_count_of_tests_cannot_be_lowered_under_a_night(night: Any, suite: Path) -> None:
    driver = Driver(night.bench)
    step_until(driver, Reserve)
    driver.step()
    lowered_count(night, suite)
    with pytest.raises(GroundMovedError, match="the split record suites/"):
        driver.step()


@pytest.mark.parametrize("cause", ["leak", "worse_on_train", "not_better", "better", "money"])
def test_any_other_verdict_gives_way_to_the_tampering(night: Any, suite: Path, cause: str) -> None:
    Driver(night.bench).step()
    verifier(night, suite)
    with pytest.raises(GroundMovedError):
        decide(night.bench, "c001", cause, {})
    assert night.causes() == {"c001": "tampered"}


def test_put_back_the_night_goes_on_with_the_next_change(night: Any, suite: Path) -> None:
    path = suite / "sums-00" / "tests" / "test.sh"
    was = path.read_bytes()
    driver = Driver(night.bench)
    step_until(driver, Reserve)
    verifier(night, suite)
    with pytest.raises(GroundMovedError):
        driver.step()
    path.write_bytes(was)
    night.close()
    night.open()
    night.drive()
    assert night.causes() == {"c001": "tampered"}
    assert night.ledger.state().champion == "c000"


def test_tampering_with_no_candidate_under_way_stops_the_night_and_is_on_record(night: Any, suite: Path) -> None:
    driver = Driver(night.bench)
    driver.step()
    step_until(driver, LookAt)
    while night.ledger.state().open_candidate:
        driver.step()
    gone(night, suite)
    with pytest.raises(GroundMovedError, match=r"task\.toml"):
        driver.step()
    assert night.causes() == {"c001": "better"}
    assert night.ledger.notices()[-1]["text"].endswith("suite: tasks/sums-00/task.toml")


def test_touching_a_file_changes_nothing(night: Any, suite: Path) -> None:
    driver = Driver(night.bench)
    step_until(driver, Reserve)
    os.utime(suite / "sums-00" / "task.toml", (1, 1))
    driver.step()
    assert night.causes() == {}


def test_a_content_that_keeps_size_and_time_is_seen_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "check.py"
    path.write_text("reward = 0\n")
    before, stamp = suite_files([path]), path.stat()
    path.write_text("reward = 1\n")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert suite_files([path]) != before


def test_a_file_that_comes_anew_in_a_deep_folder_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "one").write_text("1")
    before = suite_files([tmp_path])
    (tmp_path / "a" / "b" / "two").write_text("2")
    assert len(suite_files([tmp_path])) == len(before) + 1 == 2


def test_what_grades_is_watched_and_what_only_shows_is_not() -> None:
    names = set(evaluator())
    watched = ("benchmarks/verify.py", "optimizer/gate/looks.py", "benchmarks/pitfalls/verifier/check.py",
               "task_agent/sandbox/docker.py", "optimizer/reflect/judge.md")  # fmt: skip
    assert set(watched) <= names
    assert not any(name.startswith(SHOWING) or "__pycache__" in name for name in names)


def test_a_generated_suite_has_no_files_and_a_place_that_is_a_file_or_not_there_yet_is_watched(tmp_path: Path) -> None:
    rows, grader = tmp_path / "rows.jsonl", tmp_path / "grader.py"
    rows.write_text("{}\n")
    assert suite_files([]) == {}
    assert list(suite_files([rows, grader])) == ["suite: rows.jsonl"]
    grader.write_text("def grade(row, answer): return 1\n")
    assert list(suite_files([rows, grader])) == ["suite: rows.jsonl", "suite: grader.py"]


def test_files_of_one_name_at_two_places_are_told_apart(tmp_path: Path) -> None:
    for folder in ("a/task", "b/task"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "test.sh").write_text("true\n")
    assert list(suite_files([tmp_path / "a/task", tmp_path / "b/task"])) == [
        "suite: task/test.sh",
        "suite: ../b/task/test.sh",
    ]


@pytest.mark.parametrize("how", ["python", "shell"])
def test_a_grader_beside_a_table_that_is_changed_during_a_screen_makes_the_candidate_invalid(
    bench: Worlds, rates: Rates, tmp_path: Path, how: str
) -> None:
    grader, table = tmp_path / "graders" / "grade", tmp_path / "quiz.csv"
    table.write_text("prompt,answer\nTwo and two?,4\n")
    grader.parent.mkdir()
    grader.write_text("echo 0\n")
    settings = {"kind": "table", "path": str(table), "grader": {how: "graders/grade"}}
    world = bench(
        rates(1, {"c000": 0.2, "c001": 1.0}),
        sizes=(6, 12, 4),
        settings={"suite": settings, "stop": {"iterations": 1}},
        reflector=[passed()],
    )
    world.add(1, {PROMPT: BETTER})

    def at_work(spec: AttemptSpec) -> None:
        if (spec.candidate, spec.purpose.value) == ("c001", "screen"):
            grader.write_text("echo 1\n")

    world.script.before = at_work
    with pytest.raises(GroundMovedError, match="suite: graders/grade; c001 is invalid"):
        world.drive()
    assert world.causes() == {"c001": "tampered"}


def test_a_look_at_the_ground_costs_a_hundredth_of_a_second() -> None:
    evaluator()
    spent = []
    for _ in range(5):
        start = time.process_time()
        evaluator()
        spent.append(time.process_time() - start)
    assert min(spent) < 0.01


INSTALLED = """
import pathlib, sys
from optimizer.ground import evaluator
before = evaluator()
for name in sys.argv[1:]:
    with pathlib.Path(name).open("a") as file:
        file.write("# always 1")
after = evaluator()
print(*sorted(name for name in before if before[name] != after[name]))
"""


def test_a_changed_copy_of_the_installed_grader_is_named(tmp_path: Path) -> None:
    for package in GRADING:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    changed = ["benchmarks/pitfalls/verifier/check.py", "benchmarks/verify.py"]
    done = subprocess.run(
        [sys.executable, "-c", INSTALLED, *changed], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == changed


def test_the_lock_of_a_run_holds_the_code_that_grades(tmp_path: Path) -> None:
    config = load_run_file(ROOT / "configs/quickstart.yaml")
    assert json.loads(json.dumps(plan_run(config, tmp_path).lock))["code"] == evaluator_hash()
