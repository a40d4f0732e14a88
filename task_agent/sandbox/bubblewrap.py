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
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from task_agent.sandbox import _seccomp, mark
from task_agent.sandbox._cgroup import Group, hierarchy
from task_agent.sandbox._etc import system_folder
from task_agent.sandbox._folder import SHOWN
from task_agent.sandbox._host import CLEAN_PATH, HostSandbox, Running, Started, Stdio, drain, wait_exit
from task_agent.sandbox._limits import limit_script
from task_agent.sandbox._output import OutputKeeper
from task_agent.sandbox._pipes import PipeLink
from task_agent.sandbox.base import SandboxSpec
from traces.errors import SandboxUnavailableError

if TYPE_CHECKING:
    from task_agent.sandbox.grading_jail import Order

T = TypeVar("T")
UNPRIVILEGED_ID = 65_533
_INSIDE_ID = "1000"
_TOP = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_OURS = ("optimizer", "task_agent", "benchmarks", "traces")
_SHM_BYTES = 64 * 1024 * 1024
_EACH_HAS = ("/.dockerenv", "/proc", "/dev", "/sys", "/tmp", "/logs", "/tests", "/harness", "/solution")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/etc", "/dev", "/proc")


class BubblewrapSandbox(HostSandbox):
    """Run an attempt in jails over one host folder.

    `forks_gradings` takes the kept jail of this process for gradings, where the kernel lets it work and the
    attempt has no root of its own.
    """

    kind: Literal["bubblewrap"] = "bubblewrap"
    forks_gradings = True

    def __init__(self, spec: SandboxSpec) -> None:
        super().__init__(spec, owner=UNPRIVILEGED_ID if os.geteuid() == 0 else None)
        if spec.network or spec.verifier_network:
            raise SandboxUnavailableError("the bubblewrap sandbox has no network", hint="use the docker sandbox")
        if any(spec.workdir.startswith(f"{name}/") for name in _SYSTEM):
            raise SandboxUnavailableError(f"the bubblewrap sandbox cannot place a work directory at {spec.workdir!r}")
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
        from task_agent.sandbox.grading_jail import Grading, grading_jail

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
        from task_agent.sandbox.grading_jail import Order

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


async def start_jail(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Start a jail in a thread that lives as long as we do: a step into a group may wait for the kernel.

    The jail ends with the thread that started it, so no thread of a shorter life may do this.
    """
    starting = asyncio.get_running_loop().run_in_executor(_threads(), start)
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        process = await starting
        process.kill()
        process.wait()
        raise


async def in_jail_thread(start: Callable[[], T]) -> T:
    """Run what starts a jail in a thread that lives as long as this process."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), start)


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="jail-start")


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
    from task_agent.sandbox.grading_jail import why_fresh

    calls = "system calls" if _seccomp.is_known() else "no system calls (unknown architecture)"
    slow = f"; each grading starts a jail of its own: {why_fresh()}" if why_fresh() else ""
    if hierarchy() is None:
        return f"memory per process alone (no control groups here) and {calls} are held{slow}"
    return f"memory, processes and {calls} are held{slow}"


@functools.cache
def jail_argv(root: str | None = None, *, nests: bool = False) -> tuple[str, ...]:
    """Give the part of the command line that is the same for every jail over one root.

    Args:
        root: A folder that stands as the root; None is an allow-list of this machine's own.
        nests: Let it make further user namespaces.

    Raises:
        SandboxUnavailableError: A program that is needed is missing, or the root is.
    """
    argv = [*closed_argv(nests=nests), *(_own_top() if root is None else _top_of(Path(root)))]
    argv += ["--proc", "/proc", "--dev", "/dev"]
    return (*argv, "--size", str(_SHM_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev")


@functools.cache
def closed_argv(*, nests: bool = False) -> tuple[str, ...]:
    """Give the words for a jail that has nothing: no file, no network, no capability, no environment, no way on.

    Args:
        nests: Let it make further user namespaces.

    Raises:
        SandboxUnavailableError: A program that is needed is missing.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise SandboxUnavailableError("there is no `bwrap` here", hint="install the package `bubblewrap`")
    argv = [*_drop_root(), bwrap, "--unshare-all", "--unshare-user", "--uid", _INSIDE_ID, "--gid", _INSIDE_ID]
    argv += ["--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL", "--clearenv"]
    argv += ["--hostname", "sandbox"]
    return (*argv, "--disable-userns") if not nests and _knows_disable_userns(bwrap) else tuple(argv)


def _own_top() -> list[str]:
    top: list[str] = []
    for path, link in top_folders().items():
        if path not in ("/etc", "/dev"):
            top += ["--symlink", link, path] if link else ["--ro-bind", path, path]
    return [*top, *_hidden_sources(), "--ro-bind", str(system_folder()), "/etc"]


def _top_of(root: Path) -> list[str]:
    """Bind everything at the top of a root, but for what every jail has of its own."""
    if not root.is_dir():
        raise SandboxUnavailableError(f"the root {root} is not there", hint="take it out anew: ratchet tasks roots")
    if closed := _closed_above(root):
        raise SandboxUnavailableError(
            f"a jail cannot reach the root {root}: {closed} is closed to other users",
            hint=f"chmod o+x {closed}, or keep roots elsewhere",
        )
    args: list[str] = []
    for path in sorted(root.iterdir()):
        place = f"/{path.name}"
        if path.is_symlink():
            args += ["--symlink", str(path.readlink()), place]
        elif place not in _EACH_HAS:
            args += ["--ro-bind", str(path), place]
    return args


def _closed_above(root: Path) -> Path | None:
    """Find what keeps the user that a jail of root's runs as from a folder."""
    if os.geteuid() != 0:
        return None
    return next((path for path in (root, *root.parents) if not path.stat().st_mode & stat.S_IXOTH), None)


def _drop_root() -> list[str]:
    if os.geteuid() != 0:
        return []
    chroot = shutil.which("chroot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if chroot is None:
        raise SandboxUnavailableError("there is no `chroot` here to give up root with", hint="run as a plain user")
    return [chroot, f"--userspec=+{UNPRIVILEGED_ID}:+{UNPRIVILEGED_ID}", "--groups=", "/"]


def _knows_disable_userns(bwrap: str) -> bool:
    if Path(bwrap).stat().st_mode & stat.S_ISUID:
        return False
    said = subprocess.run([bwrap, "--help"], capture_output=True, text=True, check=False, env={})
    return "--disable-userns" in said.stdout + said.stderr


def top_folders() -> dict[str, str | None]:
    """Name what a jail's root has of programs, settings and devices, with what it links to where it is a link."""
    paths = [Path("/") / name for name in ("usr", *_TOP, "etc", "dev")]
    return {str(path): str(path.readlink()) if path.is_symlink() else None for path in paths if path.is_dir()}


def _hidden_sources() -> list[str]:
    """Cover our own packages where they are installed below `/usr`: a task's answers must not be importable."""
    root = Path(__file__).resolve().parents[2]
    args: list[str] = []
    for path in (root / name for name in _OURS):
        if path.is_dir() and path.is_relative_to("/usr"):
            args += ["--tmpfs", str(path)]
    return args
