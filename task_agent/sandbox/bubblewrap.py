"""The kind that needs no engine: each phase of an attempt is a jail of its own, made by bwrap.

A jail sees an allow-list: the system's programs read-only, a made-up `/etc`, and the attempt's own
folders. It has no network, no capabilities, its own processes, no way to make further user
namespaces, and a filter refuses the system calls that no command needs. The shell is the jail's first
process: nothing inside can kill it, and with its end the kernel ends everything else. What the whole
attempt uses is limited by a control group, where this process may make one. A start as root gives up
root first, because a process that is root on the host may write `/proc/sys` and change `/dev/null`
even without a single capability.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Literal

from task_agent.sandbox import _seccomp, mark
from task_agent.sandbox._cgroup import Group, hierarchy
from task_agent.sandbox._folder import SHOWN
from task_agent.sandbox._host import CLEAN_PATH, HostSandbox, Running, Started, Stdio, drain, wait_exit
from task_agent.sandbox._jail import UNPRIVILEGED_ID, in_jail_thread, jail_argv, start_jail
from task_agent.sandbox._limits import limit_script
from task_agent.sandbox._output import OutputKeeper
from task_agent.sandbox._pipes import PipeLink
from task_agent.sandbox.base import SandboxSpec
from task_agent.sandbox.grading_jail import Grading, Order, grading_jail, why_fresh


class BubblewrapSandbox(HostSandbox):
    """Run an attempt in jails over one host folder.

    `forks_gradings` takes the kept jail of this process for gradings, where the kernel lets it work and the
    attempt has no root of its own.
    """

    kind: Literal["bubblewrap"] = "bubblewrap"
    forks_gradings = True

    def __init__(self, spec: SandboxSpec) -> None:
        super().__init__(spec, owner=UNPRIVILEGED_ID if os.geteuid() == 0 else None)
        self._group: Group | None = None

    async def close(self) -> None:
        """Kill what still runs and remove the folder and the group."""
        await super().close()
        group, self._group = self._group, None
        if group is not None:
            await asyncio.to_thread(group.remove)

    def path(self, inside: str) -> str:
        """Give `inside` itself: the jail has its own root."""
        return inside

    def _environment(self, *, grading: bool) -> dict[str, str]:
        env = {"PATH": CLEAN_PATH, "HOME": "/tmp", "TERM": "dumb"}
        return env | ({"LOGS_DIR": "/logs", "TESTS_DIR": "/tests"} if grading else {})

    def _limits(self) -> str:
        return limit_script(self._spec, processes=True)

    async def _start(self, argv: Sequence[str], env: Mapping[str, str], stdio: Stdio, *, grading: bool) -> Started:
        info, info_out = os.pipe()
        rules = _seccomp.open_filter()
        passed = [fd for fd in (info_out, rules) if fd is not None]
        jail = [*jail_argv(self._spec.root), *self._binds(grading=grading), "--info-fd", str(info_out)]
        jail += ["--seccomp", str(rules)] if rules is not None else []
        for name, value in env.items():
            jail += ["--setenv", name, value]
        try:
            command = [*jail, "--chdir", self._spec.workdir, "--", *argv]
            process = await start_jail(functools.partial(self._popen, command, stdio, passed))
        except (OSError, asyncio.CancelledError):
            os.close(info)
            raise
        finally:
            for fd in passed:
                os.close(fd)
        return Started(process, info)

    def _popen(self, argv: Sequence[str], stdio: Stdio, passed: Sequence[int]) -> subprocess.Popen[bytes]:
        """Start the outer process, in the attempt's group where there can be one."""
        place = hierarchy()
        if self._group is None and place is not None:
            self._group = Group(self._spec, place)
        with self._group.entered() if self._group else nullcontext():
            return subprocess.Popen(
                [*(self._group.prefix if self._group else ()), *argv],
                stdin=stdio.stdin,
                stdout=stdio.stdout,
                stderr=stdio.stderr,
                env=mark.environment(),  # on the outer process alone: the jail's own begins empty
                cwd="/",
                pass_fds=passed,
            )

    async def _run_grading(
        self, argv: Sequence[str], env: Mapping[str, str], keeper: OutputKeeper, timeout_s: float
    ) -> int | None:
        """Fork the grading in this worker's kept jail; in a fresh one where that does not work."""
        forks = self.forks_gradings and self._spec.root is None
        jail = await grading_jail(self._folder.path.parent) if forks else None
        if jail is None:
            return await super()._run_grading(argv, env, keeper, timeout_s)
        if self._group is None and (place := hierarchy()) is not None:
            self._group = await in_jail_thread(functools.partial(Group, self._spec, place))
        link, grading = PipeLink(), Grading(jail)
        try:
            try:
                await grading.start(self._order(argv, env), link.output_out, self._group)
            finally:
                link.hand_over()
            return await drain(link, keeper, grading.ended(timeout_s))
        finally:
            await grading.close()
            link.close()

    def _order(self, argv: Sequence[str], env: Mapping[str, str]) -> Order:
        return Order(argv, env, self._spec.workdir, self._graded(), self._tmp_bytes)

    def _why(self) -> str:
        return "it ran out of memory; " if self._group is not None and self._group.ran_out_of_memory() else ""

    def _binds(self, *, grading: bool) -> list[str]:
        host = self._folder.host
        if grading:
            binds = ["--size", str(self._tmp_bytes), "--tmpfs", "/tmp"]
            for place, inside, read_only in self._graded():
                binds += ["--ro-bind" if read_only else "--bind", place, inside]
        else:
            binds = ["--bind", host(self._spec.workdir), self._spec.workdir]
            binds += ["--bind", host("/tmp"), "/tmp", "--bind", host("/logs/agent"), "/logs/agent"]
            for name in ("harness", "solution"):
                binds += ["--symlink", f"/logs/agent/.{name}", f"/{name}"]
            for number, inside in enumerate(self._spec.shown):
                binds += ["--ro-bind", f"{self._folder.path}/{SHOWN}/{number}", inside]
        return [*binds, "--remount-ro", "/"]

    def _graded(self) -> list[tuple[str, str, bool]]:
        """Name what a grading sees of the attempt: its place here, its place inside, and whether it is read-only."""
        shown = {self._spec.workdir: False, "/logs/agent": True, "/tests": True, "/logs/verifier": False}
        return [(self._folder.host(inside), inside, read_only) for inside, read_only in shown.items()]

    @property
    def _tmp_bytes(self) -> int:
        return self._spec.disk_mb * 1024 * 1024

    async def _kill(self, running: Running) -> None:
        try:
            if running.shell.gone:
                await wait_exit(running.process, 1.0)
            if running.process.poll() is None:
                _kill_first(running)
            await wait_exit(running.process)
        finally:
            os.close(running.info_fd)


def _kill_first(running: Running) -> None:
    """Kill the jail's first process: bwrap itself ends only after the kernel has ended all the others."""
    os.set_blocking(running.info_fd, False)
    try:
        first = int(json.loads(os.read(running.info_fd, 4096))["child-pid"])
        os.kill(first, signal.SIGKILL)
    except (BlockingIOError, ValueError, KeyError, ProcessLookupError):
        running.process.kill()


def held() -> str:
    """Say what of an attempt in a jail is held as a whole on this machine."""
    calls = "system calls" if _seccomp.is_known() else "no system calls (unknown architecture)"
    slow = f"; each grading starts a jail of its own: {why_fresh()}" if why_fresh() else ""
    if hierarchy() is None:
        return f"memory per process alone (no control groups here) and {calls} are held{slow}"
    return f"memory, processes and {calls} are held{slow}"
