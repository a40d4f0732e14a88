"""The fork server of a jail for orchestration code: it forks one process per attempt and never runs that code itself.

This script runs INSIDE the jail and must not import anything of ours. Descriptor 0 is its control socket (one JSON
message per packet): `{"start": n}` with the attempt's socket, `{"kill": n}`; it answers `{"ended": n, ...}`.

What keeps attempts apart: each one's process is the first of process, IPC and network namespaces of its own, holds
no descriptor but its own socket, has no capability, may start no process or thread, and may make only the system
calls that the filter lists; others are put to the listener that goes to the worker.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import resource
import selectors
import signal
import socket
import sys
from types import ModuleType
from typing import Any, NoReturn

NEW_NAMESPACES = 0x20000000 | 0x08000000 | 0x40000000
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
CLONE = {"x86_64": 56, "aarch64": 220}
CAPSET = {"x86_64": 126, "aarch64": 91}
SECCOMP = {"x86_64": 317, "aarch64": 277}
SET_MODE_FILTER, NEW_LISTENER = 1, 8
CAPABILITY_VERSION_3 = 0x20080522
LINE = 3
OPEN_FILES = 64
PACKET = 262_144

libc = ctypes.PyDLL(None, use_errno=True)  # which holds the interpreter's lock, as a fork needs


class Program(ctypes.Structure):
    """Mirror `struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


class Server:
    """Start, watch and end the attempts' processes."""

    def __init__(self, control: socket.socket, orders: dict[str, Any], client: ModuleType) -> None:  # Any: JSON
        self.control = control
        self.orders = orders
        self.client = client
        self.selector = selectors.DefaultSelector()
        self.running: dict[int, int] = {}

    def serve(self) -> None:
        """Serve until the worker closes its end."""
        self.selector.register(self.control, selectors.EVENT_READ)
        self.tell({"ready": True})
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.control:
                    if not self.obey():
                        self.end_all()
                        return
                else:
                    self.bury(key.fd, *key.data)

    def obey(self) -> bool:
        """Carry out one order; False when there will be no more."""
        try:
            text, fds, _, _ = socket.recv_fds(self.control, PACKET, 1)
        except ConnectionError:  # the worker went away with something unread
            return False
        if not text:
            return False
        order = json.loads(text)
        if "start" in order:
            self.start(order["start"], fds[0])
        elif order["kill"] in self.running:
            self.kill(self.running[order["kill"]])
        return True

    def start(self, number: int, line: int) -> None:
        """Fork the process of one attempt."""
        try:
            pid = self.fork(line)
        except OSError as error:
            self.tell({"ended": number, "failed": str(error)})
            return
        finally:
            os.close(line)
        self.running[number] = pid
        self.selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (number, pid))

    def fork(self, line: int) -> int:
        """Fork as `os.fork` does, but into fresh namespaces: the child is the first process of its own."""
        if not self.orders["isolated"]:
            return os.fork() or self.become(line)
        pid = clone(NEW_NAMESPACES)
        if pid == 0:
            self.become(line)
        return pid

    def become(self, line: int) -> NoReturn:
        """Be the process of an attempt; never returns."""
        try:
            os.setsid()
            os.dup2(line, LINE)
            os.closerange(LINE + 1, 65_536)
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            os.close(null)
            self.give_up()
            self.client.run(LINE, self.orders["bundle"])
        finally:
            os._exit(70)

    def give_up(self) -> None:
        """Give up every power there is, last of all that to make other system calls."""
        set_limit(resource.RLIMIT_CORE, 0)
        set_limit(resource.RLIMIT_FSIZE, 0)
        set_limit(resource.RLIMIT_NOFILE, OPEN_FILES)
        set_limit(resource.RLIMIT_CPU, self.orders["cpu_s"])
        set_limit(resource.RLIMIT_AS, self.orders["memory_mb"] * 1024 * 1024)
        if not self.orders["isolated"]:
            socket.socket(fileno=os.dup(LINE)).send(b"!")
            return
        set_limit(resource.RLIMIT_NPROC, 0)
        drop_capabilities()
        self.filter(SECCOMP[os.uname().machine])

    def filter(self, seccomp: int) -> None:
        """Take on the filter and send its listener to the worker."""
        listener = libc.syscall(seccomp, SET_MODE_FILTER, NEW_LISTENER, program(bytes.fromhex(self.orders["filter"])))
        check(listener, "filter system calls")
        with socket.socket(fileno=os.dup(LINE)) as line:
            socket.send_fds(line, [b"!"], [listener])
        os.close(listener)

    def kill(self, pid: int) -> None:
        """Kill one attempt's process; with the first of its namespace the kernel ends whatever else is in it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if not self.orders["isolated"]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

    def end_all(self) -> None:
        """Leave nothing behind."""
        for pid in self.running.values():
            self.kill(pid)

    def bury(self, pidfd: int, number: int, pid: int) -> None:
        """Report an attempt's process that ended."""
        if not self.orders["isolated"]:
            self.kill(pid)  # while its number is still its own
        _, status, used = os.wait4(pid, 0)
        self.selector.unregister(pidfd)
        os.close(pidfd)
        del self.running[number]
        code = os.waitstatus_to_exitcode(status)
        self.tell({"ended": number, "code": code, "cpu_s": used.ru_utime + used.ru_stime})

    def tell(self, message: dict[str, Any]) -> None:  # Any: JSON
        """Tell the worker; where it is gone, the next thing read says so, and everything is ended."""
        with contextlib.suppress(ConnectionError):
            self.control.send(json.dumps(message).encode())


def clone(namespaces: int) -> int:
    """Fork as `os.fork` does, but into fresh namespaces: with one of processes, the child is the first of its own."""
    ctypes.pythonapi.PyOS_BeforeFork()
    pid: int = libc.syscall(CLONE[os.uname().machine], namespaces | signal.SIGCHLD, 0, 0, 0, 0)
    number = ctypes.get_errno()
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(number, f"clone: {os.strerror(number)}")
    return pid


def drop_capabilities() -> None:
    """Give up every capability, for good."""
    check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "clear ambient capabilities")
    header, none = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    check(libc.syscall(CAPSET[os.uname().machine], header, none), "drop capabilities")
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")


def program(code: bytes) -> Any:  # Any: what ctypes hands to a system call
    """Point at the instructions of a filter as the kernel takes them."""
    return ctypes.byref(Program(len(code) // 8, ctypes.cast(ctypes.c_char_p(code), ctypes.c_void_p)))


def set_limit(kind: int, most: int) -> None:
    """Set a limit for good."""
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def check(result: int, what: str) -> None:
    """Raise what the C library reports."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def load(path: str) -> ModuleType:
    """Load the module that attempts' processes run, with all that it imports, once for all of them."""
    spec = importlib.util.spec_from_file_location("jailed_client", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Take the orders and serve."""
    for name in list(os.environ):
        del os.environ[name]
    control = socket.socket(fileno=0)
    orders = json.loads(control.recv(PACKET))
    server = Server(control, orders, load(sys.argv[1]))
    gc.freeze()
    server.serve()


if __name__ == "__main__":
    main()
