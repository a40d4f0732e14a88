"""Bad inputs: each ends with its code and its words, without a traceback, with nothing written and nothing paid."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from optimizer.cli.main import main

from .bad import NAMED, NIGHT, Bad
from .desk import Desk, environment
from .table import BAD_INPUTS

if TYPE_CHECKING:
    from conftest import FinishedRun

ROOT = Path(__file__).parents[2]
ALONE = (
    "no docker engine",
    "an unknown key",
    "a huge run file",
    "a tool that cannot be run",
    "no such command",
    "a damaged run.lock",
)
"""Rows that are also asked of the command in a process of its own; what Docker's client read stays in a process."""
IN_PROCESS = [bad for bad in BAD_INPUTS if bad.name != "no docker engine"]
OF_RUN_FILES = [bad for bad in BAD_INPUTS if bad.of_run_file]


class Answer(NamedTuple):
    """Hold how a command ended and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.lay_out()
    with contextlib.chdir(tmp_path), environment():
        yield made


def spoilt(desk: Desk, bad: Bad, request: pytest.FixtureRequest) -> dict[str, str]:
    if bad.needs_run:
        finished: FinishedRun = request.getfixturevalue("finished_run")
        desk.put_run(finished.runs)
    bad.spoil(desk)
    return desk.content()


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> Answer:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    said = capsys.readouterr()
    return Answer(int(ended.value.code or 0), said.out, said.err)


def named(bad: Bad) -> str:
    return bad.name


def test_the_desk_itself_is_right(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("run", "night.yaml", "--dry-run"), ("config", "check", "night.yaml"), ("doctor", "night.yaml")):
        answer = ask(capsys, *words)
        assert answer.code == 0, answer
    assert not (desk.root / "runs").exists()


def test_there_are_at_least_forty_rows_and_no_two_of_one_name() -> None:
    assert len(BAD_INPUTS) >= 40
    assert len({bad.name for bad in BAD_INPUTS}) == len(BAD_INPUTS)


@pytest.mark.parametrize("bad", IN_PROCESS, ids=named)
def test_a_bad_input_is_told_in_words_and_nothing_is_written(
    bad: Bad, desk: Desk, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    before = spoilt(desk, bad, request)
    with environment(**bad.env):
        told = ask(capsys, *as_text(bad.words))
        for_programs = ask(capsys, *bare(bad.words), "--json")
    assert told.code == bad.code, told
    assert "Traceback" not in told.err + told.out
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert [words for words in bad.says if words not in told.err] == []
    answer: dict[str, Any] = json.loads(for_programs.out)
    error = answer["error"]
    assert (for_programs.code, error["code"], set(answer)) == (bad.code, bad.code, {"error"})
    assert {"message", "hint", "field", "command"} <= set(error)
    if "--format" not in bad.words:
        assert error["message"] in told.err
    if "night.yaml:" in bad.says[0]:
        assert error["message"].startswith(f"{error['file']}:{error['line'] or ''}".rstrip(":"))
    assert desk.content() == before


def as_text(words: tuple[str, ...]) -> tuple[str, ...]:
    return words if "--format" in words else (*words, "--format", "table")


def bare(words: tuple[str, ...]) -> tuple[str, ...]:
    return words[: words.index("--format")] if "--format" in words else words


@pytest.mark.parametrize("bad", OF_RUN_FILES, ids=named)
def test_config_check_and_doctor_fail_where_run_fails_and_say_the_same(
    bad: Bad, desk: Desk, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    before = spoilt(desk, bad, request)
    with environment(**bad.env):
        checked = ask(capsys, "config", "check", "night.yaml", "--format", "table")
        examined = ask(capsys, "doctor", "night.yaml", "--format", "table")
    assert (checked.code, examined.code) == (bad.code, bad.code), (checked, examined)
    assert [words for words in bad.says if words not in checked.err] == []
    assert "fails" in examined.out
    assert "Traceback" not in examined.err + checked.err
    assert desk.content() == before


@pytest.mark.parametrize("bad", [bad for bad in BAD_INPUTS if bad.words[: len(NAMED)] == NAMED], ids=named)
def test_doctor_fails_on_a_folder_that_cannot_hold_runs_as_run_does(
    bad: Bad, desk: Desk, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    before = spoilt(desk, bad, request)
    with environment(**bad.env):
        examined = ask(capsys, "doctor", "night.yaml", *bad.words[len(NAMED) :], "--format", "table")
    assert examined.code == bad.code
    assert re.search(r"^runs folder +fails ", examined.out, re.MULTILINE)
    assert desk.content() == before


@pytest.mark.parametrize("bad", [bad for bad in BAD_INPUTS if bad.name in ALONE], ids=named)
def test_the_installed_command_says_the_same(bad: Bad, desk: Desk, request: pytest.FixtureRequest) -> None:
    before = spoilt(desk, bad, request)
    command = [sys.executable, "-m", "optimizer", *as_text(bad.words)]
    env = {**os.environ, **bad.env, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=False, cwd=desk.root, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (bad.code, "")
    assert "Traceback" not in done.stderr
    assert [words for words in bad.says if words not in done.stderr] == []
    assert desk.content() == before


GOOD = {
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "Windows line ends": lambda text: text.replace("\n", "\r\n").encode(),
    "comments and an end mark": lambda text: f"# a night\n---\n{text}...\n".encode(),
    "no last line end": lambda text: text.rstrip("\n").encode(),
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_only_looks_odd_is_taken(kind: str, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    text = (desk.root / "night.yaml").read_text()
    desk.write("night.yaml", GOOD[kind](text))
    assert ask(capsys, *NIGHT, "--dry-run").code == 0


def test_everything_wrong_with_a_file_is_told_at_once(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    together = (
        "an unknown key",
        "a word for a number",
        "a wrong choice",
        "a missing role",
        "an unknown simulated key",
        "prices that are not there",
        "a mistyped limit",
        "an unknown key of the suite",
    )
    rows = [bad for bad in BAD_INPUTS if bad.name in together]
    for bad in rows:
        bad.spoil(desk)
    answer = json.loads(ask(capsys, "config", "check", "night.yaml", "--json").out)
    problems = answer["error"]["problems"]
    assert len(problems) == len(rows) == len(together)
    for bad in rows:
        key = next(words for words in bad.says if "`" in words or "input_schema" in words)
        assert any(key in f"{problem['message']} {problem['hint']}" for problem in problems), key
    assert [problem for problem in problems if not (problem["file"] and problem["line"])] == []
