"""Exercises in Exercism's layout: the reference passes, the stub and tricks do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import SuiteError, Task, load_suite
from benchmarks.check import check_task
from benchmarks.phases import work_through
from task_agent.sandbox import Sandbox, SandboxSpec, open_sandbox

FILES = {
    ".meta/config.json": json.dumps(
        {"files": {"solution": ["two_fer.py"], "test": ["two_fer_test.py"], "example": [".meta/example.py"]}}
    ),
    ".meta/example.py": "def two_fer(name='you'):\n    return f'One for {name}, one for me.'\n",
    ".docs/instructions.md": "# Instructions\n\nShare a cookie.\n",
    ".docs/instructions.append.md": "Mind the default.\n",
    "two_fer.py": "def two_fer(name):\n    pass\n",
    "names.txt": "Alice\n",
    "two_fer_test.py": "import unittest\nfrom pathlib import Path\nfrom two_fer import two_fer\n\n"
    "class TwoFerTest(unittest.TestCase):\n"
    "    def test_none(self):\n        self.assertEqual(two_fer(), 'One for you, one for me.')\n"
    "    def test_file(self):\n        name = Path('names.txt').read_text().strip()\n"
    "        self.assertEqual(two_fer(name), 'One for Alice, one for me.')\n",
}


def _process(spec: SandboxSpec) -> Sandbox:
    return open_sandbox("process", spec)


def _track(root: Path, **changed: str) -> Path:
    for name, text in {**FILES, **changed}.items():
        path = root / "python" / "exercises" / "practice" / "two-fer" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _load(root: Path, **settings: object) -> Task:
    return load_suite({"kind": "exercism", "path": "python", **settings}, root).task("two-fer")


async def test_the_reference_passes_and_the_stub_does_not(tmp_path: Path) -> None:
    row = await check_task(_load(_track(tmp_path)), _process)
    assert (row.oracle, row.noop, row.state) == (1.0, 0.0, "ok"), row.detail


def test_the_agent_sees_the_stub_and_the_instructions_and_neither_tests_nor_reference(tmp_path: Path) -> None:
    task = _load(_track(tmp_path))
    assert sorted(task.environment.files) == ["names.txt", "two_fer.py"]
    assert "Share a cookie." in task.instruction
    assert "Mind the default." in task.instruction
    assert "editing two_fer.py" in task.instruction
    assert not task.needs_image


@pytest.mark.parametrize(
    "trick",
    [
        "echo 'import os; os._exit(0)' > two_fer.py",
        "echo 'raise SystemExit(0)' > two_fer.py",
        "printf 'def two_fer(*a): return 1\\n' > two_fer.py; echo 'import sys; sys.exit(0)' > unittest.py",
        "echo 'print(1)' > two_fer_test.py; cp two_fer_test.py run_unittest.py",
        "rm two_fer.py; ln -s /etc/hostname two_fer.py",
    ],
)
async def test_tricks_earn_nothing(tmp_path: Path, trick: str) -> None:
    task = _load(_track(tmp_path))
    sandbox = _process(task.environment)

    async def agent(part: Task) -> None:
        assert (await sandbox.exec(trick, timeout_s=10)).exit_code == 0

    try:
        assert (await work_through(task, sandbox, agent, _process)).value == 0.0
    finally:
        await sandbox.close()


async def test_another_language_says_how_its_tests_are_run(tmp_path: Path) -> None:
    config = {"files": {"solution": ["add.sh"], "test": ["add_test.sh"], "example": [".meta/example.sh"]}}
    changed = {
        ".meta/config.json": json.dumps(config),
        ".meta/example.sh": "echo $(($1 + $2))\n",
        "add.sh": "exit 1\n",
        "add_test.sh": "test $(bash add.sh 2 3) = 5\n",
    }
    root = _track(tmp_path, **changed)
    with pytest.raises(SuiteError, match=r"is not Python: say how tests are run in `suite\.command`"):
        _load(root)
    row = await check_task(_load(root, command="bash {tests}"), _process)
    assert (row.oracle, row.noop, row.state) == (1.0, 0.0, "ok"), row.detail


@pytest.mark.parametrize(
    ("changed", "settings", "said"),
    [
        ({".meta/config.json": "{}"}, {}, "says nothing of its `files`"),
        (
            {".meta/config.json": '{"files": {"solution": ["x.py"], "test": ["y.py"]}}'},
            {},
            "names 'x.py', which is not",
        ),
        ({}, {"only": ["two-fir"]}, r"`suite\.only`: no exercise 'two-fir'"),
        ({}, {"path": "."}, "holds no exercises"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tmp_path: Path, changed: dict[str, str], settings: dict[str, object], said: str
) -> None:
    with pytest.raises(SuiteError, match=said):
        _load(_track(tmp_path, **changed), **settings)
