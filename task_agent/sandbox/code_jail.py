"""Where orchestration code runs: a jail per harness, with a fork server that gives each attempt a process of its own.

The jail holds the harness's files, this interpreter's standard library, and nothing else: no program, no network,
no environment, no place to write, no `/proc`. The worker starts it once per harness and keeps it; a fork costs
milliseconds where a fresh jail and interpreter cost tens. `_zygote.py` says what keeps attempts apart.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import platform
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from task_agent.errors import SandboxLostError
from task_agent.sandbox import _code_filter, mark
from task_agent.sandbox._code_filter import RefusedCall
from task_agent.sandbox._folder import PREFIX
from task_agent.sandbox._host import raise_open_files, wait_exit
from task_agent.sandbox._jail import closed_argv, start_jail
from task_agent.sandbox._python import interpreter
from task_agent.sandbox.choose import run_anywhere
from traces.errors import SandboxUnavailableError

__all__ = ["CodeEnd", "CodeJail", "CodeJails", "CodeProcess", "RefusedCall", "why_no_jail"]

CPU_S = 60
"""Seconds of processor time one attempt's code may use: it waits nearly all the time."""
MEMORY_MB = 256
"""Address space of one attempt's code, the interpreter's own included."""
START_S = 30.0
END_S = 10.0
KEPT = 4
"""Jails without an attempt that a worker keeps for the next one."""

_PACKET = 262_144
_ZYGOTE = Path(__file__).with_name("_zygote.py")
_RUNNER = "/runner"
_BUNDLE = "/bundle"


@dataclass(frozen=True, slots=True)
class CodeEnd:
    """Say how an attempt's process ended: its exit code, negative for a signal; None when its jail went down."""

    code: int | None
    cpu_s: float = 0.0

    def __str__(self) -> str:
        if self.code is None:
            return "its jail went down"
        if self.code == -signal.SIGKILL and self.cpu_s >= CPU_S - 1:
            return f"it used its {CPU_S} s of processor time"
        if self.code == -signal.SIGSYS:
            return "it made a system call of another kind of machine"
        return f"exit code {self.code}" if self.code >= 0 else f"signal {-self.code}"


class CodeProcess:
    """Hold the process of one attempt: the line to it, and word of what it was refused."""

    def __init__(self, jail: CodeJail, number: int, line: socket.socket) -> None:
        self.line = line
        self.ended: asyncio.Future[CodeEnd] = asyncio.get_running_loop().create_future()
        self._jail = jail
        self._number = number
        self._listener = -1

    async def greet(self) -> None:
        """Wait for the process to say that it has given up all its powers.

        Raises:
            SandboxLostError: It ended before.
        """
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self.line.fileno(), ready.set)
        try:
            async with asyncio.timeout(START_S):
                await ready.wait()
            said, fds, _, _ = socket.recv_fds(self.line, 1, 1)
        except TimeoutError:
            raise SandboxLostError("a process for orchestration code did not start in time") from None
        finally:
            loop.remove_reader(self.line.fileno())
        if fds:
            self._listener = fds[0]
        if said != b"!":
            raise SandboxLostError(f"a process for orchestration code did not start: {self._jail.complaint}")

    def watch(self, tell: Callable[[RefusedCall], None]) -> None:
        """Refuse, from now on, each system call that is put to us, and tell of it."""
        if self._listener < 0:
            return
        loop, poll = asyncio.get_running_loop(), select.poll()
        poll.register(self._listener, select.POLLIN)

        def refuse() -> None:
            if any(state & select.POLLHUP for _, state in poll.poll(0)):
                loop.remove_reader(self._listener)
            elif call := _code_filter.refuse_next(self._listener):
                tell(call)

        loop.add_reader(self._listener, refuse)

    async def kill(self) -> None:
        """End the process, and whatever is in its namespace, and wait until it is gone; safe to call twice."""
        try:
            await self._jail.end(self._number)
        finally:
            if self._listener >= 0:
                asyncio.get_running_loop().remove_reader(self._listener)
                os.close(self._listener)
                self._listener = -1
            self.line.close()


