"""A new run stands on the tasks that a check did not find undecidable, says so, and stays with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.check import TaskCheck
from benchmarks.check_record import CheckRecord, Fitness
from benchmarks.suite import Suite, load_suite
from optimizer.config import RunConfig
from optimizer.planning.fit_tasks import fit_tasks
from optimizer.settings.roles import Models, Role
from traces.errors import ConfigError

ROLE = Role(model="simulated")


def _given(root: Path, kind: str = "harbor", **more: object) -> tuple[RunConfig, Suite, CheckRecord]:
    for name in ("a", "b", "c"):
        files = {
            "task.toml": "",
            "instruction.md": name,
            "environment/Dockerfile": "FROM debian:bookworm\nWORKDIR /app\n",
            "tests/test.sh": "true\n",
        }
        for path, text in files.items():
            (root / "set" / name / path).parent.mkdir(parents=True, exist_ok=True)
            (root / "set" / name / path).write_text(text)
    settings = {"kind": kind, "path": str(root / "set"), **more} if kind == "harbor" else {"kind": kind, "tasks": 3}
    models = Models(task=ROLE, proposer=ROLE, reflector=ROLE)
    return RunConfig(suite=settings, models=models), load_suite(settings, root), CheckRecord(root / "suites")


def _remember(record: CheckRecord, suite: Suite, **states: str) -> None:
    for name, state in states.items():
        row = TaskCheck(name, 1.0, 0.0, state)  # type: ignore[arg-type]  # one of its states
        record.remember([(suite.task(name), row)], sandbox="process", at="now")


def _in_process(record: CheckRecord) -> Callable[[Suite], Fitness]:
    return lambda suite: record.fitness(suite.tasks, "process")


def test_undecidable_tasks_are_left_out_for_good_and_unchecked_ones_stay(tmp_path: Path) -> None:
    config, suite, record = _given(tmp_path)
    _remember(record, suite, a="flaky", b="ok")
    fit = fit_tasks(config, suite, _in_process(record))
    assert [task.id for task in fit.suite.tasks] == ["b", "c"]
    assert fit.said == (
        "1 of 3 tasks left out, which a check found 1 flaky (a);"
        " 1 of 3 tasks were never checked with `ratchet tasks check`"
    )
    assert fit.config.suite["without"] == ["a"]
    assert load_suite(fit.config.suite, tmp_path).hash == fit.suite.hash
    _remember(record, suite, a="ok", b="broken")
    assert [task.id for task in load_suite(fit.config.suite, tmp_path).tasks] == ["b", "c"]


def test_checks_can_be_set_aside(tmp_path: Path) -> None:
    config, suite, record = _given(tmp_path, use_checks=False)
    _remember(record, suite, a="flaky")
    assert fit_tasks(config, suite, _in_process(record)).suite is suite


def test_nothing_is_said_of_bundled_tasks_and_nothing_changes_where_all_are_fit(tmp_path: Path) -> None:
    config, suite, record = _given(tmp_path, kind="pitfalls")
    fit = fit_tasks(config, suite, _in_process(record))
    assert (fit.suite, fit.config, fit.said) == (suite, config, "")


def test_a_suite_that_cannot_be_decided_at_all_is_refused(tmp_path: Path) -> None:
    config, suite, record = _given(tmp_path)
    _remember(record, suite, a="flaky", b="broken", c="needs_network")
    with pytest.raises(ConfigError, match="no task can be decided here: 3 of 3") as problem:
        fit_tasks(config, suite, _in_process(record))
    assert "use_checks: false" in problem.value.hint
    assert "1 needs network" in problem.value.message
