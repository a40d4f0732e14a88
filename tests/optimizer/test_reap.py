"""What a dead driver leaves is ended, by its mark and nothing else."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from optimizer.reap import RAY_FOLDER, Reaped, guarded, reap
from task_agent.sandbox import mark
from task_agent.sandbox._folder import AttemptFolder, leftovers

DRIVER = """
import subprocess, sys, time
from optimizer.reap import guarded
from task_agent.sandbox._folder import AttemptFolder
with guarded(sys.argv[1], "process"):
    AttemptFolder("/work")
    child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def uid() -> str:
    return f"run-test-{secrets.token_hex(8)}"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def sleep_with(of: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"], env={**os.environ, mark.VARIABLE: of})


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until_gone(pid: int, timeout_s: float = 20.0) -> bool:
    end = time.monotonic() + timeout_s
    while not is_gone(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return is_gone(pid)


def test_marked_processes_and_folders_end_and_all_others_stay(uid: str, sleeper: subprocess.Popen[bytes]) -> None:
    of, other = mark.mark_of(uid), mark.mark_of(f"{uid}-other")
    ours, theirs = sleep_with(of), sleep_with(other)
    ray = Path(tempfile.mkdtemp(prefix=f"{RAY_FOLDER}{mark.short(of)}-"))
    with mark.marked(of):
        folder = AttemptFolder("/work")
    with mark.marked(other):
        kept = AttemptFolder("/work")
    try:
        assert reap(of, "process") == Reaped(processes=1, folders=2)
        assert ours.wait(10) == -signal.SIGKILL
        assert not folder.path.exists()
        assert not ray.exists()
        assert (theirs.poll(), sleeper.poll(), kept.path.exists()) == (None, None, True)
    finally:
        kept.remove()
        theirs.kill()
        theirs.wait()


def test_a_resume_started_by_the_run_itself_is_spared(uid: str) -> None:
    of = mark.mark_of(uid)
    code = f"import sys; from optimizer.reap import reap; print(reap({of!r}, 'process').processes)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, mark.VARIABLE: of}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"


def test_when_the_driver_is_killed_all_it_started_ends_without_a_resume(uid: str) -> None:
    with subprocess.Popen([sys.executable, "-c", DRIVER, uid], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        child = int(driver.stdout.readline())
        of = mark.mark_of(uid)
        assert len(leftovers(of)) == 1
        driver.kill()
        assert wait_until_gone(child)
    end = time.monotonic() + 20
    while leftovers(of) and time.monotonic() < end:
        time.sleep(0.02)
    assert leftovers(of) == []


def test_a_guard_goes_home_with_its_driver_and_the_mark_is_taken_off(uid: str) -> None:
    with guarded(uid, "process") as found:
        assert not found
        guards = subprocess.run(["pgrep", "-f", mark.mark_of(uid)], capture_output=True, text=True, check=False)
        assert mark.current() == mark.mark_of(uid)
    assert wait_until_gone(int(guards.stdout.split()[0]))
    assert mark.current() == ""


@pytest.mark.docker
def test_marked_containers_are_removed(uid: str) -> None:
    import docker

    of = mark.mark_of(uid)
    client = docker.from_env()
    labels = {"ratchet.sandbox": "1", mark.LABEL: of}
    ours = client.containers.create("ratchet-base:bookworm", "true", labels=labels)
    theirs = client.containers.create("ratchet-base:bookworm", "true", labels={**labels, mark.LABEL: "other"})
    try:
        assert reap(of, "docker").containers == 1
        names = {each.id for each in client.containers.list(all=True)}
        assert ours.id not in names
        assert theirs.id in names
    finally:
        theirs.remove(force=True)
        client.close()


def test_what_was_ended_is_said_in_words() -> None:
    assert str(Reaped(2, 0, 1)) == "ended what an earlier driver had left: 2 processes, 1 temporary folder"
