"""What the two kinds without an engine share: a folder on the host, a shell over pipes, a grader."""

from __future__ import annotations

import asyncio
import functools
import os
import resource
import secrets
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from task_agent.errors import OutOfDiskError, SandboxLostError
from task_agent.sandbox import _disk
from task_agent.sandbox._folder import AttemptFolder
from task_agent.sandbox._grading import grading_slot
from task_agent.sandbox._output import OutputKeeper
from task_agent.sandbox._pipes import PipeLink
from task_agent.sandbox._work import GUARDED
from task_agent.sandbox.base import LOG_LIMIT_BYTES, ExecResult, SandboxKind, SandboxSpec, VerifyRun
from task_agent.sandbox.refusals import refuse
from task_agent.sandbox.shell import Answer, Shell, ShellSetup
from traces.storage import no_more_files

T = TypeVar("T")
CLEAN_PATH = "/usr/local/bin:/usr/bin:/bin"
_END_GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class Stdio:
    """Name the descriptors 0, 1 and 2 of a process to start."""

    stdin: int
    stdout: int
    stderr: int


@dataclass(frozen=True, slots=True)
class Started:
    """Hold a started process, and a pipe on which its kind tells more, or -1."""

    process: subprocess.Popen[bytes]
    info_fd: int = -1


@dataclass(frozen=True, slots=True)
class Running:
    """Hold one started process tree: its outer process, the pipes, and the shell that talks over them."""

    process: subprocess.Popen[bytes]
    link: PipeLink
    shell: Shell
    info_fd: int


