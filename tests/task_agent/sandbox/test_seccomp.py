"""The filter of system calls: its program is run here by a small machine of our own, on both architectures."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from task_agent.sandbox._seccomp import ABSENT, DENIED, MACHINES, Machine, program

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
ALLOWED = 0x7FFF0000
both = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)


def answer(machine: Machine, number: int, arguments: tuple[int, ...] = (), *, audit: int | None = None) -> int:
    """Run the filter on one call, as the kernel would."""
    asked = list(arguments) + [0] * (6 - len(arguments))
    data = struct.pack("<IIQ6Q", number, audit or machine.audit, 0, *asked)
    code, at, loaded = list(struct.iter_unpack("=HBBI", program(machine))), 0, 0
    while True:
        op, true, false, value = code[at]
        if op == 0x06:
            return int(value)
        if op == 0x20:
            loaded = struct.unpack_from("<I", data, value)[0]
        holds = {0x20: True, 0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[op]
        at += 1 + (true if holds else false)


def refused(code: int) -> int:
    return 0x00050000 | code


@both
def test_ordinary_calls_pass(machine: Machine) -> None:
    others = set(range(450)) - set(machine.denied) - set(ABSENT.values())
    assert {answer(machine, number) for number in others} == {ALLOWED}


@both
def test_denied_calls_are_not_permitted_and_new_ones_do_not_exist(machine: Machine) -> None:
    assert {answer(machine, number) for number in machine.denied} == {refused(errno.EPERM)}
    assert {answer(machine, number) for number in ABSENT.values()} == {refused(errno.ENOSYS)}


@both
def test_calls_of_another_machine_do_not_exist(machine: Machine) -> None:
    assert answer(machine, 0, audit=0x40000003) == refused(errno.ENOSYS)
    if machine.has_x32:
        assert answer(machine, 0x40000000) == refused(errno.ENOSYS)


@both
def test_clone_may_start_threads_and_processes_but_no_namespace(machine: Machine) -> None:
    assert answer(machine, machine.clone, (0x003D0F00,)) == ALLOWED
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert answer(machine, machine.clone, (flag | 17,)) == refused(errno.EPERM)


@both
def test_nobody_types_into_a_terminal(machine: Machine) -> None:
    assert answer(machine, machine.ioctl, (0, 0x5412)) == refused(errno.EPERM)
    assert answer(machine, machine.ioctl, (0, 0x5413)) == ALLOWED
    assert answer(machine, machine.ioctl, (0x5412, 1)) == ALLOWED


@pytest.mark.parametrize(("place", "name"), list(enumerate(HEADERS)))
def test_the_numbers_are_the_kernels(place: int, name: str) -> None:
    if not HEADERS[name].exists():
        pytest.skip(f"no kernel header for {name} here")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[name].read_text())
    known = {call: int(number) for call, number in found}
    ours = {call: numbers[place] for call, numbers in DENIED.items()} | ABSENT
    assert {call: known.get(call) for call in ours} == ours
    assert (known["clone"], known["ioctl"]) == (MACHINES[name].clone, MACHINES[name].ioctl)
