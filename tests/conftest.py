"""What holds for every test: no key is in reach, CI has what its tests need, and one finished run serves all."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings

TOOLS = frozenset({"docker", "bubblewrap", "ray", "browser"})
FINISHED = Path(__file__).with_name("finished.yaml")


class FinishedRun(NamedTuple):
    """Name a run that has ended; it is read-only for every test that looks at it."""

    runs: Path
    run: str


def pytest_configure() -> None:
    """Take every provider setting out of the environment, so that no test can reach a real model.

    Tests read answers through pipes, which would get JSON: they say what a terminal would say to all that they start.
    """
    os.environ["RATCHET_FORMAT"] = "table"
    if "CI" not in os.environ:  # there Hypothesis does the same by itself: how fast a machine is, is no property
        slow = [HealthCheck.too_slow]
        settings.register_profile("any-machine", deadline=None, suppress_health_check=slow)
        settings.load_profile("any-machine")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it to what it starts in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith("ANTHROPIC_")]:
        del os.environ[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a test that lacks its tool as failed in CI, where the tool must be; elsewhere it is skipped.

    Data that is not in the repository (the fixture `sample`) may be absent from a clean checkout.
    """
    report = yield
    tools = TOOLS & {mark.name for mark in item.iter_markers()}
    excused = hasattr(report, "wasxfail") or "sample" in getattr(item, "fixturenames", ())
    if os.environ.get("CI") == "true" and tools and report.skipped and not excused:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, which must have {' and '.join(sorted(tools))}: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """Run the night of `finished.yaml` once, inline and in process sandboxes."""
    from optimizer.run import start
    from optimizer.run_file import load_run_file
    from optimizer.telling.progress import silent

    runs = tmp_path_factory.mktemp("finished") / "runs"
    start(load_run_file(FINISHED), runs, "done", silent)
    return FinishedRun(runs, "done")
