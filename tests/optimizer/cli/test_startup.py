"""The command line is there at once: what a command does not need is not imported."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

from .terminal import ROOT, command, environment

HEAVY = {"ray", "docker", "anthropic", "pyarrow", "duckdb", "scipy", "pandas", "numpy", "pydantic", "yaml", "rich"}
HEAVY |= {"sqlite3", "asyncio", "openpyxl", "optuna"}
MOST_CPU_S = 0.3


def test_naming_the_commands_imports_nothing_heavy() -> None:
    program = "import json, sys; import optimizer.cli.main; print(json.dumps(sorted(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    assert set(json.loads(said.stdout)) & HEAVY == set()


def test_help_takes_less_than_three_tenths_of_a_second() -> None:
    def cpu_s() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command("--help"), check=True, capture_output=True, env=environment())
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(cpu_s() for _ in range(3)) < MOST_CPU_S
