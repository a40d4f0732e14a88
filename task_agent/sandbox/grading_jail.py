"""Where gradings in bubblewrap run: one kept jail per worker, whose fork server gives each a jail of its own.

A fresh jail for each grading costs the start of bwrap, which lays out a root from nothing. The fork server has
most of that root already, so what is left is a fork, the namespaces, and some mounts. `_grading_server.py` says what
keeps gradings apart. Where the kernel does not let an ordinary user do that inside a jail, each grading
starts a jail as before; `why_fresh` says so.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import os
import platform
import socket
import struct
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from task_agent.errors import SandboxLostError
from task_agent.sandbox import _seccomp, mark
from task_agent.sandbox._cgroup import Group
from task_agent.sandbox._jail import in_jail_thread, jail_argv, top_folders
from task_agent.sandbox._python import INSIDE, interpreter
from traces.errors import SandboxUnavailableError

START_S = 30.0
END_S = 10.0
_RUNNER = "/grader"
_PLACE = "/attempts"
_CREDENTIALS = "=iII"
_PACKET = 65_536
_FOLDER = Path(__file__).parent
_SCRIPTS = {"server.py": _FOLDER / "_grading_server.py", "zygote.py": _FOLDER / "_zygote.py"}


@dataclass(frozen=True, slots=True)
class Order:
    """Say what a grading runs, and what of its attempt's folder it sees.

    `binds` are (name on the host, name inside, read-only) in the order they are made.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    workdir: str
    binds: Sequence[tuple[str, str, bool]]
    tmp_bytes: int


class Grading:
    """Hold one grading: the line to its process, which the server takes over when that has become the command."""

    def __init__(self, jail: GradingJail) -> None:
        self._jail = jail
        self._line, self._theirs = socket.socketpair()
        self._line.setblocking(False)
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._rest = b""

    async def start(self, order: Order, output: int, group: Group | None) -> None:
        """Fork the process, put it into `group`, and let it become what is ordered.

        Raises:
            SandboxLostError: The jail is down, or the process could not be made ready.
        """
        with self._theirs:
            await self._jail.send(self._theirs.fileno(), output)
        pid = await self._greeted()
        try:
            if group is not None:
                await in_jail_thread(functools.partial(group.take, pid))
        except OSError as error:
            raise SandboxLostError(f"a grading did not get into its control group: {error}") from None
        try:
            await asyncio.get_running_loop().sock_sendall(self._line, self._jail.worded(order) + b"\n")
        except OSError:
            raise SandboxLostError("a grading, or its jail, went down before its order came") from None

    async def ended(self, timeout_s: float) -> int | None:
        """Wait for its end; gives the exit code as a shell would, above 128 for a signal; None when time is up.

        Raises:
            SandboxLostError: It never became the command, or its jail went down.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._hear()
        except TimeoutError:
            return None
        message = json.loads(self._rest.partition(b"\n")[0])
        if "failed" in message:
            raise SandboxLostError(f"a grading could not be started: {message['failed']}")
        code = int(message["ended"])
        return code if code >= 0 else 128 - code

    async def close(self) -> None:
        """Kill what still runs of it and wait until that is gone; safe to call after its end."""
        try:
            self._line.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(END_S):
                while await asyncio.get_running_loop().sock_recv(self._line, _PACKET):
                    pass
        except TimeoutError:
            self._jail.kill()
        except OSError:  # its jail is gone
            return
        finally:
            self._line.close()

    async def _hear(self) -> None:
        while b"\n" not in self._rest:
            try:
                said = await asyncio.get_running_loop().sock_recv(self._line, _PACKET)
            except OSError:  # it went down with the order unread
                said = b""
            if not said:
                self._jail.kill()
                raise SandboxLostError("the jail for gradings went down")
            self._rest += said

    async def _greeted(self) -> int:
        """Wait for the process's first word, and give its number here."""
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._line, ready.set)
        try:
            async with asyncio.timeout(START_S):
                await ready.wait()
            said, about, _, _ = self._line.recvmsg(_PACKET, socket.CMSG_SPACE(struct.calcsize(_CREDENTIALS)))
        except TimeoutError:
            raise SandboxLostError("a grading did not start in time") from None
        finally:
            loop.remove_reader(self._line)
        if not said:
            self._jail.kill()
            raise SandboxLostError("the jail for gradings went down")
        word, _, self._rest = said.partition(b"\n")
        if word != b"!":
            raise SandboxLostError(f"a grading could not be started: {word.decode(errors='replace')}")
        return int(struct.unpack(_CREDENTIALS, about[0][2])[0])


