"""What only the Ray scheduler must survive: dying workers, nodes and drivers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec, AttemptStatus, Purpose
from optimizer.schedule import Job
from optimizer.schedule.scripted import MakeEcho

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]
HERE = Path(__file__).parent


def job(task: str) -> Job:
    return Job(AttemptSpec("run-1", "c000", "h0", task, "train", 0, Purpose.BASELINE), bundle="b")


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    from optimizer.schedule._ray import LOCAL, Cluster

    cluster = Cluster(LOCAL, 2)
    yield
    cluster.close()


@pytest.mark.usefixtures("ray_cluster")
def test_attempts_of_a_dead_worker_run_again_on_another(tmp_path: Path) -> None:
    from optimizer.schedule.ray_pool import RayScheduler

    scheduler = RayScheduler(MakeEcho(tmp_path), 2, 4)
    jobs = [job("die-once"), *(job(f"sleep-0.05#{n}") for n in range(20))]
    results = {result.spec.task: result for result in scheduler.results(jobs)}
    scheduler.close()
    assert sorted(results) == sorted(one.spec.task for one in jobs)
    assert {result.status for result in results.values()} == {AttemptStatus.SCORED}
    assert results["die-once"].retries == 1


@pytest.mark.usefixtures("ray_cluster")
def test_an_attempt_that_keeps_losing_its_worker_is_missing(tmp_path: Path) -> None:
    from optimizer.schedule.ray_pool import WORKER_LOST, RayScheduler

    scheduler = RayScheduler(MakeEcho(tmp_path), 1, 1, max_reruns=1)
    results = {result.spec.task: result for result in scheduler.results([job("die"), job("t1"), job("t2")])}
    records = scheduler.flush()
    scheduler.close()
    lost = results["die"]
    assert (lost.status, lost.reward, lost.cause) == (AttemptStatus.MISSING, None, WORKER_LOST)
    assert lost.cost_usd is None
    assert {results["t1"].status, results["t2"].status} == {AttemptStatus.SCORED}
    assert sum(record["attempts"] for record in records) == 2


@pytest.mark.usefixtures("ray_cluster")
def test_workers_that_fit_no_node_are_an_error_not_a_hang() -> None:
    from optimizer.schedule import SchedulerStartError
    from optimizer.schedule.ray_pool import RayScheduler

    with pytest.raises(SchedulerStartError, match="no worker started within"):
        RayScheduler(MakeEcho(), 1, resources={"sandbox": 1}, start_timeout_s=2)


def started_after(failures: int) -> dict[str, Any]:
    """Start Ray in a process of its own, after so many starts that failed half-way."""
    command = [sys.executable, str(HERE / "tired_script.py"), str(failures)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env, timeout=170)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_ray_that_runs_out_of_time_is_started_again_and_works() -> None:
    assert started_after(1) == {"starts": 2, "cores": 1, "left": []}


def test_ray_that_never_starts_is_an_error_with_a_way_out_and_leaves_nothing_running() -> None:
    told = started_after(99)
    assert (told["starts"], told["left"]) == (3, [])
    assert "timed out during startup" in told["error"]
    assert "inline" in told["hint"]


@contextlib.contextmanager
def driver_of(script: str, notes: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a driver in a process group of its own, with a temporary folder that is cleared whatever it leaves."""
    command = [sys.executable, "-W", "error", str(HERE / script), str(notes)]
    with (
        tempfile.TemporaryDirectory(prefix="rt") as short,  # Ray's socket paths must stay under 108 characters
        subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True, env={**os.environ, "TMPDIR": short}
        ) as driver,
    ):
        try:
            yield driver
        finally:
            driver.kill()


def wait_for_line(driver: subprocess.Popen[str], wanted: str) -> str:
    assert driver.stdout is not None
    for line in driver.stdout:
        if line.startswith(wanted):
            return line
    raise AssertionError(f"the driver ended without saying {wanted!r}")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(pids: list[int], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(alive(pid) for pid in pids)


@pytest.mark.slow
def test_workers_end_when_their_driver_is_killed(tmp_path: Path) -> None:
    with driver_of("driver_script.py", tmp_path) as driver:
        workers = [int(pid) for pid in wait_for_line(driver, "workers").split()[1:]]
        assert len(workers) == 2
        assert all(alive(pid) for pid in workers)
        driver.kill()
        driver.wait()
        assert gone_within(workers, 30)


@pytest.mark.slow
def test_ctrl_c_cancels_attempts_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with driver_of("driver_script.py", tmp_path) as driver:
        workers = [int(pid) for pid in wait_for_line(driver, "workers").split()[1:]]
        os.killpg(driver.pid, signal.SIGINT)  # as a terminal does: to the driver and all it started
        assert wait_for_line(driver, "interrupted")
        assert driver.wait(60) == 0
        assert gone_within(workers, 10)
    log = (tmp_path / "log.txt").read_text()
    assert log.count("cancelled ") == log.count("start ") == 4


@pytest.mark.slow
def test_a_killed_node_costs_no_result(tmp_path: Path) -> None:
    with driver_of("two_node_script.py", tmp_path) as driver:
        assert wait_for_line(driver, "answered").split() == ["answered", "40", "distinct", "40", "scored", "40"]
        assert int(wait_for_line(driver, "rerun").split()[1]) > 0
        assert driver.wait(60) == 0


FULL_SHM = """
mount -t tmpfs -o size=4m none /dev/shm || exit 77
dd if=/dev/zero of=/dev/shm/fill bs=4k 2> /dev/null
exec "$0" -c "
from optimizer.schedule.ray_pool import RayScheduler
from optimizer.schedule.scripted import MakeEcho
scheduler = RayScheduler(MakeEcho(), 1, 2)
scheduler.close()
print('worked')
"
"""


def test_without_room_in_shared_memory_ray_works_in_the_temporary_directory() -> None:
    command = ["unshare", "-m", "sh", "-c", FULL_SHM, sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no disk can be mounted here")
    assert done.stdout.splitlines()[-1] == "worked"
