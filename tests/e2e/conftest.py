"""Nights of the mini suite, run as a person would run them: by the command, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from optimizer.ledger import Ledger
from optimizer.state import Phase

MINI = Path(__file__).with_name("mini.yaml")
PRUNE = Path(__file__).with_name("prune.yaml")
TUNE = Path(__file__).with_name("tune.yaml")
ENV = {key: value for key, value in os.environ.items() if not key.startswith("ANTHROPIC_")}


@dataclass(frozen=True)
class Nights:
    """Starts and resumes nights in one folder of runs."""

    runs: Path

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "optimizer", *words, "--runs-dir", str(self.runs)]

    def ratchet(self, *words: str, check: bool = True, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        command = self.command(*words)
        return subprocess.run(command, capture_output=True, text=True, check=check, env=ENV, timeout=timeout_s)

    def start(self, run: str, *words: str, file: Path = MINI, verb: str = "run") -> subprocess.Popen[bytes]:
        command = self.command(verb, str(file), "--run-id", run, *words)
        return subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENV, start_new_session=True
        )

    def on_workers(self, file: Path) -> Path:
        """Write a night's file anew, to be run by two Ray workers."""
        config = yaml.safe_load(file.read_text())
        config["schedule"] = {"kind": "ray", "workers": 2, "in_flight": 5}
        for key in ("harness", "prices"):
            config[key] = str((file.parent / config[key]).resolve())
        made = self.runs.parent / "ray.yaml"
        made.write_text(yaml.safe_dump(config))
        return made

    def data(self, *words: str) -> dict[str, Any]:
        return dict(json.loads(self.ratchet(*words, "--json").stdout)["data"])

    def facts(self, run: str) -> dict[str, Any]:
        """Give everything that must not depend on workers, kills or the hour."""
        ledger = Ledger(self.runs / run / "ledger.sqlite", read_only=True)
        try:
            certificate = ledger.conclusion(Phase.CERTIFY)
            return {
                "candidates": [(row.id, row.harness, row.title, row.evidence) for row in ledger.candidates()],
                "verdicts": [(name, row.verdict, row.cause, row.public) for name, row in ledger.verdicts().items()],
                "levels": [(test["candidate"], test["level"]) for test in ledger.tests()],
                "attempts": sorted(
                    (row.stage, row.spec.id, row.spec.harness, row.state, row.reward, row.tokens, row.cost_usd)
                    for row in ledger.attempts()
                ),
                "champion": ledger.state().champion,
                "certificate": certificate,
            }
        finally:
            ledger.close()

    def sessions(self, run: str) -> list[tuple[Any, ...]]:
        """Give what each proposer's session came to, and the tokens and money it took."""
        with closing(Ledger(self.runs / run / "ledger.sqlite", read_only=True)) as ledger:
            return [(slot["slot"], slot["candidate"], slot["tokens"], slot["cost_usd"]) for slot in ledger.slots()]


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """Give an empty folder of runs."""
    return Nights(tmp_path / "runs")


@pytest.fixture(scope="session")
def whole_night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Nights, Sequence[str]]:
    """Run the mini night once, undisturbed; gives its folder of runs and what it printed."""
    nights = Nights(tmp_path_factory.mktemp("whole") / "runs")
    done = nights.ratchet("run", str(MINI), "--run-id", "whole")
    return nights, [done.stdout, done.stderr]


@pytest.fixture(scope="session")
def pruned_night(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """Run once, undisturbed, the night that keeps too much and prunes it."""
    nights = Nights(tmp_path_factory.mktemp("pruned") / "runs")
    nights.ratchet("run", str(PRUNE), "--run-id", "whole", timeout_s=900)
    return nights


@pytest.fixture(scope="session")
def tuned_night(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """Tune once, undisturbed; gives its folder of runs."""
    nights = Nights(tmp_path_factory.mktemp("tuned") / "runs")
    nights.ratchet("tune", str(TUNE), "--run-id", "whole", timeout_s=900)
    return nights
