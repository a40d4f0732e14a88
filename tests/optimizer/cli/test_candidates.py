from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.cli.diff_view import Style, chosen, drawn, write_difference
from optimizer.cli.tree_view import drawn as tree_lines
from optimizer.cli.tree_view import folded
from optimizer.facts import Coverage, candidate_facts, read_facts
from optimizer.reading.lineage import Node
from optimizer.run_folder import find_run
from task_agent.harness import HarnessBundle
from task_agent.harness.hunks import file_diffs

if TYPE_CHECKING:
    from conftest import FinishedRun

Run = Callable[..., Any]  # Any: the answer of the fixture `ratchet`
HOSTILE = "x\x1b[31m\u202e"
_LINES = st.lists(st.text(st.sampled_from("ab \t漢é"), max_size=60), max_size=12)


@pytest.fixture
def done(ratchet: Run, finished_run: FinishedRun) -> Run:
    """Give a function that runs `ratchet candidates VERB done ...` on the finished run."""
    return lambda verb, *words: ratchet("candidates", verb, "done", *words, "--runs-dir", finished_run.runs)


def _files(old: str, new: str) -> Any:
    return file_diffs(HarnessBundle({"prompts/a.md": old.encode()}), HarnessBundle({"prompts/a.md": new.encode()}))


def _side(lines: list[str], half: int) -> Iterator[tuple[str, str]]:
    for line in lines:
        cells = [char for char in line for _ in range(2 if char == "漢" else 1)]
        at = 0
        left = ""
        while at < half and cells:
            left += cells[at] if at < len(cells) else ""
            at += 2 if at < len(cells) and cells[at] == "漢" else 1
        yield left, "".join(_once(cells[half + 3 :]))


def _once(cells: list[str]) -> Iterator[str]:
    at = 0
    while at < len(cells):
        yield cells[at]
        at += 2 if cells[at] == "漢" else 1


@settings(max_examples=40, deadline=None)
@given(_LINES, _LINES, st.integers(60, 160))
def test_side_by_side_shows_every_letter_of_both_sides_in_order(old: list[str], new: list[str], columns: int) -> None:
    before, after = "same\n" + "\n".join(old) + "\n", "same\n" + "\n".join(new) + "\n"
    files = file_diffs(
        HarnessBundle({"prompts/a.md": before.encode()}), HarnessBundle({"prompts/a.md": after.encode()}), context=None
    )
    lines = [line for line in drawn(files, Style.SIDE_BY_SIDE, columns, full=True) if not line.startswith("@@")][1:]
    half = (columns - 3) // 2
    for number, text in enumerate((before, after)):
        told = "".join(re.sub(r"^ *\d+ *[-+]? *|^ *", "", side[number], count=1) for side in _side(lines, half))
        if before != after:
            assert re.sub(r"\s", "", told) == re.sub(r"\s", "", text)


@settings(max_examples=40, deadline=None)
@given(_LINES, _LINES, st.integers(60, 160))
def test_side_by_side_never_runs_over_the_terminal(old: list[str], new: list[str], columns: int) -> None:
    from rich.cells import cell_len

    for line in drawn(_files("\n".join(old), "\n".join(new)), Style.SIDE_BY_SIDE, columns, full=True):
        assert cell_len(line) <= columns


def test_a_roomy_terminal_shows_both_sides_and_nothing_else_does_unasked() -> None:
    assert chosen(Style.AUTO, 121, terminal=True) is Style.SIDE_BY_SIDE
    assert chosen(Style.AUTO, 120, terminal=True) is Style.UNIFIED
    assert chosen(Style.AUTO, 300, terminal=False) is Style.UNIFIED
    assert chosen(Style.SIDE_BY_SIDE, 60, terminal=False) is Style.SIDE_BY_SIDE


def test_every_style_names_files_that_are_no_text_and_new_programs() -> None:
    before = HarnessBundle({"a": b"\xff", "tools/t/run": b"plain\n"})
    after = HarnessBundle({"a": b"\xfe\xfd", "tools/t/run": b"#!/bin/sh\n", "tools/u/run": b"#!/bin/sh\n", "e": b""})
    files = file_diffs(before, after)
    told = {style: "\n".join(drawn(files, style, 100, full=False)) for style in list(Style)[1:]}
    for text in told.values():
        assert "not text" in text
        assert "1 -> 2 bytes" in text
        assert re.search("100644 -> 100755|old mode 100644\nnew mode 100755", text)
    assert "--- a/tools/t/run\n+++ b/tools/t/run\n@@ -1 +1 @@\n-plain\n+#!/bin/sh" in told[Style.UNIFIED]
    assert "new file mode 100755\n--- /dev/null\n+++ b/tools/u/run" in told[Style.UNIFIED]
    assert told[Style.STAT].endswith("4 files, +2 -1 lines")


