"""`ratchet config`: every setting with its origin, and a resolved file that is the same run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from optimizer.run_file import load_run_file

ROOT = Path(__file__).parents[3]
RUN_FILES = [*sorted((ROOT / "configs").glob("*.yaml")), ROOT / "tests/e2e/mini.yaml", ROOT / "tests/finished.yaml"]
RUN_FILES = [path for path in RUN_FILES if path.name != "prices.yaml"]
FINISHED = ROOT / "tests/finished.yaml"
Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def nobody_names_a_folder_of_runs() -> Iterator[None]:
    before = os.environ.pop("RATCHET_RUNS_DIR", None)
    yield
    os.environ.pop("RATCHET_RUNS_DIR", None)
    if before is not None:
        os.environ["RATCHET_RUNS_DIR"] = before


def needs_data(path: Path) -> None:
    suite = yaml.safe_load(path.read_text())["suite"]
    if "path" in suite and not (path.parent / suite["path"]).exists():
        pytest.skip("its suite is not in the repository")


@pytest.mark.parametrize("path", RUN_FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("more", [(), ("--origin",)], ids=["bare", "with origins"])
def test_a_resolved_file_loads_back_as_the_same_run(
    path: Path, more: tuple[str, ...], ratchet: Run, tmp_path: Path
) -> None:
    needs_data(path)
    answer = ratchet("config", "show", path, "--resolved", *more)
    assert answer.code == 0
    (tmp_path / "again.yaml").write_text(answer.out)
    assert load_run_file(tmp_path / "again.yaml").model_dump() == load_run_file(path).model_dump()


def test_text_that_yaml_would_read_otherwise_survives(ratchet: Run, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "configs/harnesses/bash-only", tmp_path / "my: harness #1")
    data = yaml.safe_load((ROOT / "tests/e2e/mini.yaml").read_text())
    data |= {"harness": "my: harness #1", "prices": str(ROOT / "configs/prices.yaml")}
    data["models"]["reflector"] = {"model": "simulated", "base_url": "http://127.0.0.1:1/# 'é' \"yes\": no"}
    (tmp_path / "odd.yaml").write_text(yaml.safe_dump(data, allow_unicode=True))
    answer = ratchet("config", "show", tmp_path / "odd.yaml", "--resolved", "--origin")
    (tmp_path / "again.yaml").write_text(answer.out)
    assert load_run_file(tmp_path / "again.yaml").model_dump() == load_run_file(tmp_path / "odd.yaml").model_dump()


def origins(answer: Any) -> dict[str, tuple[Any, str]]:  # Any: an answer; YAML values
    return {row["key"]: (row["value"], row["origin"]) for row in answer.data["settings"]}


def test_every_value_says_where_it_comes_from(ratchet: Run) -> None:
    path = ROOT / "tests/e2e/mini.yaml"
    os.environ["RATCHET_RUNS_DIR"] = "elsewhere"
    rows = origins(ratchet("config", "show", path, "--origin", "--json", "--seed", "9", "--budget-usd", "3"))
    assert rows["gate.k_max"] == (4, f"{path}:12:30")
    assert rows["suite.kind"] == ("pitfalls", f"{path}:2:15")
    assert rows["gate.pool_min"] == (4, "default")
    assert rows["seed"] == (9, "command line")
    assert rows["stop.budget_usd"] == (3.0, "command line")
    assert rows["(folder of runs)"] == ("elsewhere", "environment, RATCHET_RUNS_DIR")
    lines = path.read_text().splitlines()
    for key, (value, origin) in rows.items():
        if (
            origin.startswith(str(path))
            and isinstance(value, str | int)
            and value is not False
            and key not in ("harness", "prices")
        ):
            line, column = map(int, origin.removeprefix(f"{path}:").split(":"))
            assert lines[line - 1][column - 1 :].startswith(str(value)), key


def test_a_key_is_said_to_be_there_and_never_shown(ratchet: Run) -> None:
    night = ROOT / "configs/night.yaml"
    assert origins(ratchet("config", "show", night, "--json"))["(model key)"] == (None, "not set")
    os.environ["ANTHROPIC_API_KEY"] = "sk-secret"
    try:
        answer = ratchet("config", "show", night, "--json")
    finally:
        del os.environ["ANTHROPIC_API_KEY"]
    assert origins(answer)["(model key)"] == ("set", "environment, ANTHROPIC_API_KEY")
    assert "sk-secret" not in answer.out + answer.err


def test_several_files_are_checked_at_once(ratchet: Run, tmp_path: Path) -> None:
    good = ROOT / "tests/e2e/mini.yaml"
    assert [row["ok"] for row in ratchet("config", "check", good, FINISHED, "--json").data["rows"]] == [True, True]
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(good.read_text().replace("k_max", "kmax"))
    answer = ratchet("config", "check", tmp_path / "a.yaml", good, tmp_path / "b.yaml", "--syntax", "--json")
    assert answer.code == 2
    assert [Path(problem["file"]).name for problem in answer.error["problems"]] == ["a.yaml", "b.yaml"]
    assert {problem["field"] for problem in answer.error["problems"]} == {"gate.kmax"}
    assert "k_max" in answer.error["problems"][0]["allowed"]


def test_syntax_alone_needs_no_key_no_folders_and_no_sandbox(ratchet: Run, tmp_path: Path) -> None:
    text = (ROOT / "configs/night.yaml").read_text()
    (tmp_path / "night.yaml").write_text(text)
    assert ratchet("config", "check", tmp_path / "night.yaml").code == 2
    assert ratchet("config", "check", tmp_path / "night.yaml", "--syntax").code == 0


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_editors_are_told_the_schema_of_every_run_file(path: Path) -> None:
    if path.name != "prices.yaml":
        assert path.read_text().startswith("# yaml-language-server: $schema=run.schema.json\n")
        assert (path.parent / "run.schema.json").is_file()