class GradingJail:
    """Hold the jail of this process, for attempts whose folders lie in `place`; blocks until it serves.

    Raises:
        SandboxUnavailableError: The kernel, or this machine, does not let it work; with the reason.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._ended = False
        argv, orders = _jailed(place), json.dumps(_orders()).encode()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = _popen(argv, theirs)
        except OSError:
            self._control.close()
            raise
        try:
            self._control.settimeout(START_S)
            self._control.send(orders)
            said = self._control.recv(_PACKET).decode()
            self._control.setblocking(False)
        except OSError as error:
            said = str(error)
        if said != "!":
            self.close()
            raise SandboxUnavailableError(f"no grading can be forked in a kept jail: {said or 'it ended at once'}")

    @property
    def alive(self) -> bool:
        """Say whether it still serves."""
        return not self._ended and self._process.poll() is None

    def worded(self, order: Order) -> bytes:
        """Give `order` as the server takes it, with the jail's names for what lies below its place."""
        binds = [(f"{_PLACE}/{Path(path).relative_to(self.place)}", *rest) for path, *rest in order.binds]
        return json.dumps({name: getattr(order, name) for name in order.__slots__} | {"binds": binds}).encode()

    async def send(self, *fds: int) -> None:
        """Have a grading's process forked, with its line and the pipe for its output.

        Raises:
            SandboxLostError: The jail is down.
        """
        while True:
            try:
                socket.send_fds(self._control, [b"+"], list(fds))
            except BlockingIOError:  # the server is behind
                await asyncio.sleep(0.002)
            except OSError:
                raise SandboxLostError("the jail for gradings is down") from None
            else:
                return

    def kill(self) -> None:
        """End everything in the jail at once, if it has not gone down by itself."""
        self._ended = True
        self._process.kill()

    def close(self) -> None:
        """End everything in the jail, and wait until it is gone."""
        self._control.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()


class _Kept:
    """Keep the one jail of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jail: GradingJail | None = None
        self.why_fresh = ""

    def ready(self, place: Path) -> GradingJail | None:
        """Give the jail if it serves `place` already."""
        jail = self._jail
        return jail if jail is not None and jail.place == place and jail.alive else None

    def jail(self, place: Path) -> GradingJail | None:
        """Give the jail, started when there is none; None where none works or it lies elsewhere."""
        with self._lock:
            if self._jail is not None and not self._jail.alive:
                self._jail.close()
                self._jail = None
            if self._jail is None and not self.why_fresh:
                try:
                    self._jail = GradingJail(place)
                except (SandboxUnavailableError, OSError) as error:
                    self.why_fresh = str(error)
            return self._jail if self._jail is not None and self._jail.place == place else None

    def close(self) -> None:
        with self._lock:
            if self._jail is not None:
                self._jail.close()
                self._jail = None


_kept = _Kept()
atexit.register(_kept.close)


async def grading_jail(place: Path) -> GradingJail | None:
    """Give this process's jail for attempts whose folders lie in `place`; None where each grading needs its own."""
    return _kept.ready(place) or await in_jail_thread(functools.partial(_kept.jail, place))


def why_fresh() -> str:
    """Say why gradings of this process start a jail each; nothing when they are forked, or none has run."""
    return _kept.why_fresh


def _orders() -> dict[str, Any]:  # Any: JSON
    machine = _seccomp.MACHINES.get(platform.machine())
    if machine is None:
        raise SandboxUnavailableError("there is no filter of system calls for this machine")
    return {"filter": _seccomp.program(machine).hex(), "top": top_folders()}


def _popen(argv: Sequence[str], control: socket.socket) -> subprocess.Popen[bytes]:
    scripts = [(name, os.open(path, os.O_RDONLY | os.O_CLOEXEC)) for name, path in _SCRIPTS.items()]
    files = [word for name, fd in scripts for word in ("--perms", "0444", "--file", str(fd), f"{_RUNNER}/{name}")]
    command = [*interpreter().command, f"{_RUNNER}/server.py"]
    try:
        return subprocess.Popen(
            [*argv, *files, "--remount-ro", "/", "--chdir", "/", "--", *command],
            stdin=control.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=mark.environment(),  # on the outer process alone
            cwd="/",
            pass_fds=[fd for _, fd in scripts],
        )
    finally:
        for _, fd in scripts:
            os.close(fd)


def _jailed(place: Path) -> list[str]:
    """Word the jail: what gradings see, the interpreter of the server, and the place of attempts."""
    python = interpreter()
    argv = [*jail_argv(nests=True), "--ro-bind", str(python.folder), INSIDE, "--bind", str(place), _PLACE]
    argv += ["--dir", "/new"]
    for name, value in python.environment.items():
        argv += ["--setenv", name, value]
    return argv
