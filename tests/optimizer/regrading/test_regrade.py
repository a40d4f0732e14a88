"""A run's attempts graded again: new rewards beside the old ones, and nothing that was decided is touched."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.artifacts import Kept
from benchmarks.suite import Suite, load_suite
from optimizer.cli.main import main
from optimizer.facts import Facts, read_facts
from optimizer.kept_work import KeptWork
from optimizer.ledger import DriverLock, RunLockedError
from optimizer.registry import registry_of
from optimizer.regrading.certified_again import certified_again
from optimizer.regrading.regrade import NOT_KEPT, Regraded, regrade_run, summed
from optimizer.run import start
from optimizer.run_file import load_run_file
from optimizer.run_folder import RunFolder
from optimizer.telling.progress import silent
from task_agent.sandbox import open_sandbox

FINISHED = Path(__file__).parents[2] / "finished.yaml"
ALWAYS_1 = {"test.sh": b'echo 1 > "$LOGS_DIR/verifier/reward.txt"\n'}
BROKEN = {"test.sh": b"true\n"}


class Said(NamedTuple):
    """Hold how a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        return dict(json.loads(self.out)["data"])


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a night once that keeps what its attempts leave."""
    runs = tmp_path_factory.mktemp("kept") / "runs"
    start(load_run_file(FINISHED, {"sandbox.keep_work": True}), runs, "done", silent)
    return runs


@pytest.fixture
def runs(kept: Path, tmp_path: Path) -> Path:
    """Give a copy to write into."""
    return Path(shutil.copytree(kept, tmp_path / "runs"))


@pytest.fixture
def ratchet(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Give a function that runs `ratchet regrade WORDS...`."""

    def run(runs: Path, *words: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["regrade", "done", *map(str, words), "--runs-dir", str(runs)])
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


Regrading = Callable[..., Said]


def facts_of(runs: Path) -> Facts:
    return read_facts(RunFolder(runs / "done"))


def suite_of(runs: Path) -> Suite:
    return load_suite(load_run_file(runs / "done" / "run.yaml").suite, runs)


def mended(suite: Suite, tests: dict[str, bytes] = ALWAYS_1) -> Suite:
    return Suite("mended", tuple(replace(task, tests=tests, digest=f"new-{task.id}") for task in suite.tasks))


def again(runs: Path, suite: Suite, *, often: bool = False, **where: str) -> tuple[Facts, Regraded]:
    facts = facts_of(runs)
    rows = [row for row in facts.attempts if all(getattr(row.spec, key) == is_ for key, is_ in where.items())]
    made = lambda spec: open_sandbox("process", spec)  # noqa: E731 - a factory
    return facts, regrade_run(facts.folder, suite, rows, sandbox="process", make_sandbox=made, again=often)


def ledger_of(runs: Path) -> str:
    with closing(sqlite3.connect(runs / "done" / "ledger.sqlite")) as db:
        return "\n".join(db.iterdump())


def test_the_same_verifiers_give_the_same_rewards_and_the_same_certified_number(runs: Path, ratchet: Regrading) -> None:
    before = ledger_of(runs)
    data = ratchet(runs, "--split", "test", "--json").data
    assert (data["changed"], data["without_reward"], data["left_out"]) == (0, 0, {})
    assert data["regraded"] == 32
    assert data["suite"]["then"] == data["suite"]["now"]
    stands = data["certified"]["stands"]
    assert stands["difference"] is not None
    assert data["certified"]["with_new"] == {key: pytest.approx(value) for key, value in stands.items()}
    assert (data["certified"]["attempts"], data["certified"]["regraded"]) == (32, 32)
    assert ledger_of(runs) == before


def test_a_mended_verifier_shows_what_would_have_been_and_rewrites_nothing(runs: Path) -> None:
    before = ledger_of(runs)
    suite = suite_of(runs)
    facts, found = again(runs, mended(suite), split="test")
    rows = [row for row in facts.attempts if row.spec.split == "test"]
    failed = [row.spec.id for row in rows if row.reward == 0.0]
    assert 0 < len(failed) < len(rows)
    assert sorted(row.attempt for row in found.changed) == sorted(failed)
    assert {(row.old, row.new) for row in found.changed} == {(0.0, 1.0)}
    by_candidate = {row["candidate"]: row for row in summed(found, rows)}
    assert by_candidate["c000"]["new"] == 1.0 > by_candidate["c000"]["old"]
    record = registry_of(runs).record(facts.lock["suite"], facts.lock["uid"])
    assert record is not None
    number = certified_again(facts, load_run_file(facts.folder.config), mended(suite), record.splits, found)
    assert number is not None
    assert number.found.difference == 0.0 != (facts.certificate or {})["difference"]
    assert ledger_of(runs) == before


