"""The system calls that no command of an attempt has a use for, as a filter that the kernel runs: a deny list.

It keeps commands away from parts of the kernel that are wide and seldom used: mounts, namespaces, kernel
modules and programs, keys, performance counters, clocks, io_uring. What is left is what compilers,
interpreters, debuggers and servers need. The program is assembled here, for the two machines named.
"""

from __future__ import annotations

import errno
import functools
import os
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_NUMBER, _MACHINE, _ARGUMENT_0, _ARGUMENT_1 = 0, 4, 16, 24
_NAMESPACES: Final = 0x7E020000
"""Every CLONE_NEW flag but that of time, which only `unshare` takes."""
_FAKE_INPUT: Final = 0x5412
"""TIOCSTI: type into somebody's terminal."""
_X32: Final = 0x40000000


DENIED: Final[Mapping[str, tuple[int, int | None]]] = MappingProxyType(
    {
        "acct": (163, 89),
        "add_key": (248, 217),
        "adjtimex": (159, 171),
        "bpf": (321, 280),
        "chroot": (161, 51),
        "clock_adjtime": (305, 266),
        "clock_settime": (227, 112),
        "delete_module": (176, 106),
        "fanotify_init": (300, 262),
        "finit_module": (313, 273),
        "fsconfig": (431, 431),
        "fsmount": (432, 432),
        "fsopen": (430, 430),
        "fspick": (433, 433),
        "init_module": (175, 105),
        "ioperm": (173, None),
        "iopl": (172, None),
        "kcmp": (312, 272),
        "kexec_file_load": (320, 294),
        "kexec_load": (246, 104),
        "keyctl": (250, 219),
        "lookup_dcookie": (212, 18),
        "mount": (165, 40),
        "mount_setattr": (442, 442),
        "move_mount": (429, 429),
        "name_to_handle_at": (303, 264),
        "nfsservctl": (180, 42),
        "open_by_handle_at": (304, 265),
        "open_tree": (428, 428),
        "perf_event_open": (298, 241),
        "pivot_root": (155, 41),
        "quotactl": (179, 60),
        "quotactl_fd": (443, 443),
        "reboot": (169, 142),
        "request_key": (249, 218),
        "setdomainname": (171, 162),
        "sethostname": (170, 161),
        "setns": (308, 268),
        "settimeofday": (164, 170),
        "swapoff": (168, 225),
        "swapon": (167, 224),
        "sysfs": (139, None),
        "syslog": (103, 116),
        "umount2": (166, 39),
        "unshare": (272, 97),
        "uselib": (134, None),
        "userfaultfd": (323, 282),
        "vhangup": (153, 58),
    }
)
"""Calls that are not permitted, with their numbers on x86_64 and aarch64 (None: it has no such call)."""

ABSENT: Final[Mapping[str, int]] = MappingProxyType(
    {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "clone3": 435}
)
"""Calls answered as by a kernel that lacks them, so that programs take the older way; clone3 hides its flags."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Name a machine as the kernel does, with the numbers of its calls; `has_x32` means a second set of numbers."""

    audit: int
    denied: tuple[int, ...]
    clone: int
    ioctl: int
    has_x32: bool = False


MACHINES: Final[Mapping[str, Machine]] = MappingProxyType(
    {
        "x86_64": Machine(0xC000003E, tuple(x86 for x86, _ in DENIED.values()), clone=56, ioctl=16, has_x32=True),
        "aarch64": Machine(0xC00000B7, tuple(arm for _, arm in DENIED.values() if arm), clone=220, ioctl=29),
    }
)


class _Assembler:
    """Collect instructions whose jumps lead on, past a few of them, or to one of the three ends."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, int, str, str]] = []

    def load(self, offset: int) -> None:
        self._lines.append((_LOAD, offset, "", ""))

    def when(self, test: int, value: int, end: str) -> None:
        self._lines.append((test, value, end, ""))

    def unless(self, test: int, value: int, end: str) -> None:
        self._lines.append((test, value, "", end))

    def skip_unless(self, value: int, count: int) -> None:
        """Go past the next `count` instructions unless what was loaded is `value`."""
        self._lines.append((_JUMP_EQUAL, value, "", str(count)))

    def assemble(self) -> bytes:
        """Give the program; its ends stand last, in the order allowed, refused, absent."""
        size = len(self._lines)
        ends = {"allow": size, "refuse": size + 1, "absent": size + 2}
        code = b"".join(
            struct.pack("=HBBI", op, _hop(ends, true, at), _hop(ends, false, at), value)
            for at, (op, value, true, false) in enumerate(self._lines)
        )
        for answer in (_ALLOW, _REFUSE | errno.EPERM, _REFUSE | errno.ENOSYS):
            code += struct.pack("=HBBI", _RETURN, 0, 0, answer)
        return code


def _hop(ends: Mapping[str, int], where: str, at: int) -> int:
    """Count the instructions to go past: none, a number of them, or all up to an end."""
    return ends[where] - at - 1 if where in ends else int(where or 0)


def program(machine: Machine) -> bytes:
    """Assemble the filter: another machine's calls and those of `ABSENT` do not exist, the denied are not permitted."""
    code = _Assembler()
    code.load(_MACHINE)
    code.unless(_JUMP_EQUAL, machine.audit, "absent")
    code.load(_NUMBER)
    if machine.has_x32:
        code.when(_JUMP_AT_LEAST, _X32, "absent")
    for number in ABSENT.values():
        code.when(_JUMP_EQUAL, number, "absent")
    for number in machine.denied:
        code.when(_JUMP_EQUAL, number, "refuse")
    _guard_argument(code, machine.clone, _ARGUMENT_0, _JUMP_SET, _NAMESPACES)
    _guard_argument(code, machine.ioctl, _ARGUMENT_1, _JUMP_EQUAL, _FAKE_INPUT)
    return code.assemble()


def _guard_argument(code: _Assembler, number: int, argument: int, test: int, value: int) -> None:
    """Refuse the call `number` by its argument's low half; both machines are little-endian."""
    code.load(_NUMBER)
    code.skip_unless(number, 2)
    code.load(argument)
    code.when(test, value, "refuse")


@functools.cache
def _kept() -> int | None:
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return None
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    os.write(fd, program(machine))
    return fd


def is_known() -> bool:
    """Say whether there is a filter for this machine."""
    return platform.machine() in MACHINES


def open_filter() -> int | None:
    """Open this machine's filter for one jail to read from its beginning, or None where there is none for it."""
    kept = _kept()
    return None if kept is None else os.open(f"/proc/self/fd/{kept}", os.O_RDONLY | os.O_CLOEXEC)