class CodeJail:
    """Hold the jail of one harness; it starts at its first use.

    Args:
        files: The harness's files.
        client: The source of the module whose `run` an attempt's process calls.
        isolated: Make a jail; otherwise its processes are plain ones, which is only for code that is known.
    """

    def __init__(self, files: Mapping[str, bytes], client: bytes, *, isolated: bool = True) -> None:
        self._files = files
        self._client = client
        self._isolated = isolated
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._folder: Path | None = None
        self._said = -1
        self._number = 0
        self._ready: asyncio.Future[None] | None = None
        self._running: dict[int, CodeProcess] = {}
        self.dead = False

    @property
    def busy(self) -> bool:
        """Say whether attempts run in it."""
        return bool(self._running)

    @property
    def complaint(self) -> str:
        """Give what its fork server said before it died."""
        if self._said < 0:
            return "nothing is known of why"
        return os.pread(self._said, 2_000, 0).decode(errors="replace").strip()[-500:] or "it gave no reason"

    async def open(self) -> None:
        """Start the fork server.

        Raises:
            SandboxLostError: It did not start.
            SandboxUnavailableError: What it needs is not on this machine.
        """
        try:
            async with asyncio.timeout(START_S):
                await self._launch(self._orders())
        except (TimeoutError, OSError, SandboxLostError):
            said = self.complaint
            raise SandboxLostError(f"the jail for orchestration code did not start: {said}") from None
        finally:
            if self._ready is None or not self._ready.done() or self.dead:
                await self.close()

    async def start(self) -> CodeProcess:
        """Fork the process of one attempt.

        Raises:
            SandboxLostError: The jail is down, or could not fork.
        """
        raise_open_files()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._number += 1
        process = self._running[self._number] = CodeProcess(self, self._number, ours)
        try:
            with theirs:
                await self._send({"start": self._number}, theirs.fileno())
            await process.greet()
        except BaseException:
            await process.kill()
            raise
        return process

    async def end(self, number: int) -> None:
        """End the process of one attempt and wait for it; the whole jail where that does not help."""
        process = self._running.get(number)
        if process is None:
            return
        try:
            await self._send({"kill": number})
            async with asyncio.timeout(END_S):
                await asyncio.shield(process.ended)
        except (TimeoutError, SandboxLostError):
            await self.close()
        finally:
            self._running.pop(number, None)

    async def close(self) -> None:
        """End everything in the jail; safe to call twice."""
        self._lose()
        process, self._process = self._process, None
        if process is not None and not await wait_exit(process, END_S if not self._isolated else 0.5):
            process.kill()
            await wait_exit(process)
        if self._said >= 0:
            os.close(self._said)
            self._said = -1
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _orders(self) -> dict[str, Any]:  # Any: JSON
        orders = {"isolated": self._isolated, "cpu_s": CPU_S, "memory_mb": MEMORY_MB, "bundle": _BUNDLE}
        if not self._isolated:
            self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{mark.short(mark.current())}-{os.getpid():07d}"))
            _write(self._folder, self._contents())
            return {**orders, "bundle": f"{self._folder}{_BUNDLE}"}
        program = _code_filter.program(platform.machine())
        if program is None:
            raise SandboxUnavailableError("orchestration code has no filter of system calls for this machine")
        return {**orders, "filter": program.hex()}

    def _contents(self) -> dict[str, bytes]:
        """Give everything the jail holds beside the interpreter."""
        runner = {f"{_RUNNER}/zygote.py": _ZYGOTE.read_bytes(), f"{_RUNNER}/client.py": self._client}
        return runner | {f"{_BUNDLE}/{path}": content for path, content in self._files.items()}

    async def _launch(self, orders: Mapping[str, Any]) -> None:  # Any: JSON
        """Start the fork server, tell it what it needs to know, and wait until it serves."""
        loop = asyncio.get_running_loop()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        self._said = os.memfd_create("said", os.MFD_CLOEXEC)
        with theirs:
            self._process = await start_jail(functools.partial(self._popen, theirs))
        self._ready = loop.create_future()
        loop.add_reader(self._control, self._hear, self._control)
        await self._send(orders)
        await self._ready

    def _popen(self, control: socket.socket) -> subprocess.Popen[bytes]:
        if not self._isolated:
            return self._started(_plain(self._folder or Path()), control, ())
        fds = {path: _held(content) for path, content in self._contents().items()}
        try:
            return self._started(_jailed(fds), control, list(fds.values()))
        finally:
            for fd in fds.values():
                os.close(fd)

    def _started(self, argv: Sequence[str], control: socket.socket, fds: Sequence[int]) -> subprocess.Popen[bytes]:
        env = {} if self._isolated else _hash_seed()
        return subprocess.Popen(
            argv,
            stdin=control.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            env=mark.environment() | env,  # in the jail's case on the outer process alone
            cwd="/",
            pass_fds=fds,
        )

    async def _send(self, order: Mapping[str, Any], *fds: int) -> None:  # Any: JSON
        while True:
            if self._control is None:
                raise SandboxLostError(f"the jail for orchestration code is down: {self.complaint}")
            try:
                socket.send_fds(self._control, [json.dumps(order).encode()], list(fds))
            except BlockingIOError:  # the server is behind
                await asyncio.sleep(0.002)
            except OSError:
                raise SandboxLostError(f"the jail for orchestration code is down: {self.complaint}") from None
            else:
                return

    def _hear(self, control: socket.socket) -> None:
        """Take one message of the fork server; nothing means that it is gone."""
        try:
            text = control.recv(_PACKET)
        except BlockingIOError:
            return
        except OSError:
            text = b""
        if not text:
            self._lose()
            return
        said = json.loads(text)
        if "ended" in said:
            process = self._running.get(said["ended"])
            if process is not None and not process.ended.done():
                process.ended.set_result(CodeEnd(said.get("code", 70), said.get("cpu_s", 0.0)))
        elif self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def _lose(self) -> None:
        self.dead = True
        control, self._control = self._control, None
        if control is not None:
            asyncio.get_running_loop().remove_reader(control)
            control.close()
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(SandboxLostError("the jail for orchestration code went down"))
        for process in self._running.values():
            if not process.ended.done():
                process.ended.set_result(CodeEnd(None))