def test_what_gets_no_reward_keeps_what_it_had(runs: Path) -> None:
    facts, found = again(runs, mended(suite_of(runs), BROKEN), split="train", candidate="c000")
    assert {(row.new, row.cause) for row in found.rows} == {(None, "verifier_broken")}
    assert found.changed == []
    rows = [row for row in facts.attempts if (row.spec.split, row.spec.candidate) == ("train", "c000")]
    (line,) = summed(found, rows)
    assert line["new"] == line["old"]


def test_the_second_time_the_record_answers_and_a_cut_line_is_passed_over(runs: Path) -> None:
    suite = suite_of(runs)
    _, first = again(runs, suite, split="train", candidate="c000")
    record = runs / "done" / "regrades.jsonl"
    lines = record.read_text()
    assert len(lines.splitlines()) == len(first.rows)
    _, second = again(runs, suite, split="train", candidate="c000")
    assert (second.rows, second.known) == (first.rows, len(first.rows))
    assert record.read_text() == lines
    record.write_text(lines[:-30])
    _, third = again(runs, suite, split="train", candidate="c000")
    assert (third.known, len(third.rows)) == (len(first.rows) - 1, len(first.rows))
    _, anew = again(runs, suite, often=True, split="train", candidate="c000")
    assert anew.known == 0
    _, other = again(runs, mended(suite), split="train", candidate="c000")
    assert other.known == 0, "another verifier has graded nothing before"


def test_where_nothing_was_kept_the_answer_says_which_setting_keeps_it(
    finished_run: tuple[Path, str], tmp_path: Path, ratchet: Regrading
) -> None:
    runs = Path(shutil.copytree(finished_run[0], tmp_path / "runs"))
    said = ratchet(runs, "--split", "train")
    assert said.code == 0
    assert "0 attempts of run done graded again" in said.out
    assert f"{NOT_KEPT}: `sandbox: {{keep_work: true}}`" in " ".join(said.out.split())
    assert not (runs / "done" / "regrades.jsonl").exists()


def test_single_held_out_attempts_are_shown_only_when_asked_for_and_that_is_noted(
    runs: Path, ratchet: Regrading
) -> None:
    row = next(row for row in facts_of(runs).attempts if (row.spec.split, row.reward) == ("heldout", 1.0))
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w").close()
    KeptWork(runs / "done" / "artifacts").put(row.spec.id, Kept(work=buffer.getvalue()))
    words = ("--task", row.spec.task, "--candidate", row.spec.candidate)
    data = ratchet(runs, *words, "--json").data
    assert (data["changed"], data["down"], data["attempts"]) == (1, 1, [])
    log = runs / "done" / "readings.jsonl"
    assert not log.exists()
    said = ratchet(runs, *words, "--per-task", "--json")
    (one,) = said.data["attempts"]
    assert (one["attempt"], one["old"], one["new"]) == (row.spec.id, 1.0, 0.0)
    assert json.loads(log.read_text())["command"] == "regrade --per-task"


def test_a_run_that_is_driven_is_left_alone(runs: Path) -> None:
    with DriverLock(runs / "done"), pytest.raises(RunLockedError):
        again(runs, suite_of(runs), split="train")
    assert not (runs / "done" / "regrades.jsonl").exists()


def test_a_damaged_archive_is_named(runs: Path, ratchet: Regrading) -> None:
    archive = next((runs / "done" / "artifacts" / "c000").rglob("*.work.tar.gz"))
    archive.write_bytes(archive.read_bytes()[:100])
    said = ratchet(runs, "--candidate", "c000")
    assert said.code == 10
    assert f"{archive}: it is damaged" in said.err


def test_the_page_says_that_nothing_was_rewritten(runs: Path, ratchet: Regrading) -> None:
    said = ratchet(runs, "--split", "test")
    out = " ".join(said.out.split())
    assert "Certified gain: " in out
    assert "stands; with the new rewards it would have been" in out
    assert "Nothing was rewritten: rewards, verdicts, the champion and the certified number stand" in out
