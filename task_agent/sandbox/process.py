"""The kind without isolation: commands run as plain processes of this user below a temporary folder.

It holds nothing back: commands see the host's files and network. What it does give: a clean
environment, a folder of its own, limits per process, time-outs that end what the shell started, and
grading in a fresh process tree. It is meant for the simulated model, whose commands are known.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from task_agent.sandbox import mark
from task_agent.sandbox._host import CLEAN_PATH, HostSandbox, Running, Started, Stdio, wait_exit
from task_agent.sandbox._limits import limit_script
from task_agent.sandbox.base import SandboxSpec
from traces.errors import SandboxUnavailableError

_MARK = "RATCHET_SANDBOX"
_ROUNDS = 20


class ProcessSandbox(HostSandbox):
    """Run an attempt without isolation, below one temporary folder."""

    kind: Literal["process"] = "process"

    def __init__(self, spec: SandboxSpec) -> None:
        super().__init__(spec)
        if spec.shown:
            raise SandboxUnavailableError(
                "the process sandbox shows nothing read-only", hint="use bubblewrap or docker"
            )
        self._mark = f"{_MARK}={secrets.token_hex(8)}"

    def path(self, inside: str) -> str:
        """Give the host path below the attempt's folder; the system's own folders keep their names."""
        try:
            return self._folder.host(inside)
        except ValueError:
            return inside

    async def put(self, files: Mapping[str, bytes], folder: str) -> None:
        """Write `files` below `folder`, named as inside or as commands name it."""
        await super().put(files, self._inside(folder))

    async def get(self, path: str, *, limit_bytes: int = 10_000_000) -> bytes:
        """Read one regular file, named as inside or as commands name it."""
        return await super().get(self._inside(path), limit_bytes=limit_bytes)

    async def get_folder(self, path: str, *, limit_bytes: int, limit_files: int) -> dict[str, bytes]:
        """Read a folder, named as inside or as commands name it."""
        return await super().get_folder(self._inside(path), limit_bytes=limit_bytes, limit_files=limit_files)

    def _inside(self, path: str) -> str:
        """Turn the name that commands use into the one inside; any other stays as it is."""
        for place in (self._spec.workdir, "/harness", "/solution", "/tmp", "/logs/agent"):
            host = self.path(place)
            if path == host or path.startswith(f"{host}/"):
                return place + path.removeprefix(host)
        return path

    def _environment(self, *, grading: bool) -> dict[str, str]:
        name, _, value = self._mark.partition("=")
        tmp = self.path("/tests" if grading else "/tmp")
        env = {
            "PATH": CLEAN_PATH,
            "HOME": tmp,
            "TMPDIR": tmp,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "TZ": "UTC",
            name: value,
            **mark.environment(),
        }
        return env | ({"LOGS_DIR": self.path("/logs"), "TESTS_DIR": self.path("/tests")} if grading else {})

    def _limits(self) -> str:
        return limit_script(self._spec, processes=False)

    async def _start(self, argv: Sequence[str], env: Mapping[str, str], stdio: Stdio, *, grading: bool) -> Started:
        process = subprocess.Popen(
            argv,
            stdin=stdio.stdin,
            stdout=stdio.stdout,
            stderr=stdio.stderr,
            env=dict(env),
            cwd=self.path(self._spec.workdir),
            start_new_session=True,
        )
        return Started(process)

    async def _kill(self, running: Running) -> None:
        if running.shell.gone:
            await wait_exit(running.process, 1.0)
        _kill_group(running.process.pid)
        kill_marked(self._mark, after=running.process.pid)
        await wait_exit(running.process)

    def _ended_from_outside(self, code: int) -> bool:
        return False


def kill_marked(mark: str, *, after: int) -> None:
    """Kill the processes whose environment at start held `mark`, until a look finds none.

    Looks at processes younger than `after` only. A process that cleared its environment escapes.
    """
    for _ in range(_ROUNDS):
        found = [pid for pid in _pids() if pid > after and _is_marked(pid, mark.encode())]
        if not found:
            return
        for pid in found:
            _kill_group(pid)
            _kill(pid)


def _pids() -> list[int]:
    try:
        return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]
    except FileNotFoundError:
        return []


def _is_marked(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
