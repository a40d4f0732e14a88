from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

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
    validate(HarnessBundle({"harness.yaml": blocks("yaml")[0].encode(), "prompts/system.md": b"x"}))


def test_the_pages_table_has_every_key_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| `?([^|`]*)`? \|", PAGE, re.MULTILINE))
    spec = HarnessSpec(name="x")
    assert rows["tools"] == f"[{', '.join(spec.tools)}]"
    assert rows["orchestration.pattern"] == spec.orchestration.pattern
    for section in ("limits", "context"):
        for key, value in getattr(spec, section):
            assert rows[f"{section}.{key}"] == ("none" if value is None else f"{value:g}"), key
