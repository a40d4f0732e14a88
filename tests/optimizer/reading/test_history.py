from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import subprocess
import weakref
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.attempt_spec import AttemptResult, AttemptStatus, Purpose
from optimizer.candidates import Archive
from optimizer.ledger import Bill, CandidateRow, DrawRequest, Ledger, VerdictRow
from optimizer.ledger.decisions import Decision, read_decisions
from optimizer.reading.git_folder import GitFolder, Signature
from optimizer.reading.history import FOLDER, History, message
from optimizer.run_folder import RunFolder
from optimizer.state import Phase
from optimizer.verdict import Verdict, ruling
from task_agent.harness import HarnessBundle
from traces.event import TokenUsage

if TYPE_CHECKING:
    from conftest import FinishedRun

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="reads the repository with git")
HOSTILE = "Fix\x1b[31m it\0\r\n\nVerdict: keep\nCandidate: c666\n\u202eCo-authored-by: x"


class Night:
    """Write a run of a few candidates into a ledger and an archive, on a clock of its own."""

    def __init__(self, root: Path) -> None:
        self.folder = RunFolder(root)
        root.mkdir(parents=True)
        names = ("uid", "suite", "splits", "harness", "config", "sandbox")
        self.folder.write_lock({**dict.fromkeys(names, "x"), "models": {"task": "simulated"}})
        ticks = itertools.count(1_800_000_000)
        self.ledger = Ledger(self.folder.ledger, clock=lambda: float(next(ticks)))
        weakref.finalize(self, self.ledger.close)
        self.ledger.begin(root.name, json.loads(self.folder.lock.read_text()))
        self.archive = Archive(self.folder.candidates)
        self.told: list[str] = []
        self.bundles = {"": {"harness.yaml": b"name: seed\n", "prompts/system.md": b"Work.\n"}}
        self.propose(0, None, {}, title="seed")

    def propose(self, slot: int, parent: str | None, change: dict[str, bytes], *, title: str, claim: str = "") -> str:
        name = f"c{slot:03d}"
        self.bundles[name] = {**self.bundles[parent or ""], **change}
        bundle = HarnessBundle(self.bundles[name])
        self.archive.save(name, bundle)
        row = CandidateRow(name, slot, parent, bundle.hash, bundle.hash, title, claim, ("c000/t/a00",), ("t1",), ())
        self.ledger.conclude_slot(slot, row, reason="", bill=Bill())
        return name

    def draw(self, stage: str, candidate: str, rewards: Sequence[float], split: str, purpose: Purpose) -> None:
        harness = HarnessBundle(self.bundles[candidate]).hash
        asked = [DrawRequest(candidate, harness, f"t{at}", split, purpose) for at in range(len(rewards))]
        rows = self.ledger.plan("r", stage, asked)
        self.ledger.record(
            AttemptResult(row.spec, AttemptStatus.SCORED, reward, None, "", TokenUsage(1, 1), 0.0, 0, 1.0, 1)
            for row, reward in zip(rows, rewards, strict=True)
        )

    def measure(self) -> None:
        self.draw("baseline", "c000", (0, 0, 1, 0), "train", Purpose.BASELINE)
        self.ledger.conclude(Phase.BASELINE, {})

    def decide(self, candidate: str, cause: str) -> None:
        row = ruling(cause)
        self.ledger.decide(VerdictRow(candidate, row.verdict, cause, row.public, {"mean": 0.123456}))

    def write(self) -> None:
        """Write as a new driver does, which remembers nothing."""
        History(self.folder, self.told.append).write()

    def git(self, *words: str) -> str:
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder.path), "GIT_CONFIG_NOSYSTEM": "1"}
        command = ["git", "-c", "safe.directory=*", "-C", str(self.folder.path / FOLDER), *words]
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip()

    def files(self) -> dict[str, bytes]:
        root = self.folder.path / FOLDER
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """Write a baseline, two keeps in a row, a refusal, an undecided one, and an open one."""
    night = Night(tmp_path / "night")
    night.measure()
    night.propose(1, "c000", {"tools/look/run": b"#!/bin/sh\nls\n"}, title="Look first", claim="It never looks.")
    night.draw("screen/c001", "c001", (1, 0, 1, 0), "train", Purpose.SCREEN)
    night.draw("gate/c001/0/0", "c001", (1, 1, 1, 0, 1, 1), "heldout", Purpose.GATE)
    night.decide("c001", "better")
    night.propose(2, "c001", {"prompts/system.md": b"\xff\0"}, title=HOSTILE, claim=HOSTILE)
    night.decide("c002", "leak")
    night.propose(3, "c001", {"prompts/system.md": b"Work well.\n"}, title="Work well")
    night.decide("c003", "better")
    night.propose(4, "c003", {"prompts/system.md": b"Late.\n"}, title="Late")
    night.decide("c004", "money")
    night.propose(5, "c003", {"prompts/system.md": b"Open.\n"}, title="Open")
    return night


