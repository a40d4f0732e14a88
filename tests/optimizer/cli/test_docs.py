"""What people wrote in docs/cli.md is true; tests/docs holds the rest to the command line itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from optimizer.cli.exit_codes import ExitCode
from optimizer.cli.help import topics
from optimizer.cli.manner import VARIABLE

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()


def test_every_exit_code_is_in_the_table() -> None:
    table = PAGE.split("## Exit codes")[1].split("## Commands")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [code.value for code in ExitCode]


def test_every_topic_and_variable_is_named() -> None:
    assert [name for name in topics() if f"`{name}`" not in PAGE] == []
    assert f"`{VARIABLE}`" in PAGE


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