def test_what_an_agent_wrote_is_made_safe_and_very_long_lines_are_cut() -> None:
    files = _files("a\n", f"{HOSTILE}{'y' * 5000}\n")
    for style in (Style.UNIFIED, Style.SIDE_BY_SIDE):
        text = "\n".join(drawn(files, style, 100, full=False))
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "(5,015 characters;" in text
        assert "".join(drawn(files, style, 100, full=True)).count("y") == 5000


def test_the_difference_of_a_candidate_stands_below_its_claim_and_verdict(done: Run) -> None:
    answer = done("diff", "c001")
    head, _, body = answer.out.partition("changes from c000\n")
    assert head.startswith("c001  ")
    for label in ("verdict  ", "claim  ", "evidence  ", "predicted  ", "outcome  ", "train score "):
        assert f"\n{label}" in head
    assert body.startswith(("--- ", "new file"))
    assert "\x1b" not in answer.out


def test_how_well_proposers_foresaw_is_told_by_model_and_brief(done: Run) -> None:
    rows = done("proposers", "--json").data["rows"]
    assert [(row["model"], row["brief"]) for row in rows] == [("simulated", "open")]
    assert rows[0]["fix_precision"] == rows[0]["fixed"] / rows[0]["named_fixes"]
    assert rows[0]["damaged"] <= rows[0]["damaged_in_all"]
    assert rows[0]["afresh"] == 0
    assert "named_at_risk" in done("proposers").out


def test_json_of_a_difference_holds_counts_files_hunks_and_the_unified_text(done: Run) -> None:
    data = done("diff", "c001", "--json").data
    assert data["against"] == "c000"
    assert data["stat"]["files"] == len(data["files"]) > 0
    for key in ("added", "removed"):
        assert data["stat"][key] == sum(file[key] for file in data["files"])
    lines = [line for file in data["files"] for hunk in file["hunks"] for line in hunk["lines"]]
    told = [line for line in data["unified"].splitlines() if re.match(r"[-+](?![-+]{2} )", line)]
    signs = {"added": "+", "removed": "-"}
    assert [signs[line["kind"]] + line["text"] for line in lines if line["kind"] != "same"] == told
    assert data["evidence"]
    assert data["title"]


def test_a_difference_can_be_asked_against_parent_baseline_champion_and_any_candidate(done: Run) -> None:
    champion = done("tree", "--json").data["champion"]
    for name, other in (("parent", "c000"), ("baseline", "c000"), ("champion", champion), ("c002", "c002")):
        assert done("diff", "c001", "--against", name, "--json").data["against"] == other
    assert done("diff", champion, "--against", "champion").out.endswith(f"no difference from {champion}\n")
    assert done("diff", "c001", "--against", "c099").code == 3


