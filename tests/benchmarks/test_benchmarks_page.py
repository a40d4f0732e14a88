"""docs/benchmarks.md: its code runs, and its tables hold what the code does."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from benchmarks import load_suite
from benchmarks.bfcl.reader import BfclConfig
from benchmarks.exercism.reader import ExercismConfig
from benchmarks.harbor.dataset import DatasetConfig
from benchmarks.harbor.tables import HarborConfig
from benchmarks.pitfalls.generator import CROSS_CUTTING, FAMILIES
from benchmarks.suite import KINDS, CommonSettings
from benchmarks.table.reader import TableConfig

ROOT = Path(__file__).parents[2]
PAGE = ROOT.joinpath("docs/benchmarks.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_pages_python_runs(tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", "\n".join(_blocks("python"))]
    done = subprocess.run(command, check=False, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_pages_suite_loads() -> None:
    assert load_suite({**yaml.safe_load(_blocks("yaml")[0])["suite"], "tasks": 2}, Path()).name == "pitfalls"


def test_the_page_names_every_kind() -> None:
    assert all(f"| `{kind}` |" in PAGE for kind in KINDS)


WHOLE = ("metadata", "task", "steps", "verifier.environment")
"""Tables that have one line: they are free, change nothing, or hold what other lines name."""


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        nested = [kind for kind in (inner, *getattr(inner, "__args__", ())) if isinstance(kind, type)]
        tables = [kind for kind in nested if issubclass(kind, BaseModel)]
        if f"{prefix}{name}" in WHOLE:
            yield f"{prefix}{name}.*"
        elif tables:
            yield from _fields(tables[0], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_the_page_has_every_field_of_task_toml() -> None:
    cells = re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    assert set(_fields(HarborConfig)) - named == set()


@pytest.mark.parametrize("model", [DatasetConfig, TableConfig, ExercismConfig, BfclConfig, CommonSettings])
def test_the_page_has_every_setting_of_a_kind(model: type[BaseModel]) -> None:
    assert [name for name in model.model_fields if f"`{name}`" not in PAGE] == []


def test_the_page_has_every_family_with_its_slips() -> None:
    tasks = load_suite({"kind": "pitfalls"}, Path()).tasks
    shared = frozenset().union(*CROSS_CUTTING)
    for family, module in FAMILIES.items():
        own = Counter(slip for task in tasks if task.category == family for slip in task.metadata["slips"])
        kept = sorted(((slip, count) for slip, count in own.items() if slip not in shared), key=lambda x: (-x[1], x[0]))
        slips = ", ".join(f"`{slip}` {count}" for slip, count in kept)
        assert f"| `{family}` | {importlib.import_module(module).DESCRIPTION} | {slips} |" in PAGE
