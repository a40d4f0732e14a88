"""docs/cli.md: complete and true."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from optimizer.cli.exit_codes import ExitCode

SHARED_OPTIONS = {"--format", "--compact", "--quiet", "--no-color", "--no-input", "--yes"}
PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
SECTIONS = {
    heading: body for heading, body in re.findall(r"^### ratchet (.*?)\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
}


def section_of(path: str) -> str:
    found = [body for heading, body in SECTIONS.items() if f"{heading} ".startswith(f"{path} ")]
    assert len(found) == 1, path
    return found[0]


def documented(body: str) -> set[str]:
    cells = re.findall(r"^\| (`.*?) \|", body, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`(-[-\w]*)", cell)}


def test_every_command_has_a_section_with_every_option_and_no_other(every_command: list[Any]) -> None:
    assert len(SECTIONS) == len(every_command)
    for command in every_command:
        options = {option for option in command.options if option.startswith("-")} - SHARED_OPTIONS
        assert documented(section_of(command.path)) == options, command.path


def test_every_exit_code_is_in_the_table() -> None:
    table = PAGE.split("## Exit codes")[1].split("## JSON")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [code.value for code in ExitCode]


@pytest.mark.parametrize("block", re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
def test_every_json_block_is_json(block: str) -> None:
    assert set(json.loads(block)) in ({"schema_version", "as_of", "data"}, {"error"})


def test_the_keys_of_status_are_the_keys_in_the_table(done: Any) -> None:
    data = done("status", "--json").data
    table = PAGE.split("is made for scripts")[1]
    named = {
        word for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for word in re.findall(r"`(\w+)`", cell)
    }
    assert named == set(data)
    row = next(line for line in table.splitlines() if line.startswith("| `test`"))
    assert set(re.findall(r"`(\w+)`", row)) - {"test"} == set(data["test"])