@needs_git
def test_a_clone_shows_the_climb_and_every_refusal(night: Night, tmp_path: Path) -> None:
    night.write()
    assert night.git("fsck", "--strict", "--full") == ""
    night.git("clone", "-q", ".", str(tmp_path / "clone"))
    log = night.git("-C", str(tmp_path / "clone"), "log", "--format=%s")
    assert log.splitlines() == ["c003: Work well", "c001: Look first [train 50.0%]", "c000: seed [train 25.0%]"]
    heads = night.git("for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags")
    assert heads.splitlines() == [
        "refs/heads/main",
        "refs/heads/refused/c002",
        "refs/heads/undecided/c004",
        "refs/tags/baseline",
    ]
    assert night.git("merge-base", "main", "refused/c002") == night.git("rev-parse", "main~1")
    run = tmp_path / "clone" / "tools/look/run"
    assert run.read_bytes() == night.bundles["c001"]["tools/look/run"]
    assert os.access(run, os.X_OK)
    assert not os.access(tmp_path / "clone" / "harness.yaml", os.X_OK)


@needs_git
def test_every_commit_holds_the_harness_byte_for_byte(night: Night) -> None:
    night.write()
    for ref, name in (("main", "c003"), ("main~1", "c001"), ("refused/c002", "c002"), ("baseline", "c000")):
        names = night.git("ls-tree", "-r", "--name-only", ref).splitlines()
        assert names == sorted(night.bundles[name])
        for path in names:
            content = night.bundles[name][path]
            expected = subprocess.run(["git", "hash-object", "--stdin"], input=content, capture_output=True, check=True)
            assert night.git("rev-parse", f"{ref}:{path}") == expected.stdout.decode().strip()


def test_a_keep_is_a_fast_forward_and_nothing_written_before_changes(night: Night) -> None:
    history = History(night.folder, night.told.append)
    history.write()
    before = night.files()
    night.decide("c005", "better")
    history.write()
    after = night.files()
    assert {path for path in before if after[path] != before[path]} == {"refs/heads/main"}
    parent = before["refs/heads/main"].decode().strip()
    if shutil.which("git"):
        assert night.git("rev-parse", "main~1") == parent


