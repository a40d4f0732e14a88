"""README and docs are true: their code runs, their files validate, their commands exist, their links lead somewhere."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic import BaseModel
from typer.main import get_command

from benchmarks.simulated.fault_script import FaultFile
from optimizer.cli.main import app, main
from optimizer.cli.manner import NOW
from optimizer.config import RunConfig
from task_agent.harness.script_tool import ToolFile
from task_agent.harness.spec import HarnessSpec

from .blocks import ELSEWHERE, GUIDES, PAGES, ROOT, Block, blocks

if TYPE_CHECKING:
    from conftest import FinishedRun

OURS = [page for page in PAGES if page.name not in ELSEWHERE]
TEXTS = [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "AGENTS.md", "CHANGELOG.md"))]
TEXTS += sorted((ROOT / "docs/decisions").glob("*.md"))
PROGRAMS = {"ratchet", "make", "git", "cd", "export", "apt", "pip", "python3", ".ci/run", "pytest"}
COMMANDS = list(blocks(*PAGES, language="console"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
SMALLEST = {
    "suite": {"kind": "pitfalls"},
    "models": {role: {"model": "x"} for role in ("task", "proposer", "reflector")},
}


def named(block: Block) -> str:
    return block.id


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    program = "\n".join(block.text for block in blocks(page, language="python"))
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", program]
    Path(tmp_path / "configs").symlink_to(ROOT / "configs")
    if not program:
        pytest.skip("no python on this page")
    done = subprocess.run(command, check=False, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", list(blocks(*OURS, language="yaml")), ids=named)
def test_yaml_is_a_file_of_ours_or_part_of_one(block: Block) -> None:
    data = yaml.safe_load(block.text)
    kinds: dict[type[BaseModel], dict[str, Any]] = {
        RunConfig: SMALLEST,
        HarnessSpec: {"name": "x"},
        ToolFile: {"name": "x", "description": "x", "input_schema": {}},
        FaultFile: {},
    }
    fitting = [kind for kind in kinds if set(data) <= set(kind.model_fields)]
    assert fitting, f"{block.id}: keys {sorted(data)} belong to no kind of file"
    fitting[0].model_validate({**kinds[fitting[0]], **data})


@pytest.mark.parametrize("block", list(blocks(*PAGES, language="json")), ids=named)
def test_json_parses(block: Block) -> None:
    assert json.loads(block.text)


@pytest.mark.parametrize("block", COMMANDS, ids=named)
def test_commands_exist_with_their_options(block: Block) -> None:
    for words in block.commands:
        for part in separated(words):
            assert part[0] in PROGRAMS or "=" in part[0], f"{block.id}: {part[0]} is no program of these pages"
            if part[0] == "ratchet":
                parse(part[1:])
            if part[0] == "make":
                assert {word for word in part[1:] if "=" not in word} <= TARGETS


@pytest.mark.parametrize("block", [block for block in COMMANDS if "run" in block.words], ids=named)
def test_commands_marked_to_run_work_on_a_finished_run(
    block: Block, finished_run: FinishedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(tmp_path / "runs").symlink_to(finished_run.runs)
    Path(tmp_path / "configs").symlink_to(ROOT / "configs")
    with contextlib.chdir(tmp_path):
        for words in block.commands:
            for part in separated(words):
                assert part[0] == "ratchet"
                with pytest.raises(SystemExit) as ending:
                    main([present(word) for word in part[1:]])
                assert ending.value.code == 0, capsys.readouterr().err


def separated(words: list[str]) -> Iterator[list[str]]:
    """Split a line of commands at `&&`, `|` and `>`; what is piped into is left out."""
    part: list[str] = []
    for word in [*words, "&&"]:
        if word in ("&&", "|", ">"):
            yield part
            part = []
            if word != "&&":
                return
        else:
            part.append(word)


def parse(words: list[str]) -> None:
    """Let the real command line read the words without doing anything."""
    NOW.reset()
    command: Any = get_command(app)  # Any: click's own types
    context = command.make_context("ratchet", list(words)) if words else None
    while context and getattr(command, "commands", None):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)


def present(word: str) -> str:
    """Replace an attempt of the pages' run by one that the finished run has."""
    return re.sub(r"^c000/[a-z-]+-\d\d/a00$", "c000/csv-totals-01/a00", word)


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        assert re.match(r"https?://", target) or (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_in_the_readme_and_pages_tested_elsewhere_are() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in GUIDES if f"docs/{page.name}" not in readme] == []
    for name, test in ELSEWHERE.items():
        assert f"docs/{name}" in (ROOT / test).read_text()


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_every_module_that_a_page_names_is_there(page: Path) -> None:
    named_here = re.findall(r"`((?:optimizer|task_agent|benchmarks|traces)/[\w/]+\.py)`", page.read_text())
    assert [path for path in named_here if not (ROOT / path).exists()] == []