class HostSandbox(ABC):
    """Run an attempt below one host folder; the kinds say how a process tree is started and ended."""

    kind: SandboxKind

    def __init__(self, spec: SandboxSpec, *, owner: int | None = None) -> None:
        refuse(self.kind, spec)
        self._spec = spec
        self._owner = owner
        self._lock = asyncio.Lock()
        self._made: AttemptFolder | None = None
        self._running: Running | None = None
        self._rounds = spec.rounds
        self._closed = False
        self._watch: asyncio.Task[None] | None = None
        self._bound: asyncio.Timeout | None = None
        self._full = False

    @property
    def _folder(self) -> AttemptFolder:
        if self._closed:
            raise SandboxLostError("the sandbox is closed")
        if self._made is None:
            self._made = AttemptFolder(self._spec.workdir, self._owner)
            self._made.fresh("/tmp")
            self._made.fresh("/logs/agent")
            self._made.fresh(self._spec.workdir)
            if self._spec.root is not None:
                self._made.copy(Path(f"{self._spec.root}{self._spec.workdir}"), self._spec.workdir)
            self._made.write(self._spec.workdir, self._spec.files)
            self._made.show(self._spec.shown)
        return self._made

    @abstractmethod
    def path(self, inside: str) -> str:
        """Give the name that commands use for the absolute path `inside`."""

    @abstractmethod
    async def _start(self, argv: Sequence[str], env: Mapping[str, str], stdio: Stdio, *, grading: bool) -> Started:
        """Start `argv` with `stdio` as its descriptors 0, 1 and 2."""

    @abstractmethod
    def _environment(self, *, grading: bool) -> dict[str, str]:
        """Give the environment of a fresh shell, before the task's own."""

    @abstractmethod
    def _limits(self) -> str:
        """Give shell code that sets the limits of everything after it."""

    @abstractmethod
    async def _kill(self, running: Running) -> None:
        """End the whole process tree and wait until it is gone."""

    async def exec(self, command: str, *, timeout_s: float, stdin: bytes = b"") -> ExecResult:
        """Run `command` in the attempt's one persistent shell."""
        if not self._rounds:
            raise RuntimeError("the agent's phase is over: `exec` may not follow `verify`")
        async with self._lock, self._within_disk():
            start = time.monotonic()
            keeper = OutputKeeper(self._spec.output_limit_bytes)
            running = await self._living_shell()
            stdin_file = self._lay_stdin(stdin)
            answer = Answer(None)
            try:
                answer = await running.shell.run(
                    command,
                    keeper,
                    timeout_s=timeout_s,
                    stdin_path=self.path(stdin_file) if stdin_file else "/dev/null",
                )
            finally:
                if stdin_file:
                    self._folder.discard(stdin_file)
                if answer.exit_code is None:
                    await self._end_shell()
            code = answer.exit_code if answer.exit_code is not None or answer.timed_out else self._own_end(running)
            return ExecResult(keeper.text(), code, time.monotonic() - start, keeper.total, answer.timed_out)

    async def put(self, files: Mapping[str, bytes], folder: str) -> None:
        """Write `files` below the absolute `folder`, which is the work directory or one of our own."""
        self._refuse_foreign(folder)
        self._folder.write(folder, files)

    async def get(self, path: str, *, limit_bytes: int = 10_000_000) -> bytes:
        """Read one regular file that the attempt may write."""
        return self._folder.read(path, limit_bytes)

    async def get_folder(self, path: str, *, limit_bytes: int, limit_files: int) -> dict[str, bytes]:
        """Read every file below a folder that the attempt may write."""
        return self._folder.read_all(path, limit_bytes, limit_files)

    async def verify(
        self, tests: Mapping[str, bytes], command: str, *, timeout_s: float, env: Mapping[str, str]
    ) -> VerifyRun:
        """End the agent's phase and grade in a fresh process tree."""
        async with self._lock, grading_slot(), self._within_disk():
            self._rounds = max(0, self._rounds - 1)
            await self._end_shell()
            guarded = [self.path(place) for place in GUARDED]
            if not self._folder.withhold(self._spec.workdir, self.path(self._spec.workdir), guarded):
                return VerifyRun(ExecResult("", None, 0.0, 0), {}, ("the work directory nests too deep",))
            self._folder.fresh("/tests")
            self._folder.fresh("/logs/verifier")
            self._folder.write("/tests", tests)
            result = await self._grade(command, timeout_s, env)
            logs = self._folder.collect("/logs/verifier", LOG_LIMIT_BYTES)
            if self._rounds:
                self._folder.fresh("/tests")
                self._folder.fresh("/logs/verifier")
            return VerifyRun(result, logs)

    async def close(self) -> None:
        """Kill what still runs and remove the folder."""
        async with self._lock:
            if self._closed:
                return
            if self._watch is not None:
                self._watch.cancel()
            await self._end_shell()
            self._closed = True
            if self._made is not None:
                await asyncio.to_thread(self._made.remove)

    @asynccontextmanager
    async def _within_disk(self) -> AsyncIterator[None]:
        """End what is done here when the attempt's files grow beyond its limit.

        Raises:
            OutOfDiskError: They did, now or before.
        """
        if self._watch is None and not self._closed:
            self._watch = asyncio.create_task(self._watch_disk(self._folder))
        try:
            async with asyncio.timeout(None) as self._bound:
                if not self._full:
                    yield
        except TimeoutError:
            if not self._full:
                raise
        finally:
            self._bound = None
        if self._full:
            await self._end_shell()
            raise OutOfDiskError(f"its files grew beyond the {self._spec.disk_mb} MB that the task allows")

    async def _watch_disk(self, folder: AttemptFolder) -> None:
        """Look at the attempt's files until they are too large; then stop what runs, and what was left running."""
        pause = _disk.INTERVAL_S
        while not self._full:
            await asyncio.sleep(pause)
            start = time.monotonic()
            self._full = await asyncio.to_thread(folder.is_over, self._spec.disk_mb * 1024 * 1024)
            pause = max(_disk.INTERVAL_S, _disk.SHARE * (time.monotonic() - start))
        if self._bound is not None:
            self._bound.reschedule(asyncio.get_running_loop().time())
        async with self._lock:
            await self._end_shell()

    def _refuse_foreign(self, folder: str) -> None:
        ours = (self._spec.workdir, "/harness", "/solution", "/tmp", "/logs/agent")
        if not any(folder == own or folder.startswith(f"{own}/") for own in ours):
            raise ValueError(f"{folder!r} is not below one of {', '.join(ours)}")

    async def _living_shell(self) -> Running:
        if self._running is not None and self._running.process.poll() is not None:
            code = self._running.process.returncode
            await self._end_shell()
            if self._ended_from_outside(code):
                raise SandboxLostError(f"the {self.kind} sandbox was ended from outside: {self._why()}status {code}")
        return self._running or await self._start_shell()

    async def _start_shell(self) -> Running:
        env = {**self._environment(grading=False), **self._spec.env}
        setup = ShellSetup(
            (*shell_argv(self._spec.root), "/dev/stdin"), env, self.path(self._spec.workdir), self._limits()
        )
        self._running = await self._launch(setup.argv, env, setup, grading=False)
        return self._running

    async def _launch(
        self, argv: Sequence[str], env: Mapping[str, str], setup: ShellSetup, *, grading: bool
    ) -> Running:
        folder = self._folder
        raise_open_files()
        link = PipeLink(self._owner)
        stdio = Stdio(link.script_in, link.output_out, link.status_out)
        if grading:
            stdio = Stdio(subprocess.DEVNULL, link.output_out, link.output_out)
        try:
            started = await self._start(argv, env, stdio, grading=grading)
        except asyncio.CancelledError:
            link.close()
            raise
        except OSError as error:
            link.close()
            if no_more_files(error):
                raise
            raise SandboxLostError(f"the {self.kind} sandbox did not start in {folder.path}: {error}") from error
        finally:
            link.hand_over()
        link.follow(started.process.pid)
        return Running(started.process, link, Shell(link, setup), started.info_fd)

    async def _end_shell(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        try:
            await self._kill(running)
        finally:
            running.link.close()

    def _own_end(self, running: Running) -> int:
        """Tell a shell that ended itself from a sandbox that was ended or never started."""
        code = running.process.returncode
        if not running.shell.ready or self._ended_from_outside(code):
            said = running.shell.complaint or f"status {code}"
            raise SandboxLostError(f"the {self.kind} sandbox ended: {self._why()}{said}")
        return code if code >= 0 else 128 - code

    def _ended_from_outside(self, code: int) -> bool:
        return code < 0

    def _why(self) -> str:
        """Say what more is known of an end, ready to stand before its status."""
        return ""

    def _lay_stdin(self, stdin: bytes) -> str:
        if not stdin:
            return ""
        name = f".stdin-{secrets.token_hex(8)}"
        self._folder.write("/tmp", {name: stdin})
        return f"/tmp/{name}"

    async def _grade(self, command: str, timeout_s: float, env: Mapping[str, str]) -> ExecResult:
        start = time.monotonic()
        keeper = OutputKeeper(self._spec.output_limit_bytes)
        workdir = self.path(self._spec.workdir)
        full = {**self._environment(grading=True), **self._spec.env, **env, "PWD": workdir}
        argv = (*shell_argv(self._spec.root), "-c", f"{self._limits()}\n{command}")
        code = await self._run_grading(argv, full, keeper, timeout_s)
        return ExecResult(keeper.text(), code, time.monotonic() - start, keeper.total, code is None)

    async def _run_grading(
        self, argv: Sequence[str], env: Mapping[str, str], keeper: OutputKeeper, timeout_s: float
    ) -> int | None:
        """Run a grading to its end and give its exit code, or None when its time is up; nothing of it is left then."""
        setup = ShellSetup((), env, self.path(self._spec.workdir))
        running = self._running = await self._launch(argv, env, setup, grading=True)
        ended = await drain(running.link, keeper, wait_exit(running.process, timeout_s))
        await self._end_shell()
        code = running.process.returncode
        if ended and self._ended_from_outside(code):
            raise SandboxLostError(f"the {self.kind} sandbox ended while grading: {self._why()}status {code}")
        return code if ended else None


@functools.cache
def shell_argv(root: str | None = None) -> tuple[str, ...]:
    """Name the shell to run below `root`: bash without start-up files where there is one, else sh."""
    for bash in ("/usr/bin/bash", "/bin/bash"):
        if Path(f"{root or ''}{bash}").exists():
            return (bash, "--noprofile", "--norc")
    return ("/bin/sh",)


@functools.cache
def raise_open_files() -> None:
    """Let this process hold the pipes of thousands of attempts: soft limit up to the hard one, once."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def wait_exit(process: subprocess.Popen[bytes], timeout_s: float = _END_GRACE_S) -> bool:
    """Wait without a thread until `process` has exited, and reap it; False when the time is up."""
    if process.poll() is not None:
        return True
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bool] = loop.create_future()
    fd = os.pidfd_open(process.pid)

    def end(exited: bool) -> None:
        if not done.done():
            done.set_result(exited)

    loop.add_reader(fd, end, True)
    clock = loop.call_later(timeout_s, end, False)
    try:
        return await done and process.wait() is not None
    finally:
        clock.cancel()
        loop.remove_reader(fd)
        os.close(fd)


async def drain(link: PipeLink, keeper: OutputKeeper, ending: Awaitable[T]) -> T:
    """Feed the output of a process without protocol to `keeper` until `ending` has come."""
    loop = asyncio.get_running_loop()

    def receive() -> None:
        data = link.read_output()
        if data:
            keeper.feed(data)
        elif data is not None:
            loop.remove_reader(link.output)

    loop.add_reader(link.output, receive)
    try:
        return await ending
    finally:
        loop.remove_reader(link.output)
        keeper.feed(link.settle(""))
