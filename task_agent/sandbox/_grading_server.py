"""The fork server of a jail for gradings: each is a process in namespaces of its own, as if its jail were fresh.

This script runs INSIDE the jail and must not import anything of ours but `_zygote.py`, which it is given. Descriptor 0
is its control socket: one packet says what is the same for all, and then each packet brings two descriptors, the line
of a grading and the pipe for its output. The rest is said on the line: the grading's own process says `!` (with its
credentials, so that the worker can put it into a control group), reads its order (one line of JSON), mounts what
it may see, gives up what it could do that with, and becomes the command. In the end the server says how it ended.
When the worker shuts its side of the line, or is gone, the process is killed, and with it all that it started.

The server runs nothing that an agent wrote and holds no capability; it sees the folder where attempts lie. A
grading's process has left that view behind before it becomes anything else.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from task_agent.sandbox import _zygote as zygote
else:
    sys.path.insert(0, str(Path(__file__).parent))
    import zygote

NEW_USER, NEW_PROCESSES, NEW_MOUNTS = 0x10000000, 0x20000000, 0x00020000
NEW_REST = 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
"""Network, IPC, names, control groups: made by the child itself, so that the server need not wait for them."""
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
MOUNT_SETATTR = 442
NO_SUID, NO_DEVICES, NO_EXEC, BIND, RECURSIVE, PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
DETACH = 2
READ_ONLY = 1
HERE = -100
EMPTY_PATH = 0x1000
CAPABILITY_DROP = 24
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1
LINE, OUTPUT = 3, 4
PACKET = 65_536
NEW_ROOT = "/new"
SHM_BYTES = 64 * 1024 * 1024


class Server:
    """Start, watch and end the processes of gradings."""

    def __init__(self, control: socket.socket, orders: Mapping[str, Any]) -> None:  # Any: JSON
        self.control = control
        self.orders = orders
        self.poll = select.epoll()
        self.lines: dict[int, int] = {}
        self.ends: dict[int, tuple[int, int]] = {}

    def try_out(self) -> str:
        """Make a grading's process ready as if for an order; gives `!`, or what did not work."""
        ours, theirs = os.pipe()
        pid = zygote.clone(NEW_USER | NEW_PROCESSES | NEW_MOUNTS)
        if pid == 0:
            try:
                map_user()
                self.enter({"binds": [], "tmp_bytes": PACKET})
                os.write(theirs, b"!")
            except OSError as error:
                os.write(theirs, str(error).encode())
            finally:
                os._exit(0)
        os.close(theirs)
        said = os.read(ours, PACKET)
        os.close(ours)
        os.waitpid(pid, 0)
        return said.decode()

    def serve(self) -> None:
        """Serve until the worker closes its end; the kernel then ends what is left, with this first process.

        Events are taken one by one: a line that closes gives its number to the next, and news of it would be of that.
        """
        self.poll.register(self.control, select.EPOLLIN)
        while True:
            for fd, _ in self.poll.poll(maxevents=1):
                if fd == self.control.fileno():
                    if not self.obey():
                        return
                elif fd in self.ends:
                    self.bury(fd)
                elif fd in self.lines:
                    self.kill(fd)

    def obey(self) -> bool:
        """Start one grading; False when there will be no more."""
        packet, fds, _, _ = socket.recv_fds(self.control, 1, 2)
        if not packet:
            return False
        line, output = fds
        try:
            pid = zygote.clone(NEW_USER | NEW_PROCESSES | NEW_MOUNTS)
            if pid == 0:
                self.become(line, output)
        except OSError as error:
            say(line, {"failed": str(error)})
            os.close(line)
        else:
            self.watch(pid, line)
        finally:
            os.close(output)
        return True

    def watch(self, pid: int, line: int) -> None:
        """Wait for the process's end, and for the worker's word to end it."""
        end = os.pidfd_open(pid)
        self.ends[end] = (pid, line)
        self.lines[line] = pid
        self.poll.register(end, select.EPOLLIN)
        self.poll.register(line, select.EPOLLRDHUP)

    def kill(self, line: int) -> None:
        """Kill a grading's first process; the kernel ends the others of its namespace with it."""
        self.poll.unregister(line)
        os.kill(self.lines.pop(line), signal.SIGKILL)

    def bury(self, end: int) -> None:
        """Report a grading that ended, with everything it had started."""
        pid, line = self.ends.pop(end)
        _, status = os.waitpid(pid, 0)
        if self.lines.pop(line, None) is not None:
            self.poll.unregister(line)
        self.poll.unregister(end)
        os.close(end)
        say(line, {"ended": os.waitstatus_to_exitcode(status)})
        os.close(line)

    def become(self, line: int, output: int) -> NoReturn:
        """Be the process of a grading; never returns."""
        try:
            os.setsid()
            keep(line, output)
            map_user()
            os.write(LINE, b"!\n")
            order = json.loads(read_line(LINE))
            self.enter(order)
            os.chdir(order["workdir"])
            os.execve(order["argv"][0], order["argv"], order["env"])
        except BaseException as error:
            say(LINE, {"failed": f"{type(error).__name__}: {error}"})
        finally:
            os._exit(70)

    def enter(self, order: Mapping[str, Any]) -> None:  # Any: JSON
        """Go into a jail as ordered, for good."""
        enter(order, self.orders["top"])
        give_up(bytes.fromhex(self.orders["filter"]))


