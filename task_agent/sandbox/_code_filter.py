"""The system calls that orchestration code may make, as a filter that the kernel runs: an allow list.

Unlike the commands of a task (`_seccomp.py`, a deny list), orchestration code is one process that computes
and talks over a socket it was given. Every other call is put to a listener, which refuses it and so knows of
it, whatever the code does with the error. A call of another machine's kind ends the process at once.
"""

from __future__ import annotations

import errno
import fcntl
import platform
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from task_agent.sandbox._seccomp import DENIED, MACHINES

Numbers = Mapping[str, tuple[int | None, int | None]]

ALLOWED: Final[Numbers] = MappingProxyType(
    {
        "access": (21, None),
        "brk": (12, 214),
        "chdir": (80, 49),
        "clock_getres": (229, 114),
        "clock_gettime": (228, 113),
        "clock_nanosleep": (230, 115),
        "close": (3, 57),
        "close_range": (436, 436),
        "dup": (32, 23),
        "dup2": (33, None),
        "dup3": (292, 24),
        "epoll_create": (213, None),
        "epoll_create1": (291, 20),
        "epoll_ctl": (233, 21),
        "epoll_pwait": (281, 22),
        "epoll_wait": (232, None),
        "eventfd2": (290, 19),
        "exit": (60, 93),
        "exit_group": (231, 94),
        "faccessat": (269, 48),
        "faccessat2": (439, 439),
        "fadvise64": (221, 223),
        "fcntl": (72, 25),
        "fstat": (5, 80),
        "fstatfs": (138, 44),
        "futex": (202, 98),
        "getcpu": (309, 168),
        "getcwd": (79, 17),
        "getdents64": (217, 61),
        "getegid": (108, 177),
        "geteuid": (107, 175),
        "getgid": (104, 176),
        "getgroups": (115, 158),
        "getpeername": (52, 205),
        "getpgid": (121, 155),
        "getpgrp": (111, None),
        "getpid": (39, 172),
        "getppid": (110, 173),
        "getpriority": (140, 141),
        "getrandom": (318, 278),
        "getresgid": (120, 150),
        "getresuid": (118, 148),
        "getrlimit": (97, 163),
        "getrusage": (98, 165),
        "getsid": (124, 156),
        "getsockname": (51, 204),
        "getsockopt": (55, 209),
        "gettid": (186, 178),
        "gettimeofday": (96, 169),
        "getuid": (102, 174),
        "lseek": (8, 62),
        "lstat": (6, None),
        "madvise": (28, 233),
        "mmap": (9, 222),
        "mprotect": (10, 226),
        "mremap": (25, 216),
        "munmap": (11, 215),
        "nanosleep": (35, 101),
        "newfstatat": (262, 79),
        "open": (2, None),
        "openat": (257, 56),
        "pipe": (22, None),
        "pipe2": (293, 59),
        "poll": (7, None),
        "ppoll": (271, 73),
        "pread64": (17, 67),
        "prlimit64": (302, 261),
        "pselect6": (270, 72),
        "pwrite64": (18, 68),
        "read": (0, 63),
        "readlink": (89, None),
        "readlinkat": (267, 78),
        "readv": (19, 65),
        "recvfrom": (45, 207),
        "recvmsg": (47, 212),
        "restart_syscall": (219, 128),
        "rseq": (334, 293),
        "rt_sigaction": (13, 134),
        "rt_sigpending": (127, 136),
        "rt_sigprocmask": (14, 135),
        "rt_sigreturn": (15, 139),
        "rt_sigtimedwait": (128, 137),
        "sched_getaffinity": (204, 123),
        "sched_yield": (24, 124),
        "select": (23, None),
        "sendmsg": (46, 211),
        "sendto": (44, 206),
        "set_robust_list": (273, 99),
        "setsockopt": (54, 208),
        "shutdown": (48, 210),
        "sigaltstack": (131, 132),
        "socketpair": (53, 199),
        "stat": (4, None),
        "statfs": (137, 43),
        "statx": (332, 291),
        "sysinfo": (99, 179),
        "tgkill": (234, 131),
        "time": (201, None),
        "times": (100, 153),
        "umask": (95, 166),
        "uname": (63, 160),
        "write": (1, 64),
        "writev": (20, 66),
    }
)
"""Calls that are let through, with their numbers on x86_64 and aarch64 (None: it has no such call)."""

