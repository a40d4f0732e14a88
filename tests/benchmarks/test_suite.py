"""Suites: loading by kind, content hash, looking tasks up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import Suite, SuiteError, Task, load_suite
from benchmarks.digest import task_digest
from task_agent.sandbox import SandboxSpec
from traces.errors import ConfigError, NotFoundError

TASK = Task("sum", "Add it up.\n", SandboxSpec(files={"a.txt": b"1\n"}), tests={"test.sh": b"true\n"})


def _digested(task: Task) -> Task:
    return replace(task, digest=task_digest(task))


def test_the_hash_does_not_depend_on_the_order_of_tasks() -> None:
    one, two = _digested(TASK), _digested(replace(TASK, id="product"))
    assert Suite("a", (one, two)).hash == Suite("b", (two, one)).hash
    assert Suite("a", (one,)).hash != Suite("a", (one, two)).hash


@pytest.mark.parametrize(
    "changed",
    [
        replace(TASK, instruction="Add it all up.\n"),
        replace(TASK, environment=SandboxSpec(files={"a.txt": b"2\n"})),
        replace(TASK, environment=SandboxSpec(files={"b.txt": b"1\n"})),
        replace(TASK, environment=replace(TASK.environment, network=True)),
        replace(TASK, environment=replace(TASK.environment, memory_mb=99)),
        replace(TASK, tests={"test.sh": b"false\n"}),
        replace(TASK, solution={"solve.sh": b"true\n"}),
        replace(TASK, verifier_env={"A": "1"}),
        replace(TASK, metadata={"slips": ["quoting"]}),
        replace(TASK, agent_timeout_s=1.0),
    ],
)
def test_whatever_can_change_a_grade_changes_the_digest(changed: Task) -> None:
    assert task_digest(changed) != task_digest(TASK)


def test_a_suite_without_tasks_or_with_two_of_one_name_is_refused() -> None:
    with pytest.raises(SuiteError, match="has no tasks"):
        Suite("empty", ())
    with pytest.raises(SuiteError, match="two tasks named 'sum'"):
        Suite("twice", (TASK, TASK))


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\0b", "x" * 201, "é" * 101], ids=range(6))
def test_what_cannot_name_a_file_cannot_name_a_task(name: str) -> None:
    with pytest.raises(SuiteError, match="cannot name a task"):
        Suite("odd", (replace(TASK, id=name),))
    assert Suite("long", (replace(TASK, id="x" * 200),)).tasks


def test_an_unknown_task_is_answered_with_names_alike() -> None:
    with pytest.raises(NotFoundError) as problem:
        Suite("one", (TASK,)).task("sums")
    assert problem.value.close_matches == ("sum",)


@pytest.mark.parametrize("config", [{}, {"kind": "pitfall"}, {"kind": ["pitfalls"]}])
def test_an_unknown_kind_is_refused_with_the_known_ones(config: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"known kinds: pitfalls, harbor, spreadsheetbench") as problem:
        load_suite(config, Path())
    assert problem.value.key == "suite.kind"