def test_the_same_ledger_gives_the_same_repository_in_one_go_or_in_many(night: Night, tmp_path: Path) -> None:
    night.write()
    in_one_go = night.files()
    night.write()
    assert night.files() == in_one_go
    again = Night(tmp_path / "elsewhere" / "night")
    history = History(again.folder, again.told.append)
    history.write()
    assert not (again.folder.path / FOLDER / "refs/tags/baseline").exists()
    again.measure()
    history.write()
    steps = [
        (1, "c000", {"tools/look/run": b"#!/bin/sh\nls\n"}, "Look first", "It never looks.", "better"),
        (2, "c001", {"prompts/system.md": b"\xff\0"}, HOSTILE, HOSTILE, "leak"),
        (3, "c001", {"prompts/system.md": b"Work well.\n"}, "Work well", "", "better"),
        (4, "c003", {"prompts/system.md": b"Late.\n"}, "Late", "", "money"),
    ]
    for slot, parent, change, title, claim, cause in steps:
        again.propose(slot, parent, change, title=title, claim=claim)
        history.write()
        if slot == 1:
            again.draw("screen/c001", "c001", (1, 0, 1, 0), "train", Purpose.SCREEN)
            again.draw("gate/c001/0/0", "c001", (1, 1, 1, 0, 1, 1), "heldout", Purpose.GATE)
        again.decide(f"c{slot:03d}", cause)
        history.write()
    assert again.files() == in_one_go


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_repository_lost_or_damaged_anywhere_is_mended(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    night = Night(tmp_path_factory.mktemp("damage") / "night")
    night.measure()
    night.propose(1, "c000", {"skills/s/SKILL.md": b"Look.\n"}, title="Look")
    night.decide("c001", "better")
    night.write()
    sound = night.files()
    draw = random.Random(seed)
    root = night.folder.path / FOLDER
    for name in draw.sample(sorted(sound), draw.randint(1, len(sound))):
        content = sound[name]
        match draw.randrange(3):
            case 0:
                (root / name).unlink()
            case 1:
                (root / name).write_bytes(content[: draw.randrange(len(content))])
            case _:
                (root / name).write_bytes(draw.randbytes(8))
    night.write()
    assert night.files() == sound
    assert night.told == []


def test_what_a_killed_writer_left_half_done_is_taken_away(night: Night) -> None:
    night.write()
    sound = night.files()
    (night.folder.path / FOLDER / "draft-12345").write_bytes(b"half")
    night.write()
    assert night.files() == sound


def test_a_living_driver_writes_a_repository_anew_that_somebody_removed(night: Night) -> None:
    history = History(night.folder, night.told.append)
    history.write()
    sound = night.files()
    shutil.rmtree(night.folder.path / FOLDER)
    history.write()
    assert night.files() == sound


@needs_git
def test_what_an_author_wrote_cannot_pass_for_a_trailer_or_steer_a_terminal(night: Night) -> None:
    night.write()
    for key, value in (("Verdict", "reject"), ("Candidate", "c002")):
        assert night.git("log", "-1", f"--format=%(trailers:key={key},valueonly)", "refused/c002") == value
    words = night.git("log", "-1", "--format=%B", "refused/c002")
    assert not set(words) & {"\x1b", "\0", "\r", "\u202e"}
    assert words.splitlines()[0].startswith("c002: Fix\\x1b[31m it\\x00 Verdict: keep")


@given(st.text(), st.text(), st.text())
def test_a_message_is_a_subject_a_claim_and_trailers_whatever_was_written(title: str, claim: str, public: str) -> None:
    decision = Decision(
        "c001", "c000", "h", title, claim, (public,), (), (), 0.0, Verdict.REJECT, public, 0.0, 0.5, 1, 2
    )
    text = message(decision, "r", simulated=True)
    text.encode()
    assert "\0" not in text
    parts = text.split("\n\n")
    assert len(parts) in (2, 3)
    assert parts[0].startswith("c001: ")
    assert "\n" not in parts[0]
    keys = [line.split(":")[0] for line in parts[-1].splitlines()]
    assert keys[:3] == ["Candidate", "Parent", "Verdict"]
    assert keys[-1] == "Simulated"


def test_nothing_of_held_out_tasks_is_in_it_before_the_run_is_finished(night: Night) -> None:
    night.write()
    text = b"".join(map(_plain, night.files().values())).decode(errors="replace")
    assert "25.0%" in text
    for secret in ("0.123456", "12.3", "83.3", "0.8333", "heldout", "gate", "certified"):
        assert secret not in text


@needs_git
def test_the_certified_number_is_a_tag_once_the_run_is_finished(night: Night) -> None:
    night.decide("c005", "not_better")
    night.write()
    main = night.git("rev-parse", "main")
    record = {"difference": 0.2, "improved": True, "tasks": 9, "interval": [0.1, 0.3], "level": 0.95, "coverage": 1.0}
    means = {"target": "population", "baseline_mean": 0.3, "champion_mean": 0.5}
    night.ledger.conclude(Phase.CERTIFY, {**record, **means})
    night.write()
    assert night.git("tag") == "baseline"
    night.ledger.conclude(Phase.FINISH, {"reason": "iterations"})
    night.write()
    assert night.git("rev-parse", "certified^{commit}") == main == night.git("rev-parse", "main")
    words = night.git("tag", "-n9", "-l", "certified")
    assert "certified gain +20.0 points" in words
    assert "SIMULATED MODEL" in words


def test_attempts_after_a_verdict_do_not_change_its_commit(night: Night) -> None:
    night.write()
    before = night.files()
    night.draw("screen/c005+1", "c001", (0, 0, 0, 0), "train", Purpose.SCREEN)
    night.write()
    assert night.files() == before
    first = read_decisions(night.folder.ledger)[1]
    assert (first.candidate, first.score, first.scored, first.planned) == ("c001", 0.5, 4, 4)


def test_a_repository_that_cannot_be_written_costs_one_notice_and_nothing_else(night: Night) -> None:
    (night.folder.path / FOLDER).write_text("in the way")
    history = History(night.folder, night.told.append)
    history.write()
    history.write()
    assert len(night.told) == 1
    assert night.told[0].startswith("candidates.git is not up to date")


def test_a_candidate_whose_folder_was_changed_is_not_committed_as_what_was_decided(night: Night) -> None:
    (night.folder.candidates / "c003/harness/prompts/system.md").write_text("Something else.\n")
    night.write()
    assert "c003" in night.told[0]
    assert not (night.folder.path / FOLDER / "refs/heads/undecided/c004").exists()


@needs_git
@given(
    files=st.dictionaries(
        st.sampled_from(["a", "a.b", "a-b/c", "a0", "b/a", "b/a.c", "b.c", "b/d/e", "b0/x", "Z", "z/z"]),
        st.binary(max_size=20) | st.binary(max_size=5).map(lambda end: b"#!" + end),
        min_size=1,
    )
)
@settings(max_examples=15, deadline=None)
def test_trees_are_in_the_order_git_wants(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    root = tmp_path_factory.mktemp("tree")
    git = GitFolder(root, "x")
    git.open()
    who = Signature("a", "a@b.invalid", 1.0)
    git.point("refs/heads/main", git.commit(git.tree(files), [], "x\n", author=who, committer=who))
    command = ["git", "-c", "safe.directory=*", "-C", str(root)]
    done = subprocess.run([*command, "fsck", "--strict"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    named = subprocess.run([*command, "ls-tree", "-r", "--name-only", "main"], capture_output=True, check=True)
    assert sorted(named.stdout.decode().split()) == sorted(files)


def _plain(content: bytes) -> bytes:
    try:
        return zlib.decompress(content)
    except zlib.error:
        return content


def test_a_run_leaves_its_repository_with_a_branch_for_each_candidate_not_kept(finished_run: FinishedRun) -> None:
    folder = finished_run.runs / finished_run.run
    git = folder / FOLDER
    decided = read_decisions(folder / "ledger.sqlite")
    assert (git / "refs/heads/main").exists()
    assert (git / "refs/tags/baseline").exists()
    branches = {path.name for path in git.glob("refs/heads/*/*")}
    assert branches == {each.candidate for each in decided if each.verdict not in (None, Verdict.KEEP)}
    assert len(decided) > 1
