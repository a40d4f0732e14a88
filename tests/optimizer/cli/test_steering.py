"""`stop`, `pause` and `resume` of a driver, and a run that has only just begun; whole nights stand in tests/e2e."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimizer.control import Request, ask, standing
from optimizer.ledger import DriverLock
from optimizer.run import prepare
from optimizer.run_file import load_run_file
from optimizer.run_folder import RunFolder

MINI = Path(__file__).parents[2] / "e2e" / "mini.yaml"
Ratchet = Callable[..., Any]  # Any: the Answer of conftest.py


@pytest.fixture
def begun(tmp_path: Path) -> RunFolder:
    """Give a run that was written down, and that no driver has touched."""
    return prepare(load_run_file(MINI), tmp_path / "runs", "begun")


def test_a_run_that_has_only_just_begun_has_a_status(begun: RunFolder, ratchet: Ratchet) -> None:
    answer = ratchet("status", "begun", "--json", "--runs-dir", begun.path.parent)
    assert (answer.code, answer.data["state"], answer.data["baseline"]) == (0, "stopped", "c000")
    assert answer.data["stopping"] is None
    assert ratchet("status", "begun", "--format", "table", "--runs-dir", begun.path.parent).code == 0


def test_a_run_whose_baseline_is_not_written_yet_has_a_status_too(begun: RunFolder, ratchet: Ratchet) -> None:
    from contextlib import closing

    from optimizer.ledger import Ledger

    begun.ledger.unlink()
    with closing(Ledger(begun.ledger)) as ledger:
        ledger.begin("begun", {})
    answer = ratchet("status", "begun", "--json", "--runs-dir", begun.path.parent)
    assert (answer.code, answer.data["champion"]) == (0, "c000")


@pytest.mark.parametrize("command", ["stop", "pause"])
@pytest.mark.parametrize("words", [[], ["--wait"]])
def test_without_a_driver_they_say_how_the_run_stands(
    command: str, words: list[str], begun: RunFolder, ratchet: Ratchet, done: Ratchet
) -> None:
    answer = ratchet(command, "begun", *words, "--runs-dir", begun.path.parent)
    assert answer.code == 2
    assert "no driver works on run 'begun': it is stopped already" in answer.err
    assert "ratchet resume begun" in answer.err
    finished = done(command, *words)
    assert finished.code == 2
    assert "it is finished already" in finished.err
    assert "ratchet report" in finished.err


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (["stop"], Request("stop", os.getpid(), "iteration")),
        (["stop", "--after", "now"], Request("stop", os.getpid(), "now")),
        (["stop", "--certify"], Request("stop", os.getpid(), "iteration", certify=True)),
        (["pause"], Request("pause", os.getpid())),
    ],
)
def test_they_ask_the_living_driver_say_so_and_come_back(
    words: list[str], request_: Request, begun: RunFolder, ratchet: Ratchet
) -> None:
    with DriverLock(begun.path):
        answer = ratchet(words[0], "begun", *words[1:], "--json", "--runs-dir", begun.path.parent)
        left = standing(begun.path, os.getpid())
        status = ratchet("status", "begun", "--json", "--runs-dir", begun.path.parent).data
    assert answer.code == 0
    assert left is not None
    assert (left.verb, left.pid, left.after, left.certify) == (
        request_.verb, request_.pid, request_.after, request_.certify,
    )  # fmt: skip
    assert (answer.data["asked"], answer.data["driver_pid"]) == (request_.verb, os.getpid())
    assert status["stopping"] == {
        "asked": left.verb, "after": left.after, "certify": left.certify, "at": left.at,
    }  # fmt: skip


def test_resume_withdraws_what_was_asked_of_a_living_driver(begun: RunFolder, ratchet: Ratchet) -> None:
    with DriverLock(begun.path):
        ask(begun.path, Request("pause", os.getpid()))
        answer = ratchet("resume", "begun", "--runs-dir", begun.path.parent)
        assert standing(begun.path, os.getpid()) is None
    assert answer.code == 0
    assert "the pause is withdrawn" in answer.out


@pytest.mark.parametrize("words", [[], ["--detach"]])
def test_resume_of_a_driven_run_is_refused_and_names_the_way_to_stop_it(
    words: list[str], begun: RunFolder, ratchet: Ratchet
) -> None:
    with DriverLock(begun.path):
        answer = ratchet("resume", "begun", *words, "--runs-dir", begun.path.parent)
    assert answer.code == 2
    assert f"driven by process {os.getpid()}" in answer.err
    assert "ratchet stop begun" in answer.err
    assert not begun.log.exists()
