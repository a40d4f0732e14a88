"""Tasks are sorted by whether they can be decided here, and what was found is remembered by content."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.check import TaskCheck, check_task, check_tasks
from benchmarks.check_record import CheckRecord, Fitness
from benchmarks.digest import task_digest
from benchmarks.errors import SuiteError
from benchmarks.registry import RegistryError
from benchmarks.task import HealthCheck, Task
from task_agent.sandbox import Sandbox, SandboxSpec, open_sandbox

RIGHT = b'grep -qs right answer && r=1 || r=0\necho $r > "$LOGS_DIR/verifier/reward.txt"\n'


def _process(spec: SandboxSpec) -> Sandbox:
    return open_sandbox("process", spec)


def _task(solve: str = "echo right > answer", name: str = "t") -> Task:
    solution = {"solve.sh": solve.encode()}
    task = Task(name, "Write the answer.\n", SandboxSpec(), tests={"test.sh": RIGHT}, solution=solution)
    return replace(task, digest=task_digest(task))


async def test_a_solution_that_works_only_now_and_then_is_flaky(tmp_path: Path) -> None:
    count = f"echo x >> {tmp_path}/runs; test $(wc -l < {tmp_path}/runs) -eq 2 || echo right > answer"
    row = await check_task(_task(count), _process, times=3)
    assert (row.state, row.oracle, row.runs) == ("flaky", pytest.approx(2 / 3), 3)
    assert row.detail.startswith("1 of 3 runs of the solution failed: ")


@pytest.mark.parametrize(
    "said",
    ["curl: (6) Could not resolve host: a.example", "Temporary failure in name resolution", "getaddrinfo failed"],
)
async def test_a_solution_that_fails_for_want_of_the_network_is_told_from_a_broken_one(said: str) -> None:
    row = await check_task(_task(f"echo '{said}' >&2; exit 6"), _process)
    assert (row.state, row.oracle) == ("needs_network", 0.0)
    assert (await check_task(_task("echo 'no such file' >&2"), _process)).state == "broken"


async def test_with_leave_a_failing_solution_is_tried_once_more_with_the_network() -> None:
    def make(spec: SandboxSpec) -> Sandbox:
        files = {"answer": b"right\n"} if spec.network else {}
        return _process(replace(spec, files=files, network=False))

    row = await check_task(_task("true"), make, times=2, with_network=True)
    assert (row.state, row.runs) == ("needs_network", 2)
    assert row.detail.startswith("with the network it earns 1; without: solve.sh ended with 0")


async def test_a_place_that_never_gets_healthy_is_an_error_and_one_that_does_is_not() -> None:
    sick = replace(_task(), healthcheck=HealthCheck("false", interval_s=0.0, retries=2))
    row = await check_task(sick, _process)
    assert row.state == "error"
    assert "the place is not healthy: `false` gave 1" in row.detail
    slow = HealthCheck("echo x >> n; test $(wc -l < n) -ge 4", start_period_s=60.0, start_interval_s=0.0, retries=1)
    assert (await check_task(replace(_task(), healthcheck=slow), _process)).state == "ok"


def test_the_last_check_of_a_content_counts_and_a_changed_task_was_never_checked(tmp_path: Path) -> None:
    record, task, other = CheckRecord(tmp_path), _task(), _task(name="u")
    assert record.fitness([task, other], "process").unchecked == ("t", "u")
    record.remember([(task, TaskCheck("t", 0.5, 0.0, "flaky"))], sandbox="process", at="now")
    assert record.fitness([task, other], "process").undecidable == {"t": "flaky"}
    record.remember([(task, TaskCheck("t", 1.0, 0.0, "ok"))], sandbox="process", at="later")
    found = CheckRecord(tmp_path).fitness([task, other], "process")
    assert (found.undecidable, found.unchecked) == ({}, ("u",))
    assert record.fitness([_task("echo changed")], "process").unchecked == ("t",)


def test_a_check_in_one_kind_of_sandbox_says_nothing_of_another(tmp_path: Path) -> None:
    record, task = CheckRecord(tmp_path), _task()
    record.remember([(task, TaskCheck("t", 0.0, 0.0, "broken"))], sandbox="bubblewrap", at="now")
    assert record.kinds([task]) == {"bubblewrap"}
    assert record.fitness([task], "bubblewrap").undecidable == {"t": "broken"}
    assert record.fitness([task], "docker") == Fitness({}, ("t",))
    record.remember([(task, TaskCheck("t", 1.0, 0.0, "ok"))], sandbox="docker", at="now")
    assert record.fitness([task], "docker") == Fitness({}, ())
    assert record.fitness([task], "bubblewrap").undecidable == {"t": "broken"}


def test_a_task_that_could_not_be_run_stays_unchecked_and_an_older_record_of_it_is_passed_over(tmp_path: Path) -> None:
    record, task = CheckRecord(tmp_path), _task()
    record.remember([(task, TaskCheck("t", None, None, "error"))], sandbox="process", at="now")
    assert not (tmp_path / "checks.jsonl").read_text()
    old = {**TaskCheck("t", None, None, "error").to_record(), "digest": task.digest, "sandbox": "process", "at": "then"}
    (tmp_path / "checks.jsonl").write_text(json.dumps(old) + "\n")
    assert record.fitness([task], "process") == Fitness({}, ("t",))
    assert record.kinds([task]) == frozenset()


def test_a_task_without_a_solution_stays_unchecked(tmp_path: Path) -> None:
    record, task = CheckRecord(tmp_path), _task()
    record.remember([(task, TaskCheck("t", None, None, "unsolved"))], sandbox="process", at="now")
    assert record.fitness([task], "process").unchecked == ("t",)


def test_a_torn_line_is_dropped_and_a_damaged_one_is_said(tmp_path: Path) -> None:
    record, task = CheckRecord(tmp_path), _task()
    record.remember([(task, TaskCheck("t", 1.0, 0.0, "ok"))], sandbox="process", at="now")
    path = tmp_path / "checks.jsonl"
    path.write_text(path.read_text() + '{"digest": "')
    assert record.fitness([task], "process").unchecked == ()
    record.remember([(task, TaskCheck("t", 0.0, 0.0, "broken"))], sandbox="process", at="now")
    assert record.fitness([task], "process").undecidable == {"t": "broken"}
    path.write_text("nonsense\n" + path.read_text())
    with pytest.raises(RegistryError, match=r"line 1 of .*checks\.jsonl is damaged"):
        record.fitness([task], "process")


class _Unreadable(dict[str, bytes]):
    """A solution whose files cannot be read any more."""

    def __contains__(self, name: object) -> bool:
        raise SuiteError("the solution is gone")


async def test_what_is_wrong_with_one_task_leaves_the_rows_of_the_others() -> None:
    def make(spec: SandboxSpec) -> Sandbox:
        if spec.workdir == "/odd":
            raise ValueError("an odd place")
        return _process(spec)

    odd = replace(_task(name="odd"), environment=SandboxSpec(workdir="/odd"))
    unreadable = replace(_task(name="gone"), solution=_Unreadable())
    rows = await check_tasks([odd, _task(), unreadable], make)
    assert [(row.task, row.state) for row in rows] == [("odd", "error"), ("t", "ok"), ("gone", "error")]
    assert [rows[0].detail, rows[2].detail] == ["ValueError: an odd place", "the solution is gone"]


@pytest.mark.parametrize("said", ["error: Could not resolve merge conflict", "temporary failure of a test"])
async def test_other_things_that_could_not_be_resolved_are_no_want_of_the_network(said: str) -> None:
    assert (await check_task(_task(f"echo '{said}'; exit 1"), _process)).state == "broken"
