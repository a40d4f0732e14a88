"""`ratchet trace`: what people see of attempts, whole runs and pairs of attempts."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from traces._parquet import COLUMNS
from traces.atif import from_atif
from traces.event import AttemptKey, EventKind
from traces.store import TraceStore
from traces.writer import TraceWriter

from .terminal import on_terminal, piped

Run = Callable[..., Any]
ONE = "c000/csv-totals-01/a00"


@pytest.fixture
def copied(ratchet: Run, finished_run: tuple[Path, str], tmp_path: Path) -> Callable[..., Any]:
    """Give a function that runs `ratchet COMMAND WORDS...` on a copy of the finished run."""
    others = shutil.ignore_patterns("readings.jsonl")  # what another test looked at in the run that all share
    shutil.copytree(finished_run[0] / "done", tmp_path / "runs" / "done", ignore=others)

    def run(command: str, *words: object) -> Any:
        return ratchet(*command.split(), "done", *words, "--runs-dir", tmp_path / "runs")

    return run


@pytest.fixture
def sealed(done: Run) -> Callable[[str], str]:
    """Give a function that names an attempt of a split."""

    def name(split: str) -> str:
        return str(done("attempts list", "--split", split, "--limit", "1", "--json").data["rows"][0]["attempt"])

    return name


def flip_a_byte_of_text(path: Path) -> None:
    """Change the last byte of the first text page: its header and the file's size stay as they were."""
    chunk = pq.read_metadata(path).row_group(0).column(COLUMNS.get_field_index("text"))
    content = bytearray(path.read_bytes())
    content[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 0xFF
    path.write_bytes(bytes(content))


def store_of(tmp_path: Path) -> TraceStore:
    return TraceStore(tmp_path / "runs" / "done" / "traces")


# One attempt -----------------------------------------------------------------------


def test_the_head_says_whose_attempt_it_is_and_how_it_ended(done: Run) -> None:
    answer = done("trace show", ONE)
    head = answer.out.split("\n\n")[0].splitlines()
    assert answer.code == 0
    assert head[0] == ONE
    assert head[1:4] == [
        "  candidate  c000 · baseline",
        "  task       csv-totals-01 · train · drawn for baseline",
        "  ended      reward 0",
    ]
    assert re.fullmatch(r"  used       4 model calls · 15 events · .* in, .* out · \$0\.00\d\d · .*s", head[4])
    assert "── turn 4" in answer.out


def test_what_to_do_next_works(done: Run, ratchet: Run) -> None:
    for words in ([ONE], ["--grep", "csv", ONE]):
        lines = done("trace show", *words).err.splitlines()
        commands = [line.split("#")[0].split()[1:] for line in lines if line.startswith("  ratchet ")]
        assert len(commands) == 2
        for command in commands:
            assert ratchet(*command).code == 0


def test_parts_of_an_attempt_can_be_picked(done: Run) -> None:
    assert "── turn 3" not in done("trace show", ONE, "--turn", "2").out
    assert done("trace show", ONE, "--tail", "1").out.rstrip().endswith("attempt end · reward 0")
    assert "── turn" not in done("trace show", ONE, "--only", "prompt").out
    assert '"exit_code": 0' in done("trace show", ONE, "--event", "5").out
    assert "> " in done("trace show", ONE, "--grep", "ledger_JAN", "-i", "-C", "0").out


def test_json_holds_the_picked_events_and_how_many_there_are(done: Run) -> None:
    data = done("trace show", ONE, "--only", "tool_call", "--grep", "awk", "--json").data
    assert {event["kind"] for event in data["events"]} == {"tool_call"}
    assert (data["attempt"], data["total"], data["running"]) == (ONE, 15, False)
    assert len(data["events"]) == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([ONE, "--turn", "9"], 2, "turns 1 to 4"),
        ([ONE, "--event", "99"], 3, "events 0 to 14"),
        ([ONE, "--only", "tools"], 2, "tool_result"),
        ([ONE, "--grep", "(x"], 2, "missing ) at character 1"),
        ([ONE, "--grep", ""], 2, "matches everything"),
        (["c000/csv-totals-01/a77"], 3, "did you mean"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_what_can(done: Run, words: list[str], code: int, said: str) -> None:
    answer = done("trace show", *words)
    assert answer.code == code
    assert said in answer.err
    assert answer.out == ""


def test_a_session_of_a_meta_agent_can_be_read(done: Run) -> None:
    answer = done("trace show", "proposer/s001", "--tail", "3")
    assert answer.code == 0
    assert "a meta-agent's own" in answer.out


def test_a_running_attempt_is_shown_as_far_as_it_has_come(copied: Run, tmp_path: Path) -> None:
    key = AttemptKey("done", "c000", "csv-totals-01", "train", "c000/csv-totals-01/a90")
    with TraceWriter(store_of(tmp_path).root, "w9") as writer:
        writer.attempt(key).emit(EventKind.MODEL, turn=1, text="I am at work.")
        answer = copied("trace show", key.attempt)
        assert answer.code == 0
        assert "cut off: whoever ran it died, or the run was stopped" in answer.out
        assert "I am at work." in answer.out
        assert copied("trace show", key.attempt, "--json").data["running"]
        assert "I am at work" in copied("trace grep", "I am at work", "--format", "table").out


def test_a_damaged_trace_is_named_and_the_others_stay_readable(copied: Run, tmp_path: Path) -> None:
    store = store_of(tmp_path)
    segment = next(segment for segment in store.segments() if ONE in segment.attempts)
    (store.root / segment.path).write_bytes(b"x" * segment.size_bytes)
    answer = copied("trace show", ONE)
    assert answer.code == 10
    assert segment.path in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    found = copied("trace grep", "ledger", "--split", "all", "--format", "table")
    assert found.code == 0
    assert f"left out: trace file `{segment.path}`" in " ".join(found.err.split())
    assert "c000/" in found.out
    store.recover()
    answer = copied("trace show", ONE)
    assert answer.code == 3
    assert "set aside; it scored 0" in answer.err


def test_of_a_partly_damaged_trace_what_can_be_read_is_shown(copied: Run, tmp_path: Path) -> None:
    store = store_of(tmp_path)
    segment = next(segment for segment in store.segments() if ONE in segment.attempts)
    flip_a_byte_of_text(store.root / segment.path)
    answer = copied("trace show", ONE)
    assert answer.code == 0
    assert segment.path in answer.err
    assert "Lost here: text; the rest is shown" in " ".join(answer.err.split())
    assert "bash $ ls -l" in answer.out
    assert "verifier · reward 0" in answer.out
    assert "I start by looking around" not in answer.out


# Held-out and test traces ------------------------------------------------------------


@pytest.mark.parametrize("split", ["heldout", "test"])
def test_a_look_at_sealed_traces_is_noted_and_cautioned(
    copied: Run, sealed: Callable[[str], str], tmp_path: Path, split: str
) -> None:
    attempt = sealed(split)
    answer = copied("trace show", attempt)
    assert answer.code == 0
    assert "noted in readings.jsonl" in " ".join(answer.err.split())
    note = json.loads((tmp_path / "runs" / "done" / "readings.jsonl").read_text())
    assert (note["command"], note["splits"], note["what"]) == ("trace show", [split], [attempt])


def test_a_look_at_train_traces_is_not(copied: Run, tmp_path: Path) -> None:
    assert "caution" not in copied("trace show", ONE).err
    copied("trace grep", "csv")
    copied("trace pair", "csv-totals-01")
    assert not (tmp_path / "runs" / "done" / "readings.jsonl").exists()


def test_searching_looks_at_sealed_traces_only_when_asked(copied: Run) -> None:
    assert {row["split"] for row in copied("trace grep", "csv", "--limit", "0", "--json").data["rows"]} == {"train"}
    found = copied("trace grep", "csv", "--split", "heldout", "--json")
    assert {row["split"] for row in found.data["rows"]} == {"heldout"}
    assert "caution" in found.err


# A whole run --------------------------------------------------------------------------


def test_a_search_lists_one_line_for_each_event_with_its_match(done: Run) -> None:
    answer = done("trace grep", "line 2 is", "--candidate", "c000", "--format", "table")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == f"{ONE} · train"
    assert re.match(r" +13  turn 0 +verifier +.*line 2 is", lines[1])
    assert "of the train traces" in answer.err


def test_a_search_is_bounded_and_says_how_to_narrow_it(done: Run) -> None:
    answer = done("trace grep", "e", "--limit", "3", "--format", "table")
    assert "showing 3 of " in answer.err
    assert "--candidate, --task, --kind" in " ".join(answer.err.split())
    data = done("trace grep", "e", "--limit", "3", "--json").data
    assert len(data["rows"]) == 3
    assert data["total"] > 3
    assert data["truncated"]


def test_a_search_can_be_narrowed(done: Run) -> None:
    def rows(*words: str) -> list[dict[str, Any]]:
        return list(done("trace grep", "e", "--limit", "0", *words, "--json").data["rows"])

    assert {row["kind"] for row in rows("--kind", "model,verifier")} == {"model", "verifier"}
    assert {row["attempt"].split("/")[1] for row in rows("--task", "csv-totals-01")} == {"csv-totals-01"}
    assert {row["attempt"].split("/")[0] for row in rows("--candidate", "c001")} <= {"c001"}
    failed = {row["attempt"] for row in rows("--reward-below", "1")}
    listed = done("attempts list", "--split", "train", "--failed", "--limit", "0", "--json").data["rows"]
    assert failed == {row["attempt"] for row in listed}


def test_names_that_do_not_exist_are_no_empty_answer(done: Run) -> None:
    assert done("trace grep", "e", "--candidate", "c099").code == 3
    assert done("trace grep", "e", "--task", "csv-totals-1").code == 3
    assert done("trace grep", "e", "--kind", "tools").code == 2
    assert done("trace grep", "[z-a]").code == 2


def test_no_match_says_where_it_looked(done: Run) -> None:
    answer = done("trace grep", "no such words anywhere", "--format", "table")
    assert answer.code == 0
    assert answer.out == ""
    assert "nothing matches in the train traces; --split all looks everywhere" in answer.err


# Pairs ---------------------------------------------------------------------------------


def test_a_pair_is_a_passing_and_a_failing_attempt_the_same_each_time(done: Run) -> None:
    data = done("trace pair", "csv-totals-01", "--json").data
    assert (data["left"]["reward"], data["right"]["reward"]) == (1.0, 0.0)
    assert data == done("trace pair", "csv-totals-01", "--json").data
    assert data["right"]["attempt"] == ONE
    assert data["parts_at"]["words"].startswith("here they part")


def test_a_pair_can_be_named(done: Run) -> None:
    pair = done("trace pair", "csv-totals-01", "--json").data
    names = [pair["left"]["attempt"], pair["right"]["attempt"]]
    swapped = done("trace pair", names[1], names[0], "--json").data
    assert [swapped["left"]["attempt"], swapped["right"]["attempt"]] == names[::-1]
    assert done("trace pair", names[1], "--json").data["right"]["attempt"] == names[1]
    assert done("trace pair", ONE, ONE, "--json").data["parts_at"] is None


def test_a_page_of_a_pair_says_who_stands_where_and_where_they_part(done: Run) -> None:
    answer = done("trace pair", "csv-totals-01")
    assert answer.code == 0
    assert "  left  c002/csv-totals-01/a00 · reward 1" in answer.out
    assert f"  right {ONE} · reward 0" in answer.out
    assert "── here they part: " in answer.out
    assert " ┃ " in answer.out
    assert "ratchet candidates diff done c002 --against c000" in answer.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nope"], 3, "no task 'nope'"),
        (["customer-merge-03"], 3, "scored attempts at customer-merge-03 passed"),
        (["c000/csv-totals-01/a00", "c000/config-edits-00/a00"], 2, "different tasks"),
        (["c000/csv-totals-01/a00", "c000/csv-totals-01/a99"], 3, "a99"),
        (["csv-totals-01", "--candidate", "c099"], 3, "c099"),
        (["one", "two", "three"], 2, "name one task"),
    ],
)
def test_what_is_no_pair_is_refused_with_the_reason(done: Run, words: list[str], code: int, said: str) -> None:
    answer = done("trace pair", *words)
    assert answer.code == code
    assert said in answer.err
    assert answer.out == ""


