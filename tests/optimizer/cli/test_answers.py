"""How commands answer: tables on a terminal, JSON in a pipe, and what the shared options change."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .terminal import ROOT, command, environment, on_terminal, piped

if TYPE_CHECKING:
    from conftest import FinishedRun

Run = Callable[..., Any]


@pytest.fixture
def runs(finished_run: FinishedRun) -> tuple[str, Path]:
    return ("--runs-dir", finished_run.runs)


# Terminal and pipe ----------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [("runs", "list"), ("attempts", "list"), ("candidates", "list"), ("status",), ("audit",), ("doctor",)]
)
def test_data_in_a_pipe_is_json_by_itself(words: tuple[str, ...], runs: tuple[str, Path]) -> None:
    said = piped(*words, *runs)
    assert list(json.loads(said.out)) == ["schema_version", "as_of", "data"]


@pytest.mark.parametrize("words", [("report",), ("candidates", "diff", "c001"), ("help", "money"), ("help", "status")])
def test_what_is_read_stays_text_in_a_pipe_unless_json_is_asked_for(
    words: tuple[str, ...], runs: tuple[str, Path]
) -> None:
    where = () if words[0] == "help" else runs
    assert not piped(*words, *where).out.startswith("{")
    assert json.loads(piped(*words, *where, "--json").out)["data"]


def test_a_terminal_gets_a_table(runs: tuple[str, Path]) -> None:
    lines = on_terminal("runs", "list", *runs, columns=140).out.splitlines()
    assert lines[0].split()[:4] == ["run", "suite", "state", "test"]
    assert lines[1].startswith("done")
    assert "finished" in lines[1]


def test_the_format_of_the_environment_holds_until_an_option_names_another(runs: tuple[str, Path]) -> None:
    assert piped("runs", "list", *runs, RATCHET_FORMAT="table").out.startswith("run ")
    assert piped("runs", "list", *runs, RATCHET_FORMAT="csv").out.startswith("run,suite,state,")
    assert piped("runs", "list", "--json", *runs, RATCHET_FORMAT="csv").out.startswith("{")
    assert piped("help", "money", RATCHET_FORMAT="csv").out.startswith("What a night costs")
    wrong = piped("status", *runs, RATCHET_FORMAT="xml")
    assert (wrong.code, wrong.out) == (2, "")
    assert "RATCHET_FORMAT='xml' is no format" in wrong.err


def test_the_folder_of_runs_may_stand_in_the_environment(runs: tuple[str, Path]) -> None:
    assert json.loads(piped("status", RATCHET_RUNS_DIR=str(runs[1])).out)["data"]["run"] == "done"


# Errors ---------------------------------------------------------------------------


def test_an_error_of_data_in_a_pipe_is_json_and_of_what_is_read_it_is_words(runs: tuple[str, Path]) -> None:
    data = piped("status", "nobody", *runs)
    assert (data.code, data.err) == (3, "")
    assert json.loads(data.out)["error"]["code"] == 3
    read = piped("report", "nobody", *runs)
    assert (read.code, read.out) == (3, "")
    assert read.err.startswith("error: no run 'nobody'")


def test_a_wrong_option_is_told_in_the_manner_of_its_command() -> None:
    assert json.loads(piped("status", "--nope").out)["error"]["code"] == 2
    assert piped("report", "--nope").out == ""
    assert json.loads(piped("report", "--nope", "--json").out)["error"]["hint"] == "ratchet report --help"
    assert piped("status", "--nope", "--format", "table").err.startswith("error: No such option")
    assert "error:" in on_terminal("status", "--nope").out


def test_a_csv_reader_gets_no_json_error(runs: tuple[str, Path]) -> None:
    said = piped("attempts", "list", "nobody", "--format", "csv", *runs)
    assert (said.code, said.out) == (3, "")
    assert said.err.startswith("error: ")


@pytest.mark.parametrize("words", [("--json", "--format", "csv"), ("--format", "csv", "--json")])
def test_two_formats_contradict_each_other(words: tuple[str, ...], runs: tuple[str, Path]) -> None:
    said = piped("runs", "list", *words, *runs)
    assert said.code == 2
    assert "contradict" in said.out + said.err


# Formats --------------------------------------------------------------------------


def test_every_format_of_a_list_holds_the_same_rows(done: Run) -> None:
    rows = done("attempts list", "--format", "json", "--limit", "7").data["rows"]
    lines = done("attempts list", "--format", "jsonl", "--limit", "7").out.splitlines()
    assert [json.loads(line) for line in lines] == rows
    table = list(csv.DictReader(io.StringIO(done("attempts list", "--format", "csv", "--limit", "7").out)))
    assert [row["attempt"] for row in table] == [row["attempt"] for row in rows]
    assert list(table[0]) == list(rows[0])
    assert table[0]["cause"] == ""


def test_what_is_no_list_has_no_lines(done: Run, ratchet: Run) -> None:
    for answer in (
        done("status", "--format", "csv"),
        done("report", "--format", "jsonl"),
        ratchet("doctor", "--format", "csv"),
    ):
        assert answer.code == 2
        assert "is for lists" in answer.err + answer.out


def test_shared_options_may_stand_before_the_command_between_and_after(ratchet: Run, runs: tuple[str, Path]) -> None:
    words = ["--format", "csv", "--compact"]
    answers = [
        ratchet(*words, "runs", "list", *runs).out,
        ratchet("runs", *words, "list", *runs).out,
        ratchet("runs", "list", *words, *runs).out,
    ]
    assert answers[0].startswith("run,state,gain,usd,elapsed_s\n")
    assert len(set(answers)) == 1


def test_one_command_line_leaves_nothing_to_the_next(ratchet: Run, runs: tuple[str, Path]) -> None:
    ratchet("--format", "csv", "--compact", "--quiet", "runs", "list", *runs)
    assert ratchet("runs", "list", *runs).out.startswith("run   suite")


def test_compact_leaves_id_state_score_cost_and_time(done: Run) -> None:
    row = done("attempts list", "--json", "--compact", "--limit", "1").data["rows"][0]
    assert list(row) == ["attempt", "state", "reward", "usd", "seconds"]
    assert list(done("status", "--json", "--compact").data) == [
        "run",
        "state",
        "champion",
        "test",
        "spend",
        "elapsed_s",
    ]
    assert done("attempts list", "--compact").out.splitlines()[0].split() == list(row)


def test_quiet_says_nothing_but_the_result_and_errors(done: Run) -> None:
    assert done("attempts list", "--limit", "3").err.startswith("showing 3 of ")
    quiet = done("attempts list", "--limit", "3", "--quiet")
    assert quiet.err == ""
    assert len(quiet.out.splitlines()) == 4
    assert done("candidates show", "c099", "--quiet").err.startswith("error: ")


def test_colours_are_for_terminals_that_nobody_forbade_them(runs: tuple[str, Path]) -> None:
    assert "\x1b[" in on_terminal("status", *runs).out
    assert "\x1b[" not in on_terminal("status", "--no-color", *runs).out
    assert "\x1b[" not in on_terminal("status", *runs, NO_COLOR="1").out
    assert "\x1b[" not in on_terminal("status", *runs, TERM="dumb").out
    assert "\x1b[3" not in on_terminal("--no-color", "report", *runs).out
    assert "\x1b[" not in piped("status", "--format", "table", *runs).out


# Lists ----------------------------------------------------------------------------


def test_a_cut_list_names_the_options_that_are_not_in_use(done: Run) -> None:
    said = done("attempts list", "--split", "train", "--failed", "--limit", "2").err
    assert said.startswith("showing 2 of ")
    assert "--candidate ID, --task ID, --state NAME, --cause NAME or --limit N" in said
    assert "--split" not in said


def test_ids_on_stdin_narrow_a_list(runs: tuple[str, Path]) -> None:
    ids = [row["attempt"] for row in json.loads(piped("attempts", "list", *runs, "--limit", "9").out)["data"]["rows"]]
    found = json.loads(piped("attempts", "list", "--stdin", *runs, stdin=f"{ids[8]}\n\n{ids[2]}\n").out)["data"]
    assert [row["attempt"] for row in found["rows"]] == [ids[2], ids[8]]


def test_runs_are_narrowed_by_state(ratchet: Run, runs: tuple[str, Path]) -> None:
    assert ratchet("runs", "list", "--state", "finished", "--json", *runs).data["total"] == 1
    assert ratchet("runs", "list", "--state", "stopped", "--json", *runs).data["total"] == 0


def test_a_folder_without_runs_says_how_to_start_one(ratchet: Run, tmp_path: Path) -> None:
    assert "ratchet run configs/quickstart.yaml starts one" in ratchet("runs", "list", "--runs-dir", tmp_path).err
    assert "ratchet run configs/quickstart.yaml starts one" in ratchet("status", "--runs-dir", tmp_path).err
    assert ratchet("runs", "list", "--json", "--runs-dir", tmp_path).data["rows"] == []


def test_a_run_that_cannot_be_read_is_listed_beside_the_others(ratchet: Run, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "ledger.sqlite").write_text("no ledger")
    row = ratchet("runs", "list", "--json", "--runs-dir", tmp_path).data["rows"][0]
    assert (row["run"], row["state"]) == ("broken", "unreadable")


# Width ----------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [24, 60, 100])
def test_no_line_of_a_list_is_wider_than_the_terminal_unless_it_is_a_single_cell(
    columns: int, runs: tuple[str, Path]
) -> None:
    for words in (("runs", "list"), ("attempts", "list", "--limit", "4")):
        said = on_terminal(*words, "--quiet", *runs, columns=columns).out
        table = [line for line in said.splitlines() if len(line.split("  ")) > 2]
        assert [line for line in table if len(line) > columns] == []
        assert "done" in said or "c000/" in said


def test_a_terminal_too_narrow_for_the_short_columns_gets_lines(runs: tuple[str, Path]) -> None:
    said = on_terminal("runs", "list", "--quiet", *runs, columns=24).out
    assert said.splitlines()[:2] == ["run    done", "state  finished"]


# Streams --------------------------------------------------------------------------


def test_a_reader_that_leaves_is_no_error(runs: tuple[str, Path]) -> None:
    line = f"{' '.join(command('attempts', 'list', '--limit', '0', *runs))} | head -n 1; echo ${{PIPESTATUS[0]}}"
    said = subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True, env=environment())
    assert said.stdout == "{\n0\n"
    assert said.stderr == ""


def test_an_answer_that_cannot_be_written_is_an_error(runs: tuple[str, Path]) -> None:
    for words in (("status",), ("attempts", "list", "--limit", "0", "--format", "csv"), ("report",)):
        line = f"{' '.join(command(*words, *runs))} > /dev/full"
        said = subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True, env=environment())
        assert said.returncode == 2
        assert said.stderr.startswith("error: cannot write the answer: No space left on device")
        assert "Traceback" not in said.stderr


def test_closed_streams_swallow(runs: tuple[str, Path]) -> None:
    line = f"{' '.join(command('status', *runs))} >&- 2>&-"
    assert subprocess.run(["bash", "-c", line], check=False, env=environment()).returncode == 0


@pytest.mark.parametrize("env", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_what_a_locale_cannot_show_is_escaped(env: dict[str, str], runs: tuple[str, Path]) -> None:
    said = piped("report", *runs, **env)
    assert said.code == 0, said.err
    assert len(said.out) > 1000


def test_a_bug_keeps_its_traceback_and_says_that_it_is_one(tmp_path: Path) -> None:
    program = (
        "import sys; from optimizer.cli import main as cli; from optimizer.cli.streams import confess;"
        "sys.excepthook = confess; 1 / 0"
    )
    said = subprocess.run(
        [*command()[:1], "-c", program], check=False, capture_output=True, text=True, env=environment(), cwd=ROOT
    )
    assert said.returncode == 1
    assert "ZeroDivisionError" in said.stderr
    assert "this is a bug of Ratchet" in said.stderr
