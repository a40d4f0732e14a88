"""What can go wrong with an engine, an image and a container, and the words for it."""

from __future__ import annotations

import functools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from benchmarks.task import Task
from benchmarks.verify import grade
from optimizer.failure import classify
from task_agent.errors import EngineLostError, SandboxLostError, TamperedError, VerifierBrokenError
from task_agent.sandbox import Probe, SandboxSpec, open_sandbox, probe
from task_agent.sandbox.base import SandboxKind

BASE = "FROM ratchet-base:bookworm\n"
NO_BASH = {"Dockerfile": f"{BASE}RUN rm -f /bin/bash /usr/bin/bash\n".encode()}
NO_SHELL = {"Dockerfile": b"FROM scratch\nCOPY file /file\n", "file": b"alone\n"}
ATTEMPT = """
import asyncio
from task_agent.errors import SandboxLostError
from task_agent.sandbox import SandboxSpec, open_sandbox
async def main():
    sandbox = open_sandbox("docker", SandboxSpec())
    await sandbox.exec("true", timeout_s=60)
    print("works", flush=True)
    try:
        await sandbox.exec("sleep 100", timeout_s=100)
    except SandboxLostError as error:
        print(type(error).__name__, error, flush=True)
asyncio.run(main())
"""

_probe: Callable[[SandboxKind], Probe] = functools.cache(probe)


@pytest.fixture(autouse=True)
def _engine_is_there() -> None:
    if not _probe("docker").ok:
        pytest.skip(f"no docker here: {_probe('docker').reason}")


@pytest.mark.docker
async def test_an_image_without_a_shell_is_named() -> None:
    sandbox = open_sandbox("docker", SandboxSpec(build_context=NO_SHELL))
    with pytest.raises(SandboxLostError, match="has no /bin/sh"):
        await sandbox.exec("true", timeout_s=30)
    await sandbox.close()


@pytest.mark.docker
async def test_an_image_without_bash_can_be_worked_in_and_its_grading_says_what_lacks() -> None:
    place = SandboxSpec(build_context=NO_BASH)
    sandbox = open_sandbox("docker", place)
    try:
        assert (await sandbox.exec("echo $((1 + 1))", timeout_s=30)).output == "2\n"
        with pytest.raises(VerifierBrokenError, match="no `bash` in the sandbox"):
            await grade(Task("t", "Work.", place, {"test.sh": b"echo 1\n"}), sandbox)
    finally:
        await sandbox.close()


@pytest.mark.docker
async def test_a_changed_shell_is_tampering_with_a_reward_of_nothing() -> None:
    sandbox = open_sandbox("docker", SandboxSpec())
    try:
        await sandbox.exec("cp /bin/true /usr/bin/bash.new && mv /usr/bin/bash.new /usr/bin/bash", timeout_s=30)
        with pytest.raises(TamperedError, match="/usr/bin/bash changed") as caught:
            await grade(Task("t", "Work.", SandboxSpec(), {"test.sh": b"echo 1\n"}), sandbox)
    finally:
        await sandbox.close()
    assert classify(caught.value, started=True).zero


def test_an_engine_that_went_down_is_nobodys_reward() -> None:
    cause = classify(EngineLostError("gone"), started=True)
    assert (cause.name, cause.zero) == ("engine_lost", False)
    assert classify(SandboxLostError("gone"), started=True).zero


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [pytest.param("docker", marks=pytest.mark.docker), pytest.param("bubblewrap", marks=pytest.mark.bubblewrap)]
)
async def test_a_gigabyte_of_output_costs_no_memory(kind: SandboxKind) -> None:
    sandbox = open_sandbox(kind, SandboxSpec())
    try:
        await sandbox.exec("true", timeout_s=60)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        done = await sandbox.exec("head -c 1000000000 /dev/zero", timeout_s=60)
        assert done.output_bytes == 1_000_000_000 or (done.timed_out and done.output_bytes > 100_000_000)
        assert len(done.output) < 70_000
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    finally:
        await sandbox.close()


class OwnEngine:
    """An engine beside the machine's, which a test may restart.

    It has a network namespace of its own: an engine owns the interface `docker0` of the one it is in, and
    would take the machine's engine's away.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="engine-"))
        self.host = f"unix://{self.folder}/sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        places = [f"--{name}={self.folder}/{name}" for name in ("data-root", "exec-root", "pidfile")]
        with (self.folder / "log").open("ab") as log:
            command = [
                "unshare",
                "--net",
                "dockerd",
                f"--host={self.host}",
                *places,
                "--bridge=none",
                "--iptables=false",
            ]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while subprocess.run(["docker", "-H", self.host, "version"], capture_output=True, check=False).returncode:
            assert time.monotonic() < end, (self.folder / "log").read_text()[-1000:]
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def remove(self) -> None:
        self.stop()
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((mount for mount in mounts if mount.startswith(str(self.folder))), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)
        shutil.rmtree(self.folder)


@pytest.fixture
def own_engine() -> Iterator[OwnEngine]:
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("an engine of one's own needs root and dockerd")
    engine = OwnEngine()
    try:
        engine.start()
        saved = subprocess.run(["docker", "save", "ratchet-base:bookworm"], capture_output=True, check=True).stdout
        subprocess.run(["docker", "-H", engine.host, "load"], input=saved, capture_output=True, check=True)
        yield engine
    finally:
        engine.remove()


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.parametrize("comes_back", [False, True])
def test_an_engine_that_goes_down_in_mid_attempt_is_named(own_engine: OwnEngine, comes_back: bool) -> None:
    env: Mapping[str, str] = os.environ | {"DOCKER_HOST": own_engine.host, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", ATTEMPT], stdout=subprocess.PIPE, env=env, text=True) as attempt:
        assert attempt.stdout is not None
        assert attempt.stdout.readline() == "works\n"
        own_engine.stop()
        if comes_back:
            own_engine.start()
        assert attempt.stdout.readline().startswith("EngineLostError")