def keep(line: int, output: int) -> None:
    """Hold the line, which ends with the program that is to come, and that program's output; nothing else."""
    line, output = (fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (line, output))
    os.dup2(line, LINE, inheritable=False)
    for number in (0, 1, 2):
        os.dup2(output, number)
    os.closerange(LINE + 1, 65_536)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def map_user() -> None:
    """Be the same user inside the new namespace as outside it, and nobody else."""
    for name, text in (("setgroups", "deny"), ("uid_map", "1000 1000 1"), ("gid_map", "1000 1000 1")):
        write(f"/proc/self/{name}", text)


def enter(order: Mapping[str, Any], top: Mapping[str, str | None]) -> None:  # Any: JSON
    """Make the rest of the namespaces, and a root that has what a grading may see and nothing else."""
    zygote.check(zygote.libc.unshare(NEW_REST), "make namespaces")
    start_loopback()
    mount(None, "/", None, RECURSIVE | PRIVATE)
    mount("tmpfs", NEW_ROOT, "tmpfs", NO_SUID | NO_DEVICES, "mode=755")
    for path, link in top.items():
        if link is not None:
            os.symlink(link, NEW_ROOT + path)  # noqa: PTH211 - as in `made`
        else:
            bind(path, path)
    mount("proc", made("/proc"), "proc", NO_SUID | NO_DEVICES | NO_EXEC)
    mount("devpts", f"{NEW_ROOT}/dev/pts", "devpts", NO_SUID | NO_EXEC, "newinstance,ptmxmode=0666,mode=620")
    mount("tmpfs", f"{NEW_ROOT}/dev/shm", "tmpfs", NO_SUID | NO_DEVICES, f"mode=755,size={SHM_BYTES}")
    mount("tmpfs", made("/tmp"), "tmpfs", NO_SUID | NO_DEVICES, f"mode=755,size={order['tmp_bytes']}")
    for source, target, read_only in order["binds"]:
        bind(source, target, READ_ONLY * read_only | NO_SUID | NO_DEVICES)
    set_attributes(NEW_ROOT, READ_ONLY)
    leave_old_root()
    write("/proc/sys/user/max_user_namespaces", "0")


def leave_old_root() -> None:
    """Turn to the new root, and take the old one out of sight for good."""
    os.chdir(NEW_ROOT)
    zygote.check(zygote.libc.syscall(PIVOT_ROOT[os.uname().machine], b".", b"."), "turn to the new root")
    zygote.check(zygote.libc.umount2(b".", DETACH), "leave the old root")
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)


def give_up(rules: bytes) -> None:
    """Give up every power there is, last of all that to make other system calls."""
    number = 0
    while zygote.libc.prctl(CAPABILITY_DROP, number, 0, 0, 0) == 0:
        number += 1
    zygote.drop_capabilities()
    seccomp = zygote.SECCOMP[os.uname().machine]
    filtered = zygote.libc.syscall(seccomp, zygote.SET_MODE_FILTER, 0, zygote.program(rules))
    zygote.check(filtered, "filter system calls")


def start_loopback() -> None:
    """Let a grading talk to itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        found = fcntl.ioctl(sock, GET_FLAGS, struct.pack("16sH22x", b"lo", 0))
        _, flags = struct.unpack_from("16sH", found)
        fcntl.ioctl(sock, SET_FLAGS, struct.pack("16sH22x", b"lo", flags | UP))


def made(path: str) -> str:
    """Make the folder `path` of the new root, and name it as it stands now."""
    os.makedirs(NEW_ROOT + path, exist_ok=True)  # noqa: PTH103 - pathlib costs more than all the mounts
    return NEW_ROOT + path


def bind(source: str, target: str, attributes: int = 0) -> None:
    """Show a folder of the old root in the new one."""
    mount(source, made(target), None, BIND | RECURSIVE)
    if attributes:
        set_attributes(NEW_ROOT + target, attributes)


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """Mount as the C library does."""
    words = [None if word is None else word.encode() for word in (source, target, kind)]
    zygote.check(zygote.libc.mount(*words, ctypes.c_ulong(flags), data.encode()), f"mount {target}")


def set_attributes(path: str, attributes: int) -> None:
    """Add attributes to a mount."""
    asked = struct.pack("QQQQ", attributes, 0, 0, 0)
    done = zygote.libc.syscall(MOUNT_SETATTR, HERE, path.encode(), 0, asked, len(asked))
    zygote.check(done, f"set attributes of {path}")


def read_line(fd: int) -> bytes:
    """Read up to the first line's end."""
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = os.read(fd, PACKET)
        if not part:
            raise EOFError("no order came")
        parts.append(part)
    return b"".join(parts)


def write(path: str, text: str) -> None:
    """Write to a file of the kernel's."""
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, text.encode())
    os.close(fd)


def say(line: int, message: Mapping[str, Any]) -> None:  # Any: JSON
    """Tell the worker, which may be gone."""
    with contextlib.suppress(OSError):
        os.write(line, json.dumps(message).encode() + b"\n")


def main() -> None:
    """Take the orders and serve."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    control = socket.socket(fileno=0)
    server = Server(control, json.loads(control.recv(PACKET)))
    gc.freeze()
    try:
        said = server.try_out()
    except OSError as error:
        said = str(error)
    control.send(said.encode())
    if said == "!":
        server.serve()


if __name__ == "__main__":
    main()