GRAVE: Final[Numbers] = MappingProxyType(
    {
        **DENIED,
        "capset": (126, 91),
        "io_uring_setup": (425, 425),
        "mknod": (133, None),
        "mknodat": (259, 33),
        "pidfd_getfd": (438, 438),
        "prctl": (157, 167),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "ptrace": (101, 117),
        "seccomp": (317, 277),
        "setgid": (106, 144),
        "setgroups": (116, 159),
        "setregid": (114, 143),
        "setresgid": (119, 149),
        "setresuid": (117, 147),
        "setreuid": (113, 145),
        "setuid": (105, 146),
    }
)
"""Calls that only somebody who wants out makes: one of them ends the attempt as tampered."""

REFUSED: Final[Numbers] = MappingProxyType(
    {
        "accept": (43, 202),
        "accept4": (288, 242),
        "bind": (49, 200),
        "chmod": (90, None),
        "clone": (56, 220),
        "clone3": (435, 435),
        "connect": (42, 203),
        "creat": (85, None),
        "execve": (59, 221),
        "execveat": (322, 281),
        "fchmod": (91, 52),
        "fchmodat": (268, 53),
        "fork": (57, None),
        "ftruncate": (77, 46),
        "inotify_init1": (294, 26),
        "io_uring_enter": (426, 426),
        "io_uring_register": (427, 427),
        "kill": (62, 129),
        "link": (86, None),
        "linkat": (265, 37),
        "listen": (50, 201),
        "memfd_create": (319, 279),
        "mkdir": (83, None),
        "mkdirat": (258, 34),
        "mq_open": (240, 180),
        "msgget": (68, 186),
        "pidfd_open": (434, 434),
        "pidfd_send_signal": (424, 424),
        "rename": (82, None),
        "renameat": (264, 38),
        "renameat2": (316, 276),
        "rmdir": (84, None),
        "rt_sigqueueinfo": (129, 138),
        "semget": (64, 190),
        "setpgid": (109, 154),
        "setsid": (112, 157),
        "shmat": (30, 196),
        "shmget": (29, 194),
        "socket": (41, 198),
        "symlink": (88, None),
        "symlinkat": (266, 36),
        "tkill": (200, 130),
        "truncate": (76, 45),
        "unlink": (87, None),
        "unlinkat": (263, 35),
        "utimensat": (280, 88),
        "vfork": (58, None),
    }
)
"""Further calls that are refused, to name them; so is every call that is named nowhere here."""

_IOCTLS: Final = (0x5401, 0x5421, 0x5450, 0x5451)
"""What an open file is asked: whether it is a terminal, not to block, to stay or go at an exec."""

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _ASK, _KILL = 0x7FFF0000, 0x00050000, 0x7FC00000, 0x80000000
_NUMBER, _MACHINE, _ARGUMENT_1 = 0, 4, 24
_X32: Final = 0x40000000
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTICE, _ANSWER = struct.Struct("=QIIiI7Q"), struct.Struct("=QqiI")


def program(name: str) -> bytes | None:
    """Assemble the filter for a machine of that name, or give None where its numbers are not known."""
    machine = MACHINES.get(name)
    if machine is None:
        return None
    lines = [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, machine.audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]
    if machine.has_x32:
        lines += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for _, number in _named(ALLOWED, name):
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    lines += [(_EQUAL, 0, 2 * len(_IOCTLS) + 2, machine.ioctl), (_LOAD, 0, 0, _ARGUMENT_1)]
    for request in _IOCTLS:
        lines += [(_EQUAL, 0, 1, request), (_RETURN, 0, 0, _ALLOW)]
    lines += [(_RETURN, 0, 0, _REFUSE | errno.ENOTTY), (_RETURN, 0, 0, _ASK)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _named(table: Numbers, machine: str) -> Iterator[tuple[str, int]]:
    for name, (x86, arm) in table.items():
        number = x86 if machine == "x86_64" else arm
        if number is not None:
            yield name, number


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """Name a system call that was refused; `grave` means that nobody makes it by accident."""

    name: str
    grave: bool


def refuse_next(listener: int) -> RefusedCall | None:
    """Take the call that waits at `listener` and refuse it; None when its caller is gone already."""
    notice = bytearray(_NOTICE.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, notice)
        key, _, _, number, *_ = _NOTICE.unpack(notice)
        fcntl.ioctl(listener, _SEND, _ANSWER.pack(key, 0, -errno.EPERM, 0))
    except OSError:
        return None
    return name_call(number)


def name_call(number: int) -> RefusedCall:
    """Look up which call `number` is on this machine."""
    for table in (GRAVE, REFUSED):
        for name, known in _named(table, platform.machine()):
            if known == number:
                return RefusedCall(name, table is GRAVE)
    return RefusedCall(f"system call {number}", grave=False)
