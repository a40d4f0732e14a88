from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from task_agent.harness import HarnessBundle, validate
from task_agent.harness.spec import HarnessSpec

PAGE = Path(__file__).parents[3].joinpath("docs/harness.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.bubblewrap
def test_the_pages_python_runs(tmp_path: Path) -> None:
    program = "\n".join(blocks("python"))
    root = Path(__file__).parents[3]
    env = {"PYTHONPATH": str(root), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=False, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_pages_harness_yaml_is_valid() -> None:
    specs = [block for block in blocks("yaml") if not block.startswith("# tools/")]
    assert len(specs) == 3
    for spec in specs:
        validate(HarnessBundle({"harness.yaml": spec.encode(), "prompts/system.md": b"x"}))


def test_the_pages_table_has_every_key_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| `?([^|`]*)`? \|", PAGE, re.MULTILINE))
    spec = HarnessSpec(name="x")
    assert rows["tools"] == f"[{', '.join(spec.tools)}]"
    assert rows["orchestration.pattern"] == spec.orchestration.pattern
    for key, value in leaves("limits", spec.limits) + leaves("context", spec.context):
        assert rows[key] == ("see below" if key.endswith(".commands") else shown(value)), key
    for key, value in leaves("orchestration.checks", spec.orchestration.checks):
        assert rows[key] == shown(value), key


def leaves(section: str, model: BaseModel) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in model:
        name = f"{section}.{key}"
        found += leaves(name, value) if isinstance(value, BaseModel) else [(name, value)]
    return found


def shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or value == "":
        return "none"
    return f"{value:g}" if isinstance(value, int | float) else "[]" if value == () else str(value)