def test_a_long_difference_is_cut_and_says_how_to_see_all(
    finished_run: FinishedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = read_facts(find_run(finished_run.runs, finished_run.run))
    data = candidate_facts(facts, "c001")
    files = _files("", "".join(f"line {at}\n" for at in range(1000)))
    write_difference(facts, data, "c000", files, style=Style.UNIFIED, full=False)
    cut = capsys.readouterr()
    assert "line 150\n" in cut.out
    assert "line 999" not in cut.out
    assert "showing 200 of 1,003 lines" in cut.err
    assert "ratchet candidates diff done c001 --against c000" in cut.err
    write_difference(facts, data, "c000", files, style=Style.UNIFIED, full=True)
    whole = capsys.readouterr()
    assert whole.err == ""
    assert whole.out.endswith("+line 999\n")


def test_a_candidate_is_shown_as_a_page_without_a_trace_of_python(done: Run) -> None:
    for name in ("c000", "c001", "c002"):
        page = done("show", name).out
        assert not re.search(r"[{\[]'|': |None|True|False", page), page
        assert max(len(line) for line in page.splitlines() if not line.startswith("  ratchet ")) <= 100
    page = done("show", "c001").out
    for title in ("stages", "reflection", "attempts", "harness"):
        assert f"\n\n{title}\n  " in page
    assert "ratchet candidates diff done c001" in page


def test_a_format_that_there_is_not_is_told_in_words(done: Run) -> None:
    answer = done("list", "--format", "plain")
    assert answer.code == 2
    assert "'--format': 'plain' is not one of 'table', 'json', 'jsonl', 'csv'" in answer.err


def test_the_tree_draws_every_candidate_and_marks_the_champion(done: Run) -> None:
    data = done("tree", "--json").data
    told = done("tree").out
    assert data["total"] == len(data["rows"])
    for row in data["rows"]:
        assert len(re.findall(rf"^[^a-z]*{row['candidate']}\b", told, re.MULTILINE)) == 1
    assert [row["candidate"] for row in data["rows"] if row["champion"]] == [data["champion"]]
    assert told.count("champion") == 1


def _node(at: int, parent: int | None, verdict: str, path: bool = False) -> Node:
    reason = {"keep": "better beyond noise", "reject": f"holds text of particular tasks ({at} quoted)"}.get(verdict)
    name = None if parent is None else f"c{parent:03d}"
    return Node(f"c{at:03d}", name, 0, f"title {at} {HOSTILE}", verdict, reason, 0.5, Coverage(1, 1), path, at == 50)


def _night(size: int = 100) -> list[Node]:
    """A night of `size` candidates whose 50th was kept."""
    refused = [_node(at, 0 if at < 50 else 50, "reject") for at in range(1, size + 1) if at != 50]
    kept = _node(50, 0, "keep", path=True)
    return [_node(0, None, "baseline", path=True), *refused[:49], kept, *refused[49:], _node(101, 50, "open")]


def test_a_long_nights_tree_counts_what_was_not_kept() -> None:
    nodes = _night()
    assert folded(nodes, 0) == folded(nodes, 200) == tuple(nodes)
    lines = list(tree_lines(folded(nodes, 40), 100))
    assert lines[2] == "├─○ 49 not kept, c001 to c049: 49 holds text of particular tasks"
    assert [line[:8].strip() for line in lines[1:]] == ["● c000", "├─○ 49 n", "● c050", "│", "├─○ 50 n", "└─○ c101"]
    assert sum(line.count("\x1b") + line.count("\u202e") for line in lines) == 0


@pytest.mark.parametrize("columns", [60, 80, 100, 108, 160])
def test_a_tree_fits_its_terminal(columns: int) -> None:
    assert max(map(len, tree_lines(_night(), columns))) <= columns


def test_the_list_narrows_by_verdict_and_text_and_says_its_order(done: Run) -> None:
    rows = done("list", "--json").data["rows"]
    assert [row["candidate"] for row in rows] == sorted(row["candidate"] for row in rows)
    verdicts = {row["verdict"] for row in rows}
    for verdict in verdicts:
        found = done("list", "--verdict", verdict, "--json").data["rows"]
        assert found == [row for row in rows if row["verdict"] == verdict]
    word = rows[1]["title"].split()[0].upper()
    assert rows[1] in done("list", "--grep", word, "--json").data["rows"]
    assert done("list", "--sort", "newest", "--json").data["rows"] == rows[::-1]
    scores = [row["train"] for row in done("list", "--sort", "train", "--json").data["rows"]]
    known = [score for score in scores if score is not None]
    assert known == sorted(known, reverse=True)
    assert scores == known + [None] * (len(scores) - len(known))


def test_the_list_says_when_it_is_cut_or_empty(done: Run) -> None:
    cut = done("list", "--limit", "1", "--sort", "newest")
    assert "add --verdict NAME, --grep TEXT or --limit (the newest first; --sort changes that)" in cut.err
    empty = done("list", "--grep", "nobody wrote this")
    assert (empty.code, empty.out) == (0, "")
    assert "none of the" in empty.err


def test_blame_gives_every_line_of_a_harness_to_a_candidate_of_its_descent(done: Run) -> None:
    data = done("blame", "c001", "--json").data
    assert [each["candidate"] for each in data["candidates"]] == ["c000", "c001"]
    lines = [line for found in data["files"].values() for line in found]
    assert {line["candidate"] for line in lines} == {"c000", "c001"}
    for each in data["candidates"]:
        assert each["lines"] == sum(line["candidate"] == each["candidate"] for line in lines)
    told = done("blame", "c001")
    assert told.out.startswith("c000  baseline ")
    assert "\nprompts/system.md\nc000     1  " in told.out
    assert "\x1b" not in told.out


def test_blame_takes_the_champion_by_that_word_and_one_file_alone(done: Run) -> None:
    assert done("blame", "champion", "--json").data["candidate"] == done("tree", "--json").data["champion"]
    assert list(done("blame", "c001", "--file", "harness.yaml", "--json").data["files"]) == ["harness.yaml"]
    assert done("blame", "c001", "--file", "harness.yml").code == 3