# Export --------------------------------------------------------------------------------


def test_an_export_as_atif_reads_back_event_for_event(
    done: Run, finished_run: tuple[Path, str], tmp_path: Path
) -> None:
    file = tmp_path / "attempt.json"
    assert done("trace export", ONE, "--atif", "-o", file).code == 0
    events = TraceStore(finished_run[0] / "done" / "traces").read_attempt(ONE)
    assert from_atif(json.loads(file.read_text())) == events
    assert json.loads(done("trace export", ONE, "--atif").out) == json.loads(file.read_text())


def test_an_export_of_events_is_one_a_line(done: Run) -> None:
    lines = [json.loads(line) for line in done("trace export", ONE).out.splitlines()]
    assert [line["seq"] for line in lines] == list(range(15))
    assert lines[3]["attempt"] == ONE
    assert lines[3]["output_tokens"] > 0


def test_an_export_overwrites_nothing(done: Run, tmp_path: Path) -> None:
    file = tmp_path / "attempt.json"
    file.write_text("mine")
    assert done("trace export", ONE, "-o", file).code == 2
    assert done("trace export", ONE, "-o", tmp_path / "none" / "attempt.json").code == 2
    assert file.read_text() == "mine"


# Terminals and pipes --------------------------------------------------------------------


def page(finished_run: tuple[Path, str], *words: str) -> list[object]:
    return ["trace", *words, "--runs-dir", finished_run[0]]


