"""What no living process answers for is ended; what one does answer for is not."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from optimizer.orphans import sweep
from task_agent.sandbox import mark
from task_agent.sandbox._folder import leftovers

MAKER = """
import asyncio, sys
from task_agent.sandbox import SandboxSpec, open_sandbox
async def main():
    kind, label, *more = sys.argv[1:]
    sandbox = open_sandbox(kind, SandboxSpec(labels={"test": label, **dict(each.split("=") for each in more)}))
    await sandbox.exec("true", timeout_s=60)
    print("ready", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def made(kind: str, label: str, *labels: str, run: str = "") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", MAKER, kind, label, *labels]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), mark.VARIABLE: run}
    maker = subprocess.Popen(command, stdout=subprocess.PIPE, env=env)
    assert maker.stdout is not None
    assert maker.stdout.readline() == b"ready\n"
    maker.stdout.close()
    return maker


def killed(maker: subprocess.Popen[bytes]) -> None:
    maker.send_signal(signal.SIGKILL)
    maker.wait()


@pytest.mark.docker
def test_the_container_of_a_killed_command_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    import docker

    label = secrets.token_hex(8)
    client = docker.from_env()

    def there() -> int:
        return len(client.containers.list(all=True, filters={"label": f"test={label}"}))

    dead, living = made("docker", label), made("docker", label)
    killed(dead)
    try:
        assert there() == 2
        swept = sweep(tmp_path)
        assert there() == 1
        assert next(row.found.containers for row in swept if row.run is None) >= 1
    finally:
        killed(living)
        sweep(tmp_path)
        assert there() == 0
        client.close()


@pytest.mark.docker
def test_a_proposers_container_is_removed_whatever_kind_of_sandbox_the_runs_tasks_had(tmp_path: Path) -> None:
    import docker

    label, uid = secrets.token_hex(8), secrets.token_hex(8)
    folder = tmp_path / "night"
    folder.mkdir()
    (folder / "ledger.sqlite").touch()
    named = dict.fromkeys(("suite", "splits", "harness", "config", "models"), "x")
    (folder / "run.lock").write_text(json.dumps({**named, "uid": uid, "sandbox": "bubblewrap"}))
    client = docker.from_env()
    # Its maker is one that this start of the machine does not know: nothing but the run's label tells whose it is.
    earlier = f"{mark.OWNER_LABEL}=elsewhere/1:1:1"
    makers = [made("docker", label, earlier, run=mark.mark_of(name)) for name in (uid, f"{uid}-other")]
    for maker in makers:
        killed(maker)
    try:
        swept = [row for row in sweep(tmp_path) if row.run == "night"]
        assert [row.found.containers for row in swept] == [1]
        left = client.containers.list(all=True, filters={"label": f"test={label}"})
        assert [each.labels[mark.LABEL] for each in left] == [mark.mark_of(f"{uid}-other")]
        assert not [row for row in sweep(tmp_path) if row.run == "night"]
    finally:
        for each in client.containers.list(all=True, filters={"label": f"test={label}"}):
            each.remove(force=True)
        client.close()


def test_without_an_engine_what_else_is_left_is_ended_all_the_same(tmp_path: Path) -> None:
    killed(made("process", ""))
    command = [sys.executable, "-m", "optimizer", "doctor", "--reap", "--json", "--runs-dir", str(tmp_path / "runs")]
    env = os.environ | {"DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock"}
    said = json.loads(subprocess.run(command, capture_output=True, check=True, env=env).stdout)
    assert said["data"]["rows"][-1]["folders"] >= 1


def test_the_folder_of_a_killed_command_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    dead, living = made("process", ""), made("process", "")
    killed(dead)
    try:
        swept = sweep(tmp_path)
        assert any(row.run is None and row.found.folders for row in swept)
        left = [path.name for path in leftovers("")]
        assert not any(f"-{dead.pid:07d}" in name for name in left)
        assert any(f"-{living.pid:07d}" in name for name in left)
    finally:
        killed(living)
        sweep(tmp_path)


def test_a_process_is_named_so_that_no_other_is_taken_for_it() -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        mine = mark.owner()
        theirs = mine.replace(f":{os.getpid()}:", f":{process.pid}:")
        assert not mark.is_orphaned(mine)
        assert mark.is_orphaned(theirs)
        process.kill()
    assert not mark.is_orphaned("elsewhere/1:1:1")
    assert not mark.is_orphaned("")


def test_the_command_says_what_it_ended(tmp_path: Path) -> None:
    killed(made("process", ""))
    command = [sys.executable, "-m", "optimizer", "doctor", "--reap", "--json", "--runs-dir", str(tmp_path / "runs")]
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert said["data"]["rows"][-1]["folders"] >= 1
    assert said["data"]["rows"][-1]["run"] is None
