"""What a suite stands on: whichever file makes its tasks what they are lies at a place that its kind names."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import openpyxl
import pytest

from benchmarks.suite import KINDS, load_suite, stands_on
from traces.errors import RatchetError

Files = Mapping[str, str]
URL = "https://git.example/tasks.git"
TASK = {
    "task.toml": 'version = "1.0"\n',
    "instruction.md": "Do it.\n",
    "environment/Dockerfile": "FROM debian:bookworm\nWORKDIR /app\n",
    "tests/test.sh": "echo 1 > /logs/verifier/reward.txt\n",
}
EXERCISE = {
    ".meta/config.json": '{"files": {"solution": ["two.py"], "test": ["two_test.py"], "example": [".meta/two.py"]}}',
    ".meta/two.py": "TWO = 2\n",
    ".docs/instructions.md": "Give two.\n",
    "two.py": "TWO = 0\n",
    "two_test.py": "import two\n",
}
RECORD = {
    "id": "turn-0",
    "question": [[{"role": "user", "content": "Two pears."}]],
    "involved_classes": ["Shop"],
}
SHEET = {"id": 7, "instruction": "Add up.", "spreadsheet_path": "spreadsheet/7", "answer_position": "B2"}
BFCL = {
    "data/shop.json": json.dumps(RECORD),
    "data/possible_answer/shop.json": json.dumps({"id": "turn-0", "ground_truth": [["add()"]]}),
}
SHOP = "class Shop:\n    pass\n"
REGISTRY = json.dumps([{"name": "small", "tasks": [{"name": "a", "git_url": URL, "path": "set/a"}]}])


def below(folder: str, files: Files) -> Files:
    return {f"{folder}/{name}": text for name, text in files.items()}


def linked(root: Path) -> None:
    shutil.move(root / "data/spreadsheet", root / "elsewhere")
    (root / "data/spreadsheet").symlink_to(root / "elsewhere")


def workbooks(root: Path) -> None:
    for name in ("input", "answer"):
        path = root / "data" / "spreadsheet" / "7" / f"1_7_{name}.xlsx"
        path.parent.mkdir(parents=True, exist_ok=True)
        openpyxl.Workbook().save(path)


def linked_workbooks(root: Path) -> None:
    workbooks(root)
    linked(root)


def nothing(root: Path) -> None:
    del root


Case = tuple[Mapping[str, object], Files, Callable[[Path], None]]
CASES: dict[str, Case] = {
    "pitfalls": ({"families": ["csv_totals"]}, {}, nothing),
    "harbor": ({"path": "tasks"}, below("tasks/a", TASK), nothing),
    "harbor, a registry of checkouts": (
        {"path": "sets/registry.json", "checkouts": {URL: "../checkout"}},
        {"sets/registry.json": REGISTRY, **below("checkout/set/a", TASK)},
        nothing,
    ),
    "harbor, a registry of its own": (
        {"path": "registry.json"},
        {"registry.json": REGISTRY.replace(f'"git_url": "{URL}", ', ""), **below("set/a", TASK)},
        nothing,
    ),
    "harbor, a package": (
        {"path": "set/dataset.toml"},
        {"set/dataset.toml": '[[tasks]]\nname = "org/a"\n', **below("set/a", TASK)},
        nothing,
    ),
    "exercism": ({"path": "track"}, below("track/exercises/practice/two", EXERCISE), nothing),
    "spreadsheetbench": ({"path": "data"}, {"data/dataset.json": json.dumps([SHEET])}, workbooks),
    "spreadsheetbench, linked": ({"path": "data"}, {"data/dataset.json": json.dumps([SHEET])}, linked_workbooks),
    "bfcl": ({"path": "data/shop.json"}, {**BFCL, "data/func_source_code/shop.py": SHOP}, nothing),
    "bfcl, modules where they are published": (
        {"path": "data/shop.json"},
        {**BFCL, "eval_checker/multi_turn_eval/func_source_code/shop.py": SHOP},
        nothing,
    ),
    "bfcl, modules elsewhere": (
        {"path": "data/shop.json", "classes": "../apis"},
        {**BFCL, "apis/shop.py": SHOP},
        nothing,
    ),
    "table": ({"path": "quiz/rows.csv"}, {"quiz/rows.csv": "prompt,answer\nTwo and two?,4\n"}, nothing),
    "table, graded by Python": (
        {"path": "rows.jsonl", "grader": {"python": "graders/grade.py"}},
        {"rows.jsonl": '{"prompt": "Hello"}\n', "graders/grade.py": "def grade(row, answer): return 0\n"},
        nothing,
    ),
    "table, graded by a script": (
        {"path": "rows.jsonl", "grader": {"shell": "../grade.sh"}},
        {"rows.jsonl": '{"prompt": "Hello"}\n', "../grade.sh": "echo 0\n"},
        nothing,
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Mapping[str, object], Path]:
    settings, files, more = CASES[request.param]
    root = tmp_path / "root"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    root.mkdir(exist_ok=True)
    more(root)
    return {"kind": request.param.split(",")[0], **settings}, root


def made_of(settings: Mapping[str, object], root: Path) -> str:
    """Give the suite's hash, or what is wrong with it."""
    try:
        return load_suite(settings, root).hash
    except (RatchetError, ValueError) as problem:
        return str(problem)


def watched(settings: Mapping[str, object], root: Path) -> set[Path]:
    found = set()
    for place in stands_on(settings, root):
        found |= {place.resolve()} if place.is_file() else set()
        found |= {Path(folder, name).resolve() for folder, _, names in os.walk(place) for name in names}
    return found


def test_every_kind_of_suite_is_tried() -> None:
    assert {name.split(",")[0] for name in CASES} == {*KINDS}


def test_a_file_that_makes_another_suite_lies_where_the_kind_says(case: tuple[Mapping[str, object], Path]) -> None:
    settings, root = case
    before, known = made_of(settings, root), watched(settings, root)
    load_suite(settings, root)
    making = set()
    for path in sorted(path for path in root.parent.rglob("*") if path.is_file()):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        making |= {path.resolve()} if made_of(settings, root) != before else set()
        path.write_bytes(content)
    assert making <= known
    assert making or settings["kind"] == "pitfalls"