def test_a_terminal_is_paged_and_a_pipe_is_not(finished_run: tuple[Path, str], tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho PAGED\nexec cat\n")
    pager.chmod(0o755)
    words = page(finished_run, "show", "done", ONE, "--turn", "4")
    paged = on_terminal(*words, PAGER=str(pager))
    assert paged.code == 0
    assert "PAGED" in paged.out
    assert "── turn 4" in paged.out
    for more in (["--no-pager"], ["--no-input"]):
        assert "PAGED" not in on_terminal(*words, *more, PAGER=str(pager)).out
    assert "PAGED" not in piped(*words, PAGER=str(pager)).out


@pytest.mark.parametrize("pager", ["no-such-pager-here", "'unclosed", "", "false"])
def test_a_pager_that_does_not_work_loses_nothing(finished_run: tuple[Path, str], pager: str) -> None:
    said = on_terminal(*page(finished_run, "show", "done", ONE, "--tail", "1"), PAGER=pager)
    assert said.code == 0
    assert "Traceback" not in said.out
    if pager != "false":  # it takes the page and throws it away
        assert "attempt end" in said.out
    assert ("is not there" in said.out) == (pager == "no-such-pager-here")


@pytest.mark.parametrize("columns", [40, 80, 130])
def test_no_line_is_wider_than_the_terminal(finished_run: tuple[Path, str], columns: int) -> None:
    for words in (["show", "done", ONE], ["grep", "done", "csv"], ["pair", "done", "csv-totals-01"]):
        said = on_terminal(*page(finished_run, *words), columns=columns, PAGER="cat")
        plain = re.sub(r"\x1b\[[0-9;]*m", "", said.out).split("\nnext\n")[0]
        assert said.code == 0
        assert max(map(len, plain.splitlines())) <= columns, words


def test_a_pipe_gets_whole_lines_without_colours(finished_run: tuple[Path, str]) -> None:
    said = piped(*page(finished_run, "show", "done", ONE))
    assert "\x1b" not in said.out
    assert max(map(len, said.out.splitlines())) > 130


def test_a_pipe_gets_a_bounded_page_and_learns_how_to_see_the_rest(copied: Run, tmp_path: Path) -> None:
    key = AttemptKey("done", "c000", "csv-totals-01", "train", "c000/csv-totals-01/a91")
    with TraceWriter(store_of(tmp_path).root, "w9") as writer:
        trace = writer.attempt(key)
        for turn in range(500):
            trace.emit(EventKind.MODEL, turn=turn + 1, text=f"Word {turn}.")
        answer = copied("trace show", key.attempt)
        assert len(answer.out.splitlines()) == 400
        assert "showing 400 of 1,505 lines; add --turn, --tail, --grep or --full" in answer.err
        assert "Word 499." in copied("trace show", key.attempt, "--full").out
        assert "Word 499." in copied("trace show", key.attempt, "--tail", "1").out


# Failures sorted -------------------------------------------------------------------


def test_clusters_hold_every_failing_train_attempt_once(done: Run) -> None:
    failing = done("attempts list", "--candidate", "c000", "--split", "train", "--failed", "--limit", "0", "--json")
    rows = done("trace clusters", "--candidate", "c000", "--json", "--limit", "0").data["rows"]
    named = [name.split(" ")[0] for row in rows for name in row["members"]]
    assert sorted(named) == sorted(row["attempt"] for row in failing.data["rows"])
    assert [row["attempts"] for row in rows] == sorted((row["attempts"] for row in rows), reverse=True)
    assert {row["basis"] for row in rows} <= {"ending", "check", "error", "command"}


def test_a_cluster_says_where_to_look(done: Run, ratchet: Run) -> None:
    first = done("trace clusters", "--candidate", "c000", "--json").data["rows"][0]
    attempt, event = re.fullmatch(r"(\S+) at \[(\d+)\]", first["look_at"]).groups()  # type: ignore[union-attr]
    shown = done("trace show", attempt, "--event", event)
    assert shown.code == 0
    members = done("trace clusters", "--candidate", "c000", "--members", "--json", "--limit", "0").data
    assert members["total"] == sum(
        row["attempts"] for row in done("trace clusters", "--candidate", "c000", "--json", "--limit", "0").data["rows"]
    )


def test_clusters_of_an_unknown_candidate_name_those_there_are(done: Run) -> None:
    assert done("trace clusters", "--candidate", "c999").code == 3
