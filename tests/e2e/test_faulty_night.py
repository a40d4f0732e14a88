"""A night on a provider that does everything wrong ends finished, and its trace and report tell of every fault.

The model is served on loopback by this process, so that requests go through the real SDK and a real socket; faults.yaml
says what goes wrong. Faults follow from who asks what, so a night meets the same ones however its attempts are run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.simulated import SimulatedModel
from benchmarks.simulated.fault_script import FaultScript, read_fault_file
from benchmarks.suite import load_suite
from optimizer.clients import simulated_settings
from optimizer.ledger import Ledger, Met
from optimizer.run_file import load_run_file
from task_agent.models.incident import IncidentKind
from task_agent.models.loopback import LoopbackServer
from traces.query import run_sql
from traces.store import TraceStore

pytestmark = pytest.mark.timeout(600)
HERE = Path(__file__).parent
TASK, STRONG, OTHER = "claude-haiku-5-5", "claude-opus-5-5", "claude-sonnet-5-5"
IN_TRACE = "SELECT name, count(*) AS times FROM events WHERE kind = 'incident' GROUP BY name"
ANSWERED = "SELECT DISTINCT name FROM events WHERE kind = 'model' AND split = 'train'"


@dataclass(frozen=True)
class FaultyNight:
    """One night that came to its end."""

    folder: Path
    script: FaultScript
    said: str

    @property
    def met(self) -> tuple[Met, ...]:
        with closing(Ledger(self.folder / "ledger.sqlite", read_only=True)) as ledger:
            return ledger.tallies().met

    @property
    def report(self) -> str:
        return (self.folder / "report.md").read_text()

    def traced(self, sql: str, *splits: str) -> Sequence[dict[str, Any]]:
        return run_sql(TraceStore(self.folder / "traces"), splits, sql).to_records()

    def facts(self) -> dict[str, Any]:
        """Give all that must not depend on how many attempts run at once."""
        with closing(Ledger(self.folder / "ledger.sqlite", read_only=True)) as ledger:
            rows = ledger.attempts()
            return {
                "attempts": sorted(
                    (r.stage, r.spec.id, r.state, r.reward, r.cause, r.tokens, r.cost_usd) for r in rows
                ),
                "verdicts": [(name, row.verdict, row.cause) for name, row in ledger.verdicts().items()],
                "champion": ledger.state().champion,
                "met": ledger.tallies().met,
            }


def night(root: Path, *, in_flight: int) -> FaultyNight:
    """Run the mini night on a faulty provider, by the command, in a process of its own."""
    plain = load_run_file(HERE / "mini.yaml")
    script = FaultScript(read_fault_file(HERE / "faults.yaml"))
    model = SimulatedModel(load_suite(plain.suite, HERE), simulated_settings(plain))
    config = yaml.safe_load((HERE / "mini.yaml").read_text())
    del config["simulated"]
    with LoopbackServer(model, script=script, key="sk-test", models=(TASK, STRONG, OTHER)) as server:
        config |= {
            "models": {
                "task": {"model": TASK, "base_url": server.base_url, "fallback": [OTHER]},
                "proposer": {
                    "model": STRONG,
                    "on_outage": "fallback",
                    "base_url": server.base_url,
                    "fallback": [OTHER],
                },
                "reflector": "same",
            },
            "stop": {"iterations": 2},
            "schedule": {"kind": "inline", "in_flight": in_flight},
            "sandbox": {"kind": "process", "allow_unsafe": True},
            **{key: str((HERE / config[key]).resolve()) for key in ("harness", "prices")},
        }
        file = root / "night.yaml"
        file.write_text(yaml.safe_dump(config))
        words = ["run", str(file), "--run-id", "faulty", "--yes", "--runs-dir", str(root / "runs")]
        env = {**os.environ, "ANTHROPIC_API_KEY": "sk-test"}
        command = [sys.executable, "-m", "optimizer", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return FaultyNight(root / "runs" / "faulty", script, done.stdout)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> FaultyNight:
    return night(tmp_path_factory.mktemp("faulty"), in_flight=8)


def test_a_night_of_every_fault_ends_finished(faulty: FaultyNight) -> None:
    assert "run faulty: finished (iterations)" in faulty.said
    rules = read_fault_file(HERE / "faults.yaml").faults
    assert set(faulty.script.met) == {rule.fault for rule in rules}, "a fault of the file never happened"


def test_every_kind_of_incident_is_in_the_trace_the_ledger_and_the_report(faulty: FaultyNight) -> None:
    rows = faulty.traced(IN_TRACE, "train", "heldout", "test", "proposer")
    traced = {row["name"]: row["times"] for row in rows}
    counted: Counter[str] = Counter()
    for row in faulty.met:
        counted[row.kind] += row.times
    assert set(counted) == set(traced) == set(IncidentKind)
    assert all(traced[kind] <= counted[kind] for kind in counted), (
        "an attempt that was tried again counts all its tries"
    )
    section = faulty.report.split("## What model calls met")[1].split("\n## ")[0]
    assert {kind for kind in IncidentKind if f"| {kind.value} |" in section.replace("\\", "")} == set(IncidentKind)


def test_refusals_are_counted_by_candidate_and_another_model_that_answered_is_named(faulty: FaultyNight) -> None:
    assert {row["name"] for row in faulty.traced(ANSWERED, "train")} == {TASK, OTHER}
    assert "| candidate | ended attempts | refused | blocked | put to another model |" in faulty.report
    roles = {row.role for row in faulty.met if row.kind == IncidentKind.FALLBACK}
    assert roles == {"task", "proposer"}
    with closing(Ledger(faulty.folder / "ledger.sqlite", read_only=True)) as ledger:
        causes = Counter(row.cause for row in ledger.attempts())
    assert causes["agent_refused"] + causes["safety_blocked"] > 0
    assert causes["out_of_tokens"] > 0
    assert causes["unclassified"] == 0


@pytest.mark.slow
def test_faults_and_all_they_lead_to_do_not_depend_on_how_many_attempts_run_at_once(
    faulty: FaultyNight, tmp_path: Path
) -> None:
    assert night(tmp_path, in_flight=3).facts() == faulty.facts()