class CodeJails:
    """Keep the jails of one worker, by harness.

    Args:
        client: The source of the module whose `run` an attempt's process calls.
        allow_unsafe: Run code as a plain process where no jail works; otherwise it is refused.
    """

    def __init__(self, client: bytes, *, allow_unsafe: bool = False) -> None:
        self._client = client
        self._allow_unsafe = allow_unsafe
        self._jails: dict[str, CodeJail] = {}
        self._opening = asyncio.Lock()

    async def start(self, key: str, files: Mapping[str, bytes]) -> CodeProcess:
        """Give an attempt of the harness called `key` a process of its own.

        Raises:
            SandboxUnavailableError: No jail works here, and that is not allowed.
            SandboxLostError: The jail could not be started or is down.
        """
        async with self._opening:
            jail = self._jails.pop(key, None)
            if jail is not None and jail.dead:
                await jail.close()
                jail = None
            jail = jail or await self._open(files)
            self._jails[key] = jail
            await self._thin_out()
        return await jail.start()

    async def close(self) -> None:
        """End every jail; safe to call twice."""
        jails, self._jails = list(self._jails.values()), {}
        await asyncio.gather(*(jail.close() for jail in jails))

    async def _open(self, files: Mapping[str, bytes]) -> CodeJail:
        try:
            jail = CodeJail(files, self._client)
            await jail.open()
        except (SandboxUnavailableError, SandboxLostError) as error:
            if not self._allow_unsafe:
                raise
            del error
            jail = CodeJail(files, self._client, isolated=False)
            await jail.open()
        return jail

    async def _thin_out(self) -> None:
        """Close the jails used least lately, beyond the few that are kept."""
        idle = [key for key, jail in list(self._jails.items())[:-1] if not jail.busy]
        for key in idle[: max(0, len(self._jails) - KEPT)]:
            await self._jails.pop(key).close()


@functools.cache
def why_no_jail() -> str:
    """Say why no jail for orchestration code works here, by starting one and a process in it; nothing when it does."""
    try:
        return run_anywhere(_try_out)
    except (SandboxUnavailableError, SandboxLostError) as error:
        return error.message


async def _try_out() -> str:
    jail = CodeJail({}, b"import os\ndef run(fd, bundle):\n    os._exit(0)\n")
    try:
        await jail.open()
        process = await jail.start()
        async with asyncio.timeout(END_S):
            ended = await asyncio.shield(process.ended)
        await process.kill()
        return "" if ended.code == 0 else f"a first process ended with {ended}"
    finally:
        await jail.close()


def _jailed(fds: Mapping[str, int]) -> list[str]:
    """Word the jail: the fork server keeps the one capability it needs to put each attempt into namespaces."""
    closed, python = closed_argv(), interpreter()
    argv = [*closed, "--cap-add", "CAP_SYS_ADMIN", *python.binds, "--dev-bind", os.devnull, os.devnull]
    for path, fd in fds.items():
        argv += ["--perms", "0444", "--file", str(fd), path]
    for name, value in python.environment.items():
        argv += ["--setenv", name, value]
    command = [*python.command, f"{_RUNNER}/zygote.py", f"{_RUNNER}/client.py"]
    return [*argv, "--remount-ro", "/", "--chdir", "/", "--", *command]


def _plain(folder: Path) -> list[str]:
    return [sys.executable, "-s", "-S", "-P", "-B", *(f"{folder}{_RUNNER}/{name}.py" for name in ("zygote", "client"))]


def _hash_seed() -> dict[str, str]:
    """Give one hash seed to all, so that a run can be repeated."""
    return {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}


def _held(content: bytes) -> int:
    fd = os.memfd_create("file", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
