"""Taking a champion out: everything its number rests on goes along, and every changed byte is named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec
from optimizer.cli.exit_codes import ExitCode, exit_code
from optimizer.cli.starting import harness_at
from optimizer.export import Manifest, read_manifest, verify_export, write_export
from optimizer.facts import read_facts
from optimizer.ledger import VerdictRow
from optimizer.run_file import load_run_file
from optimizer.stages.measure import certify
from optimizer.state import Phase
from optimizer.verdict import Verdict
from task_agent.harness import load_bundle
from traces.errors import ConfigError, NotFoundError, UsageError

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
PROMPT = "prompts/system.md"
TOOL = {
    "tools/look/tool.yaml": "name: look\ndescription: Look.\ninput_schema: {type: object}\n",
    "tools/look/run": "#!/bin/sh\n",
}


@pytest.fixture
def climbed(bench: Worlds, rates: Rates) -> Any:
    """Give a run that kept two changes, refused one, and certified its champion."""
    world = bench(rates(1, {"c000": 0.2, "c003": 0.9}), sizes=(3, 6, 12))
    for slot, parent, verdict in ((1, "c000", Verdict.KEEP), (2, "c001", Verdict.REJECT), (3, "c001", Verdict.KEEP)):
        change = {PROMPT: f"You solve tasks.\nWay {slot}.\n", **(TOOL if slot == 3 else {})}
        world.add(slot, change, parent=parent)
        world.ledger.reserve_test(f"c00{slot}", parent, 0.05)
        world.ledger.decide(VerdictRow(f"c00{slot}", verdict, "better" if verdict == "keep" else "not_better", "words"))
    certify(world.bench, "c003")
    return world


@pytest.fixture
def exported(climbed: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "tuned"
    write_export(read_facts(climbed.folder), folder)
    return folder


def test_an_export_holds_harness_baseline_difference_and_manifest_and_verifies(climbed: Any, exported: Path) -> None:
    manifest = verify_export(exported)
    assert sorted(path.name for path in exported.iterdir()) == ["baseline", "diff.patch", "harness", "manifest.json"]
    assert load_bundle(exported / "harness").hash == climbed.bench.archive.load("c003").hash == manifest.harness
    assert load_bundle(exported / "baseline").hash == climbed.bench.archive.load("c000").hash == manifest.baseline
    assert "+Way 3." in (exported / "diff.patch").read_text()
    assert os.access(exported / "harness/tools/look/run", os.X_OK)


def test_the_manifests_evidence_is_the_certificate(climbed: Any, exported: Path) -> None:
    record, evidence = climbed.ledger.conclusion(Phase.CERTIFY), read_manifest(exported).evidence
    assert evidence.difference == record["difference"] > 0
    assert list(evidence.interval or ()) == record["interval"]
    assert (evidence.level, evidence.target, evidence.tasks) == (record["level"], "population", 12)
    assert (evidence.baseline, evidence.champion) == (record["baseline_mean"], record["champion_mean"])
    assert (evidence.attempts, evidence.coverage, evidence.look) == (48, 1.0, 1)
    assert (evidence.improved, evidence.simulated) == (True, True)


def test_the_lineage_names_the_kept_changes_from_the_baseline_on(climbed: Any, exported: Path) -> None:
    manifest = read_manifest(exported)
    assert [(step.candidate, step.verdict) for step in manifest.lineage] == [("c001", "keep"), ("c003", "keep")]
    assert manifest.lineage[-1].harness == manifest.harness
    assert (manifest.run, manifest.candidate, manifest.keeps, manifest.tests_used) == ("r", "c003", 2, 3)
    assert (manifest.suite, manifest.splits) == (climbed.suite.hash, climbed.splits.hash)
    assert manifest.models == dict.fromkeys(("task", "proposer", "reflector", "analyst", "reviewer"), "simulated")
    assert manifest.spend_usd == pytest.approx(0.48)
    assert {"ratchet", "python", "anthropic"} <= set(manifest.versions)


def test_another_candidate_than_the_certified_one_goes_out_without_its_number(climbed: Any, tmp_path: Path) -> None:
    manifest = write_export(read_facts(climbed.folder), tmp_path / "first", "c001")
    assert manifest.evidence.difference is manifest.evidence.interval is None
    assert manifest.evidence.improved is False
    assert [step.candidate for step in manifest.lineage] == ["c001"]
    assert verify_export(tmp_path / "first") == manifest


def test_a_run_that_kept_nothing_exports_its_baseline_without_a_number(
    bench: Worlds, rates: Rates, tmp_path: Path
) -> None:
    world = bench(rates(1, {}))
    certify(world.bench, "c000")
    manifest = write_export(read_facts(world.folder), tmp_path / "same")
    assert (manifest.candidate, manifest.lineage, manifest.evidence.difference) == ("c000", (), None)
    assert (tmp_path / "same/diff.patch").read_text() == ""
    verify_export(tmp_path / "same")


def test_a_candidate_that_is_not_there_is_named_and_nothing_is_written(climbed: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="did you mean") as caught:
        write_export(read_facts(climbed.folder), tmp_path / "none", "c0001")
    assert exit_code(caught.value) == ExitCode.NOT_FOUND
    assert not (tmp_path / "none").exists()


def test_a_folder_in_use_is_left_alone(climbed: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("mine", "file"):
        with pytest.raises(UsageError, match="exists and is not empty"):
            write_export(read_facts(climbed.folder), tmp_path / name)
    with pytest.raises(UsageError, match="cannot make"):
        write_export(read_facts(climbed.folder), tmp_path / "file/below")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    write_export(read_facts(climbed.folder), tmp_path / "empty")


# Tampering ---------------------------------------------------------------------------------------


def wrong(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        verify_export(folder)
    assert exit_code(caught.value) == ExitCode.USAGE
    return str(caught.value)


def test_every_single_file_that_was_changed_or_removed_is_named(exported: Path, tmp_path: Path) -> None:
    files = sorted(path.relative_to(exported) for path in exported.rglob("*") if path.is_file())
    assert len(files) == 8
    for name in files:
        if name.name == "manifest.json":
            continue
        broken = shutil.copytree(exported, tmp_path / "broken")
        content = (broken / name).read_bytes()
        (broken / name).write_bytes(content[:-1] + b"!")
        assert wrong(broken) == f"{broken / name}: was changed after the export"
        (broken / name).unlink()
        assert wrong(broken) == f"{broken / name}: is named by the manifest and missing"
        shutil.rmtree(broken)


@pytest.mark.parametrize("name", ["extra.txt", "harness/prompts/more.md", "baseline/.hidden", "deep/er/x"])
def test_an_added_file_is_named(name: str, exported: Path) -> None:
    (exported / name).parent.mkdir(parents=True, exist_ok=True)
    (exported / name).write_text("new")
    assert wrong(exported) == f"{exported / name}: is not named by the manifest"


def test_a_link_stands_in_for_no_file(exported: Path, tmp_path: Path) -> None:
    (exported / "dangling").symlink_to(tmp_path / "nowhere")
    assert "dangling: is not named by the manifest" in wrong(exported)
    (exported / "dangling").unlink()
    shutil.move(exported / "diff.patch", tmp_path / "elsewhere")
    (exported / "diff.patch").symlink_to(tmp_path / "elsewhere")
    assert "diff.patch: was changed after the export" in wrong(exported)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("harness", "0" * 64, "has the content hash"),
        ("baseline", "0" * 64, "has the content hash"),
        ("schema_version", 2, "`schema_version`"),
        ("format", "other", "`format`"),
        ("keeps", "many", "`keeps`"),
        ("surprise", 1, "`surprise`"),
    ],
)
def test_a_manifest_that_does_not_fit_is_named(key: str, value: object, words: str, exported: Path) -> None:
    path = exported / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    assert words in wrong(exported)


def test_a_manifest_that_is_no_json_and_a_folder_that_is_no_export_are_refused(exported: Path, tmp_path: Path) -> None:
    (exported / "manifest.json").write_text("{")
    assert "not JSON" in wrong(exported)
    (exported / "manifest.json").unlink()
    with pytest.raises(NotFoundError, match="no export"):
        verify_export(exported)
    with pytest.raises(NotFoundError, match="no export"):
        verify_export(tmp_path / "gone")


# The next run ------------------------------------------------------------------------------------


def test_an_export_is_the_seed_of_another_run(exported: Path, climbed: Any) -> None:
    config = load_run_file(climbed.folder.config, {"harness": harness_at(exported)})
    assert load_bundle(config.harness).hash == read_manifest(exported).harness
    assert Manifest.model_validate(read_manifest(exported).model_dump()) == read_manifest(exported)
