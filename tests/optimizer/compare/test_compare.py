"""`ratchet compare`, from left attempts and from its own, by the command and the real driver."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.registry import SuiteRegistry
from benchmarks.splits import Splits
from optimizer.cli.main import main
from optimizer.ledger import AttemptRow, Ledger
from optimizer.run_folder import RunFolder, list_runs
from task_agent.harness import HarnessBundle, load_bundle, save_bundle

Compare = Callable[..., Any]
ROOT = Path(__file__).parents[3]
BASH_ONLY = ROOT / "configs" / "harnesses" / "bash-only"
PAIR = ("done/baseline", "done")


def own(runs: Path) -> list[AttemptRow]:
    """List the attempts of the only comparison."""
    (folder,) = (runs / "compare").iterdir()
    with closing(Ledger(folder / "ledger.sqlite", read_only=True)) as ledger:
        return ledger.attempts()


# From what runs have left ------------------------------------------------------------


def test_attempts_that_are_there_are_compared_and_labelled_as_such(compare: Compare, runs: Path) -> None:
    data = compare(*PAIR, "--json").data
    assert (data["split"], data["fresh"], data["target"], data["simulated"]) == ("heldout", False, "population", True)
    first, second = data["arms"]
    assert (first["label"], first["candidate"], second["label"]) == ("A", "c000", "B")
    (contrast,) = data["contrasts"]
    assert contrast["difference"] == pytest.approx(second["score"] - first["score"])
    assert contrast["interval"][0] < contrast["difference"] < contrast["interval"][1]
    assert contrast["won"] + contrast["lost"] + contrast["level"] == data["tasks"] == 10
    assert contrast["diff"]["files"] > 0
    assert any("took part in decisions" in caution and "gate" in caution for caution in data["cautions"])
    assert not (runs / "compare").exists()


def test_unknown_prices_are_unknown_and_not_0(compare: Compare, runs: Path) -> None:
    (runs / "done" / "ledger.sqlite").chmod(0o644)
    with closing(sqlite3.connect(runs / "done" / "ledger.sqlite")) as db:
        db.execute("DROP TRIGGER scores_stand")
        db.execute("UPDATE attempts SET cost_usd = NULL, unpriced = 3 WHERE candidate = 'c000'")
        db.commit()
    data = compare(*PAIR, "--json").data
    uses = data["contrasts"][0]["uses"]
    assert (uses["cost"]["ratio"], uses["cost"]["first"], uses["cost"]["left_out"]) == (None, None, 10)
    assert uses["tokens"]["ratio"] > 0
    assert data["arms"][0]["usd"] is None
    assert "unpriced" in compare(*PAIR, "--format", "table").out


def test_train_tasks_are_shown_one_by_one_and_held_out_ones_only_when_asked_for_and_noted(
    compare: Compare, runs: Path
) -> None:
    log = runs / "done" / "readings.jsonl"
    before = log.read_bytes() if log.exists() else b""
    assert compare(*PAIR, "--json").data["per_task"] is None
    assert (log.read_bytes() if log.exists() else b"") == before, "nothing held out was shown, so nothing is noted"
    answer = compare(*PAIR, "--json", "--per-task")
    assert len(answer.data["per_task"]) == 10
    assert "held-out traces" in answer.err
    entry = json.loads(log.read_text().splitlines()[-1])
    assert (entry["command"], entry["splits"]) == ("compare --per-task", ["heldout"])
    train = compare(*PAIR, "--json", "--split", "train").data
    assert train["per_task"]
    assert len(log.read_bytes().splitlines()) == len(before.splitlines()) + 1


def test_what_certify_made_is_read_at_the_level_of_its_look(compare: Compare) -> None:
    data = compare(*PAIR, "--split", "test", "--json").data
    assert (data["split"], data["look"], data["level"]) == ("test", 1, 0.95)
    assert {"certify"} == set(data["arms"][0]["purposes"])


def test_held_out_numbers_of_a_run_that_is_not_over_stay_unread(compare: Compare, runs: Path) -> None:
    with closing(sqlite3.connect(runs / "done" / "ledger.sqlite")) as db:
        db.execute("DELETE FROM conclusions WHERE phase = 'finish'")
        db.commit()
    answer = compare(*PAIR, "--split", "heldout")
    assert answer.code == 2
    assert "is not over" in answer.err
    assert compare(*PAIR, "--json").data["split"] == "train"


@pytest.mark.parametrize(
    ("words", "said", "way_out"),
    [
        (("done", "done"), "the same harness twice", "--attempts"),
        (("done", BASH_ONLY, "--attempts", "0"), "--attempts", ""),
        (("done", "done/c001", "--dry-run"), "for attempts to be made", "--attempts"),
        ((BASH_ONLY, BASH_ONLY, "--attempts", "1"), "nothing says on which tasks", "--config"),
        (("done", "done/c000", "-o", "x.html"), "--output is for", "--format html"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_way_out(
    compare: Compare, words: tuple[object, ...], said: str, way_out: str
) -> None:
    answer = compare(*words)
    assert answer.code == 2
    assert said in answer.err
    assert way_out in answer.err


# On other splits ---------------------------------------------------------------------


@pytest.fixture
def other_split(runs: Path) -> str:
    """Give a second run whose tasks were dealt otherwise, without running it."""
    from optimizer.run import prepare
    from optimizer.run_file import load_run_file

    config = load_run_file(ROOT / "tests" / "finished.yaml", {"seed": 3})
    return prepare(config, runs, "dealt", new_split=True).id


def test_other_splits_are_refused_unless_forced_and_then_it_stands_in_the_answer(
    compare: Compare, other_split: str
) -> None:
    words = ("done", f"{other_split}/baseline", "--attempts", "1")
    answer = compare(*words)
    assert answer.code == 2
    assert "tuned on another split" in answer.err
    assert "--force" in answer.err
    data = compare(*words, "--force", "--json").data
    assert "another split" in data["forced"][0]
    assert data["cautions"][0].startswith("FORCED")
    assert "FORCED" in compare(*words, "--force", "--format", "html").out


def test_a_run_that_moved_on_to_other_held_out_tasks_is_compared_on_those(compare: Compare, runs: Path) -> None:
    lock = RunFolder(runs / "done").read_lock()

    def moved(splits: Splits) -> Splits:
        return replace(splits, train=splits.train + splits.heldout[5:], heldout=splits.heldout[:5])

    SuiteRegistry(runs / "suites").rotate(lock["suite"], lock["uid"], 1, moved)
    data = compare(*PAIR, "--json").data
    assert (data["tasks"], data["tasks_offered"], data["forced"]) == (5, 5, [])


# Its own attempts --------------------------------------------------------------------


def test_fresh_attempts_are_made_side_by_side_once_and_only_what_is_missing_later(compare: Compare, runs: Path) -> None:
    data = compare(*PAIR, "--attempts", "2", "--json").data
    assert (data["fresh"], data["tasks"], data["coverage"], data["grown"]) == (True, 10, 1.0, 0)
    assert {arm["attempts"]["scored"] for arm in data["arms"]} == {20}
    rows = own(runs)
    assert {row.spec.purpose.value for row in rows} == {"compare"}
    assert Counter(row.spec.candidate for row in rows) == {"A": 20, "B": 20}
    assert compare(*PAIR, "--attempts", "2", "--json").data["contrasts"] == data["contrasts"]
    assert [row.rowid for row in own(runs)] == [row.rowid for row in rows]
    grown = compare(*PAIR, "--attempts", "3", "--json").data
    assert (len(own(runs)), grown["grown"]) == (60, 1)
    assert any("while it grows" in caution for caution in grown["cautions"])
    assert compare(*PAIR, "--json").data["fresh"]


def test_a_comparison_is_interleaved_of_its_own_seed_readable_and_no_run(compare: Compare, runs: Path) -> None:
    compare(*PAIR, "--attempts", "2")
    (folder,) = (runs / "compare").iterdir()
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as db:
        order = [name for (name,) in db.execute("SELECT candidate FROM attempts ORDER BY ended_at")]
    assert 4 <= order[:20].count("A") <= 16
    assert yaml.safe_load((folder / "run.yaml").read_text())["seed"] != 1  # equal replicates would be equal draws
    assert [found.id for found in list_runs(runs)] == ["done"]
    for words in (["attempts", "list"], ["trace", "show", own(runs)[0].spec.id]):
        with pytest.raises(SystemExit) as ended:
            main([*words[:2], folder.name, *words[2:], "--runs-dir", str(folder.parent)])
        assert not ended.value.code


def test_the_same_harness_twice_measures_noise(compare: Compare) -> None:
    data = compare("done", "done", "--attempts", "1", "--json").data
    low, high = data["contrasts"][0]["interval"]
    assert low <= 0 <= high
    assert data["contrasts"][0]["verdict"] == "undecided"
    assert any("noise by construction" in caution for caution in data["cautions"])


def test_several_variants_have_simultaneous_intervals_against_the_first(compare: Compare) -> None:
    data = compare("done/baseline", "done/c001", "done", "--attempts", "1", "--json").data
    assert data["method"] == "max-t"
    assert [(row["arm"], row["against"]) for row in data["contrasts"]] == [("B", "A"), ("C", "A")]
    benchmark = compare("done/baseline", "done/c001", "done", "--target", "benchmark", "--json").data
    assert (benchmark["method"], benchmark["target"]) == ("Bonferroni", "benchmark")


def test_a_folder_is_compared_on_the_tasks_of_a_run_file(compare: Compare, tmp_path: Path) -> None:
    bundle = load_bundle(BASH_ONLY)
    prompt = bundle.files["prompts/system.md"] + b"\nRead the result back before you finish.\n"
    save_bundle(HarnessBundle({**bundle.files, "prompts/system.md": prompt}), tmp_path / "mine")
    config = ROOT / "tests" / "finished.yaml"
    data = compare(BASH_ONLY, tmp_path / "mine", "--config", config, "--attempts", "1", "--json").data
    assert data["ground"] == str(config)
    assert any("is not known" in caution for caution in data["cautions"])
    assert data["contrasts"][0]["diff"]["added"] == 2


def test_the_test_split_counts_a_look_for_ever(compare: Compare, runs: Path) -> None:
    suite = RunFolder(runs / "done").read_lock()["suite"]
    registry = SuiteRegistry(runs / "suites")

    def looks() -> int:
        record = registry.record(suite)
        assert record is not None
        return record.looks

    assert looks() == 1
    words = (*PAIR, "--split", "test", "--attempts", "1", "--json")
    assert compare(*PAIR, "--split", "test", "--attempts", "1", "--dry-run").code == 0
    assert looks() == 1
    data = compare(*words).data
    assert (data["look"], data["level"], looks()) == (2, 0.975, 2)
    assert compare(*words).data["look"] == 2
    assert looks() == 2
    grown = compare(*PAIR, "--split", "test", "--attempts", "2", "--json").data
    assert (grown["look"], looks()) == (3, 3)


def test_a_dry_run_tells_what_it_takes_and_writes_nothing(compare: Compare, runs: Path) -> None:
    data = compare(*PAIR, "--attempts", "4", "--dry-run", "--json").data
    assert (data["owed"], data["tasks"], data["measured"]) == (80, 10, "done")
    assert data["usd"] > 0
    assert 0.1 < data["smallest"] < 0.5
    text = compare(*PAIR, "--attempts", "4", "--dry-run", "--format", "table").out
    assert "80 to make" in text
    assert "about tasks like these" in " ".join(text.split())
    assert not (runs / "compare").exists()


def test_a_budget_stops_launching_and_a_larger_one_goes_on(compare: Compare, runs: Path) -> None:
    short = compare(*PAIR, "--attempts", "2", "--budget-usd", "0.03", "--json")
    assert short.code == 8
    assert "is used up" in short.err
    assert short.data["coverage"] < 1
    assert any("not made yet" in caution for caution in short.data["cautions"])
    spent = sum(row.cost_usd or 0.0 for row in own(runs))
    assert 0 < spent <= 0.035
    whole = compare(*PAIR, "--attempts", "2", "--budget-usd", "5", "--json")
    assert (whole.code, len(own(runs)), whole.data["arms"][0]["attempts"]["scored"]) == (0, 40, 20)


@pytest.fixture
def key() -> Iterator[str]:
    """Put a key into the environment that no provider knows."""
    os.environ["ANTHROPIC_API_KEY"] = "sk-nothing"
    try:
        yield os.environ["ANTHROPIC_API_KEY"]
    finally:
        del os.environ["ANTHROPIC_API_KEY"]


def test_an_outage_decides_nothing_and_the_same_command_tries_again(
    compare: Compare, runs: Path, tmp_path: Path, key: str
) -> None:
    data = yaml.safe_load((ROOT / "tests" / "finished.yaml").read_text())
    for key in ("harness", "prices"):
        data[key] = str((ROOT / "tests" / data[key]).resolve())
    data["models"]["task"] = {"model": "claude-haiku-5-5", "base_url": "http://127.0.0.1:9"}
    data["splits"] = {"train": 20, "heldout": 2, "test": 2}
    data["sandbox"] = {"kind": "process", "allow_unsafe": True}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(data))
    save_bundle(load_bundle(BASH_ONLY), tmp_path / "one")
    words = (BASH_ONLY, tmp_path / "one", "--config", tmp_path / "run.yaml", "--attempts", "1", "--budget-usd", "3")
    empty = tmp_path / "empty"
    for tried in (1, 2):
        answer = compare(*words, "--runs-dir", empty)
        assert answer.code == 5
        assert "died of infrastructure" in answer.err
        assert "the same command goes on: ratchet compare" in answer.err
        assert key not in answer.err
        assert len(own(empty)) == 4 * tried
    assert compare(*words[:4], "--runs-dir", empty).code == 2


def test_nobody_is_paid_without_being_asked(compare: Compare, tmp_path: Path) -> None:
    data = yaml.safe_load((ROOT / "tests" / "finished.yaml").read_text())
    for key in ("harness", "prices"):
        data[key] = str((ROOT / "tests" / data[key]).resolve())
    data["models"]["task"] = {"model": "claude-haiku-4-5"}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(data))
    answer = compare(BASH_ONLY, "done", "--config", tmp_path / "run.yaml", "--attempts", "1")
    assert answer.code == 2
    assert "not done without asking" in answer.err
    assert "--budget-usd" in answer.err


def test_interrupted_the_same_command_goes_on_and_nothing_is_paid_twice(compare: Compare, runs: Path) -> None:
    command = [sys.executable, "-m", "optimizer", "compare", *PAIR, "--attempts", "4", "--runs-dir", str(runs)]
    env = {key: value for key, value in os.environ.items() if not key.startswith("ANTHROPIC_")}
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as driver:
        assert driver.stderr is not None
        assert next(line for line in driver.stderr if "80 attempts" in line)
        driver.send_signal(signal.SIGINT)
        rest = driver.stderr.read()
        assert driver.wait(60) == 130
    assert "nothing is paid twice" in rest
    assert "--attempts 4" in rest
    before = {row.rowid: row for row in own(runs) if row.state != "planned"}
    assert len(before) < 80
    data = compare(*PAIR, "--attempts", "4", "--json").data
    assert data["arms"][0]["attempts"] == {"planned": 40, "scored": 40, "missing": 0}
    after = {row.rowid: row for row in own(runs)}
    assert len(after) == 80
    assert all(after[rowid] == row for rowid, row in before.items())


def test_what_was_lost_before_its_first_step_is_drawn_again(compare: Compare, runs: Path) -> None:
    compare(*PAIR, "--attempts", "1")
    (folder,) = (runs / "compare").iterdir()
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as db:
        db.execute("DROP TRIGGER scores_stand")
        db.execute(
            "UPDATE attempts SET state='missing', reward=NULL, cause='sandbox_lost', turns=0 WHERE number IN (1, 2)"
        )
        db.commit()
    lost = compare(*PAIR, "--json").data
    assert sum(arm["attempts"]["missing"] for arm in lost["arms"]) == 2
    whole = compare(*PAIR, "--attempts", "1", "--json").data
    assert [arm["attempts"] for arm in whole["arms"]] == [{"planned": 10, "scored": 10, "missing": 0}] * 2
    assert len(own(runs)) == 22


# Forms -------------------------------------------------------------------------------


def test_csv_has_a_row_for_each_measure(compare: Compare) -> None:
    rows = list(csv.DictReader(io.StringIO(compare(*PAIR, "--format", "csv").out)))
    assert [row["measure"] for row in rows] == ["score", "cost", "tokens", "seconds", "turns"]
    assert {row["target"] for row in rows} == {"population"}
    tasks = list(csv.DictReader(io.StringIO(compare(*PAIR, "--split", "train", "--format", "csv", "--per-task").out)))
    assert set(tasks[0]) == {"task", "A_mean", "B_mean", "A_scored", "B_scored"}


def test_rows_become_a_data_frame(compare: Compare) -> None:
    from optimizer.compare.record import to_frame

    data = compare(*PAIR, "--json", "--per-task").data
    frame = to_frame(data["per_task"])
    assert len(frame) == data["tasks"]
    assert frame["B_mean"].mean() == pytest.approx(data["arms"][1]["score"])


def test_markdown_names_its_target_and_fences_the_difference(compare: Compare) -> None:
    text = compare(*PAIR, "--format", "md").out
    assert text.startswith("# Comparison: A (done/c000)")
    assert "target: population" in text
    assert "SIMULATED MODEL" in text
    assert "```diff" in text


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_the_page_loads_nothing_and_escapes_what_agents_wrote(compare: Compare, runs: Path, tmp_path: Path) -> None:
    bundle = load_bundle(BASH_ONLY)
    evil = HarnessBundle({**bundle.files, "prompts/system.md": b"</pre><script>alert(1)</script>\n"})
    save_bundle(evil, tmp_path / "evil")
    said = compare("done", tmp_path / "evil", "--attempts", "1", "--format", "html", "-o", tmp_path / "page.html")
    assert said.out.strip() == str(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    tags = _Tags()
    tags.feed(text)
    assert not [tag for tag, attributes in tags.seen if str(attributes.get("src") or "").startswith("http")]
    assert [tag for tag, _ in tags.seen].count("script") == 1
    assert re.search(r"about tasks like these \(target: population\)", text)
    assert "SIMULATED MODEL" in text
    assert len(text) < 1_000_000


def test_a_page_does_not_overwrite_what_is_no_page(compare: Compare, tmp_path: Path) -> None:
    (tmp_path / "mine.html").write_text("my own")
    answer = compare(*PAIR, "--format", "html", "-o", tmp_path / "mine.html")
    assert answer.code == 2
    assert (tmp_path / "mine.html").read_text() == "my own"


def test_the_table_fits_a_terminal_and_says_what_it_rests_on(compare: Compare) -> None:
    text = compare(*PAIR, "--format", "table").out
    assert max(map(len, text.splitlines())) <= 100
    for words in (
        "SIMULATED MODEL",
        "n = 10 held-out tasks",
        "R = ",
        "target: population",
        "won,",
        "flipped",
        "harness",
    ):
        assert words in text


def test_an_interrupted_writing_down_leaves_nothing_that_stands_in_the_way(compare: Compare, runs: Path) -> None:
    compare(*PAIR, "--attempts", "1")
    (folder,) = (runs / "compare").iterdir()
    shutil.rmtree(folder)
    (folder / "traces").mkdir(parents=True)
    assert compare(*PAIR, "--attempts", "1", "--json").data["coverage"] == 1.0
