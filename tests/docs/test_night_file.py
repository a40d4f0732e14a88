"""configs/night.yaml is the real thing: nothing but the key is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from optimizer.run_file import load_run_file
from task_agent.models import PriceTable

ROOT = Path(__file__).parents[2]
NIGHT = ROOT / "configs/night.yaml"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")}
KEY = {"ANTHROPIC_API_KEY": "sk-ant-no-such-key"}


def ratchet(*words: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "optimizer", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=env, cwd=cwd, timeout=100)


def test_without_a_key_it_stops_at_once_and_says_what_to_set(tmp_path: Path) -> None:
    ended = ratchet("run", str(NIGHT), env=CLEAN, cwd=tmp_path)
    assert ended.returncode == 4
    assert "ANTHROPIC_API_KEY is not set" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.bubblewrap
def test_with_a_key_its_plan_stands_and_nothing_is_written(tmp_path: Path) -> None:
    from task_agent.sandbox import probe

    if not probe("bubblewrap").ok:
        pytest.skip("no bubblewrap here")
    ended = ratchet("run", str(NIGHT), "--dry-run", env={**CLEAN, **KEY}, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "at most $80.00" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_every_model_it_names_has_a_price_and_every_stop_is_set() -> None:
    config = load_run_file(NIGHT)
    prices = yaml.safe_load(config.prices.read_text())["models"]
    assert {role.model for role in config.models.roles.values()} <= set(prices)
    assert PriceTable.load(config.prices)
    assert None not in (config.stop.budget_usd, config.stop.hours, config.proposer.cost_usd)
    assert not config.sandbox.allow_unsafe
