"""Help: examples first, topics, the nearest name, and what a shell completes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from optimizer.cli.exit_codes import ENDINGS
from optimizer.cli.help import TOPICS, topics

from .terminal import command, environment

if TYPE_CHECKING:
    from conftest import FinishedRun

Run = Callable[..., Any]
WIDEST = 79


def complete(runs: object, line: str) -> list[str]:
    """Ask what a shell asks when Tab is pressed at the end of a line."""
    words = line.split(" ")
    env = environment(
        _RATCHET_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), RATCHET_RUNS_DIR=str(runs)
    )
    return subprocess.run(command(), check=True, capture_output=True, text=True, env=env).stdout.split()


def test_help_is_short_and_begins_with_an_example(ratchet: Run, every_command: list[Any]) -> None:
    for each in every_command:
        lines = ratchet(*each.path.split(), "-h").out.splitlines()
        first = next(line for line in lines[1:] if line.strip() and "[OPTIONS]" not in line and "ARGUMENT" not in line)
        assert first.strip().startswith("Example: ratchet"), each.path
        assert len(lines) < 60, each.path


def test_shared_options_take_one_line_of_every_help(ratchet: Run, every_command: list[Any]) -> None:
    for each in every_command:
        answer = ratchet(*each.path.split(), "--help").out
        assert "ratchet help options" in answer
        assert "  --no-input  " not in answer
    options = ratchet("help", "options").out
    for name in ("--json", "--format", "--compact", "--quiet", "--no-color", "--no-input", "--yes"):
        assert f"  {name} " in options


def test_every_topic_is_listed_with_its_first_line_and_fits_a_screen(ratchet: Run) -> None:
    listed = ratchet("help").out
    assert {"getting-started", "words", "exit-codes", "files", "environment", "money", "splits", "options"} <= set(
        topics()
    )
    for name, first in topics().items():
        assert f"ratchet help {name}" in listed
        assert first in listed
        text = ratchet("help", name).out
        assert text.startswith(first)
        assert max(map(len, (TOPICS / f"{name}.txt").read_text().splitlines())) <= WIDEST, name
        assert len(text.splitlines()) <= 40


def test_the_topic_of_exit_codes_is_the_table(ratchet: Run) -> None:
    said = " ".join(ratchet("help", "exit-codes").out.split())
    for ending in ENDINGS:
        assert f"{ending.code.value} {ending.meaning}. Next: " in said


def test_help_of_a_command_is_its_own(ratchet: Run) -> None:
    assert ratchet("help", "candidates", "diff").out == ratchet("candidates", "diff", "--help").out
    assert ratchet("help", "candidates").out == ratchet("candidates", "--help").out


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("stauts",), "status"),
        (("candidate", "list"), "candidates"),
        (("candidates", "lst"), "list"),
        (("runs", "--lmit", "3"), None),
        (("status", "--runs_dir", "x"), "--runs-dir"),
    ],
)
def test_a_word_that_is_nearly_right_is_answered_with_the_right_one(
    ratchet: Run, words: tuple[str, ...], near: str | None
) -> None:
    answer = ratchet(*words)
    assert answer.code == 2
    assert near is None or near in answer.err
    assert "--help" in answer.err


def test_a_topic_that_is_nearly_right_is_not_found_and_named(ratchet: Run) -> None:
    answer = ratchet("help", "exit-code")
    assert answer.code == 3
    assert "did you mean `exit-codes`" in answer.err


# Completion -----------------------------------------------------------------------


def test_a_shell_completes_names_of_runs_candidates_attempts_and_topics(finished_run: FinishedRun) -> None:
    runs = finished_run.runs
    assert complete(runs, "ratchet status d") == ["done"]
    assert "c001" in complete(runs, "ratchet candidates show c")
    assert "c001" in complete(runs, "ratchet candidates diff done c00")
    assert "c000/" in complete(runs, "ratchet trace show c0")
    assert all(name.startswith("c000/csv-totals-") for name in complete(runs, "ratchet trace show c000/csv"))
    assert complete(runs, "ratchet help exi") == ["exit-codes"]
    assert complete(runs, "ratchet attempts list --sp") == ["--split"]
    assert complete(runs, "ratchet attempts list --split t") == ["train", "test"]


def test_completing_in_an_empty_folder_offers_nothing(tmp_path: Any) -> None:
    assert complete(tmp_path / "none", "ratchet candidates show c") == []
    assert complete(tmp_path / "none", "ratchet trace show c0") == []


def test_completing_is_quick(finished_run: FinishedRun) -> None:
    took = []
    for _ in range(3):
        begun = os.times().children_user
        complete(finished_run.runs, "ratchet trace show c000/c")
        took.append(os.times().children_user - begun)
    assert min(took) < 0.4  # the least: children of other tests may end meanwhile
