"""What a run will stand on: everything that cannot work is refused before a file is written or a cent is spent."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml

from benchmarks.splits import Splits
from optimizer.cli.exit_codes import ExitCode, exit_code
from optimizer.planning.plan import check_parts, plan_resumed, plan_run, split_suite
from optimizer.registry import registry_of
from optimizer.run_file import load_run_file
from optimizer.run_folder import new_run
from traces.errors import ConfigError, CredentialsError, RatchetError, SandboxUnavailableError

ROOT = Path(__file__).parents[3]
KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


@dataclass
class Desk:
    """Writes run files and plans runs into a folder that must stay untouched."""

    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def write(self, **more: Any) -> Path:  # Any: YAML values
        base: dict[str, Any] = {
            "suite": {"kind": "pitfalls", "seed": 3, "tasks": 28},
            "harness": str(ROOT / "configs/harnesses/bash-only"),
            "prices": str(ROOT / "configs/prices.yaml"),
            "models": {role: {"model": "simulated"} for role in ("task", "proposer", "reflector")},
            "splits": {"train": 5, "heldout": 12, "test": 4},
            "gate": {"mode": "explore", "k_max": 4, "min_tasks": 10},
            "sandbox": {"kind": "process"},
        }
        path = self.root / "night.yaml"
        path.write_text(yaml.safe_dump({**base, **more}, sort_keys=False, default_flow_style=False))
        return path

    def plan(self, *, new_split: bool = False, **more: Any) -> Any:  # Any: YAML values; a Plan
        return plan_run(load_run_file(self.write(**more)), self.runs, new_split=new_split)

    def refused(self, **more: Any) -> RatchetError:  # Any: YAML values
        with pytest.raises(RatchetError) as caught:
            self.plan(**more)
        assert not self.runs.exists()
        return caught.value

    def line_of(self, text: str) -> int:
        lines = (self.root / "night.yaml").read_text().splitlines()
        return next(number for number, line in enumerate(lines, start=1) if text in line)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    kept = {key: os.environ.pop(key) for key in KEYS if key in os.environ}
    yield Desk(tmp_path)
    for key in KEYS:
        os.environ.pop(key, None)
    os.environ.update(kept)


def test_a_plan_holds_the_splits_the_sandbox_and_every_hash_and_writes_nothing(desk: Desk) -> None:
    plan = desk.plan()
    assert [len(plan.splits.of(name)) for name in ("train", "heldout")] == [5, 12]
    assert (plan.sandbox, plan.tests_before, plan.looks_before) == ("process", 0, 0)
    assert set(plan.lock) == {"suite", "splits", "harness", "config", "version", "code", "models", "sandbox"}
    assert plan.lock["models"] == dict.fromkeys(plan.config.models.roles, "simulated")
    assert not desk.runs.exists()


def test_the_same_file_gives_the_same_lock_and_another_seed_does_not(desk: Desk) -> None:
    assert desk.plan().lock == desk.plan().lock
    assert desk.plan(seed=9).lock["config"] != desk.plan().lock["config"]


BAD_PARTS = [
    ("an unknown suite kind", {"suite": {"kind": "puzzles"}}, "kind: puzzles", "known kinds: pitfalls"),
    ("an unknown suite key", {"suite": {"kind": "pitfalls", "tsks": 9}}, "tsks", "`suite.tsks`"),
    ("a wrong suite value", {"suite": {"kind": "pitfalls", "families": ["chess"]}}, "- chess", "no family"),
    ("too few held-out tasks", {"gate": {"min_tasks": 15}}, "heldout: 12", "12 held-out tasks are fewer"),
    ("splits larger than the suite", {"splits": {"train": 9, "heldout": 90, "test": 9}}, "train: 9", "108 tasks asked"),
    ("shares above one", {"splits": {"train": 0.5, "heldout": 0.5, "test": 0.5}}, "train: 0.5", "at most 1"),
    ("an unknown simulated key", {"simulated": {"slipscale": 2}}, "slipscale", "`simulated.slipscale`"),
    ("a mix that does not add up", {"simulated": {"mix": {"good": 0.9}}}, "good: 0.9", "add up to 1.5, not 1"),
    ("an impossible rate", {"simulated": {"reflector": {"detection": 3}}}, "detection: 3", "less than or equal to 1"),
]


@pytest.mark.parametrize(("more", "stands", "words"), [row[1:] for row in BAD_PARTS], ids=[row[0] for row in BAD_PARTS])
def test_what_a_run_cannot_stand_on_is_named_with_its_spot_in_the_run_file(
    more: dict[str, Any], stands: str, words: str, desk: Desk
) -> None:
    error = desk.refused(**more)
    assert isinstance(error, ConfigError)
    assert exit_code(error) == ExitCode.USAGE
    assert words in error.message
    assert error.place is not None
    assert (error.place.path, error.place.line) == (desk.root / "night.yaml", desk.line_of(stands))
    assert str(error).startswith(f"{error.place}: ")


HOPELESS = {"mode": "default", "k_max": 4, "min_tasks": 10}


@pytest.mark.parametrize(
    ("gate", "stands", "words"),
    [
        (HOPELESS, "heldout: 12", "cannot certify"),
        (
            {**HOPELESS, "mode": "explore", "target": "population", "stages": [1], "futility": [], "alpha": 1e-9},
            "mode: explore",
            "no change gains so much",
        ),
    ],
)
def test_a_design_that_can_decide_or_certify_nothing_is_refused_unless_it_is_forced(
    gate: dict[str, Any], stands: str, words: str, desk: Desk
) -> None:
    heldout = 12 if stands == "heldout: 12" else 32
    more = {
        "suite": {"kind": "pitfalls", "seed": 3, "tasks": 56},
        "splits": {"train": 5, "heldout": heldout, "test": 4},
    }
    error = desk.refused(gate=gate, **more)
    assert exit_code(error) == ExitCode.USAGE
    assert words in error.message
    assert "--force" in str(error.hint)
    assert error.place is not None
    assert error.place.line == desk.line_of(stands)
    assert desk.plan(gate={**gate, "force": True}, **more).config.gate.force


def test_a_broken_price_table_is_named_by_its_own_file(desk: Desk) -> None:
    prices = desk.root / "prices.yaml"
    for text, words in (
        ("models: {m: [{since: x}]}", "models.m.0.since"),
        ("{", "not valid YAML"),
        ("\udcff", "not UTF-8"),
    ):
        prices.write_bytes(text.encode(errors="surrogateescape"))
        error = desk.refused(prices=str(prices))
        assert isinstance(error, ConfigError)
        assert str(prices) in str(error)
        assert words in error.message or "checked" in error.message
    assert isinstance(desk.refused(prices=str(desk.root)), ConfigError)


def test_a_seed_harness_that_cannot_work_is_refused(desk: Desk) -> None:
    folder = desk.root / "mine"
    (folder / "prompts").mkdir(parents=True)
    (folder / "harness.yaml").write_text("name: mine\nlimits: {turns: 0}\n")
    (folder / "prompts/system.md").write_text("Work.\n")
    error = desk.refused(harness=str(folder))
    assert isinstance(error, ConfigError)
    assert f"{folder}/harness.yaml:2:" in str(error)


@pytest.mark.parametrize("role", ["task", "proposer", "reflector"])
def test_a_real_model_without_a_key_stops_at_once_and_says_what_to_set(role: str, desk: Desk) -> None:
    models = {name: {"model": "simulated"} for name in ("task", "proposer", "reflector")}
    error = desk.refused(models={**models, role: {"model": "claude-opus-5-5"}}, suite={"kind": "never looked at"})
    assert isinstance(error, CredentialsError)
    assert exit_code(error) == ExitCode.CREDENTIALS
    assert f"role `{role}` uses 'claude-opus-5-5'" in error.message
    assert "set ANTHROPIC_API_KEY" in error.hint


def test_a_real_model_is_refused_the_sandbox_that_isolates_nothing(desk: Desk) -> None:
    os.environ["ANTHROPIC_API_KEY"] = "not-a-key"
    models = {name: {"model": "simulated"} for name in ("proposer", "reflector")} | {
        "task": {"model": "claude-opus-5-5"}
    }
    error = desk.refused(models=models)
    assert isinstance(error, SandboxUnavailableError)
    assert exit_code(error) == ExitCode.SANDBOX
    assert desk.plan(models=models, sandbox={"kind": "process", "allow_unsafe": True}).sandbox == "process"


def test_small_suites_get_their_fixed_sizes_unless_the_file_says_otherwise(desk: Desk) -> None:
    config = load_run_file(
        desk.write(suite={"kind": "pitfalls", "families": ["csv_totals"], "per_family": 50}, splits={})
    )
    splits = check_parts(config).splits
    assert (len(splits.train), len(splits.heldout), len(splits.test)) == (12, 23, 15)


def test_shares_and_numbers_can_be_mixed(desk: Desk) -> None:
    config = load_run_file(desk.write(splits={"train": 4, "heldout": 0.5, "test": 0.25}))
    parts = check_parts(config)
    inside = [task for task in parts.suite.tasks if task.id not in parts.splits.out_of_family]
    assert len(parts.splits.train) == 4
    assert len(parts.splits.heldout) == pytest.approx((len(inside) - 4) * 2 / 3, abs=1)
    assert split_suite(config, parts.suite) == parts.splits


# The registry outlives runs -----------------------------------------------------------------------


def used_up(desk: Desk, tests: int) -> Splits:
    plan = desk.plan(seed=1)
    registry = registry_of(desk.runs)
    registry.enrol(plan.suite.hash, "earlier", lambda: plan.splits)
    for number in range(tests):
        registry.reserve_test(plan.suite.hash, "earlier", f"c{number}")
    registry.record_look(plan.suite.hash, "earlier")
    return plan.splits


def test_a_new_run_inherits_the_suites_split_and_its_counts(desk: Desk) -> None:
    splits = used_up(desk, 3)
    plan = desk.plan(seed=2)
    assert (plan.splits, plan.tests_before, plan.looks_before) == (splits, 3, 1)


def test_held_out_tasks_that_were_asked_too_often_are_refused_until_dealt_anew(desk: Desk) -> None:
    splits = used_up(desk, 4)
    with pytest.raises(ConfigError, match=r"earlier runs used 4 gate tests .* `gate.k_max` is 4") as caught:
        desk.plan(seed=2)
    assert exit_code(caught.value) == ExitCode.USAGE
    assert caught.value.place is not None
    assert caught.value.place.line == desk.line_of("k_max: 4")
    assert "--new-split" in caught.value.hint
    again = desk.plan(seed=2, new_split=True)
    assert again.tests_before == 0
    assert again.splits != splits


def test_a_resumed_run_keeps_its_own_split_though_a_later_run_dealt_anew(desk: Desk) -> None:
    plan = desk.plan(seed=1)
    folder = new_run(desk.runs, "mine")
    folder.write_lock({**plan.lock, "uid": "mine-1"})
    registry = registry_of(desk.runs)
    registry.enrol(plan.suite.hash, "mine-1", lambda: plan.splits)
    other = desk.plan(seed=2, new_split=True)
    registry.enrol(plan.suite.hash, "later-1", lambda: other.splits, new_split=True)
    assert plan_resumed(load_run_file(desk.write(seed=1)), folder).lock == plan.lock


def test_a_record_whose_cells_cannot_be_read_is_refused_before_a_run_begins(desk: Desk) -> None:
    write_sums(desk.root / "sums", 21)
    settings = {"suite": {"kind": "spreadsheetbench", "path": "sums"}}
    assert len(desk.plan(**settings).suite.tasks) == 21
    spoilt = desk.root / "sums" / "spreadsheet" / "r4" / "1_r4_answer.xlsx"
    content = in_parts(spoilt, lambda name, part: part[:-9] if name.startswith("xl/worksheets/") else part)
    spoilt.write_bytes(content)
    error = desk.refused(**settings)
    assert "record 5 (id 'r4')" in error.message
    assert "1_r4_answer.xlsx" in error.message
    assert "broken XML" in error.message
    assert "skip: ['r4']" in error.hint


def write_sums(folder: Path, count: int) -> None:
    """Write a dataset of SpreadsheetBench's layout."""
    book = openpyxl.Workbook()
    records = []
    for name in (f"r{number}" for number in range(count)):
        (folder / "spreadsheet" / name).mkdir(parents=True)
        for kind, value in (("input", None), ("answer", 3)):
            book.worksheets[0]["A1"] = value
            book.save(folder / "spreadsheet" / name / f"1_{name}_{kind}.xlsx")
        records.append({"id": name, "instruction": "Write 3.", "answer_position": "A1"})
    (folder / "dataset.json").write_text(json.dumps(records))


def in_parts(path: Path, change: Callable[[str, bytes], bytes]) -> bytes:
    """Change the parts of an archive, which stays sound."""
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return packed.getvalue()
