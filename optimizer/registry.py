"""The records that belong to a folder of runs and outlive each of them: of suites, and of checked tasks."""

from __future__ import annotations

from pathlib import Path

from benchmarks.check_record import CheckRecord
from benchmarks.registry import SuiteRegistry


def registry_of(runs: Path) -> SuiteRegistry:
    """Open the registry of suites that belongs to a folder of runs."""
    return SuiteRegistry(runs / "suites")


def checks_of(runs: Path) -> CheckRecord:
    """Open the record of checked tasks that belongs to a folder of runs."""
    return CheckRecord(runs / "suites")
