"""The filter for orchestration code: its program is run here by a small machine of our own, on both architectures."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from task_agent.sandbox._code_filter import ALLOWED, GRAVE, REFUSED, program
from task_agent.sandbox._seccomp import MACHINES

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
LET, ASK, KILL = 0x7FFF0000, 0x7FC00000, 0x80000000
both = pytest.mark.parametrize("name", MACHINES)


def answer(name: str, number: int, argument: int = 0, *, audit: int | None = None) -> int:
    """Run the filter on one call with its second argument, as the kernel would."""
    asked = struct.pack("<IIQ6Q", number, audit or MACHINES[name].audit, 0, 0, argument, 0, 0, 0, 0)
    code, at, loaded = list(struct.iter_unpack("=HBBI", program(name) or b"")), 0, 0
    while True:
        op, true, false, value = code[at]
        if op == 0x06:
            return int(value)
        if op == 0x20:
            loaded = struct.unpack_from("<I", asked, value)[0]
        at += 1 + (true if {0x20: True, 0x15: loaded == value, 0x35: loaded >= value}[op] else false)


@both
def test_what_is_listed_passes_and_all_else_is_put_to_the_listener(name: str) -> None:
    column = list(MACHINES).index(name)
    listed = {numbers[column] for numbers in ALLOWED.values()} - {None}
    answers = {number: answer(name, number) for number in range(600) if number != MACHINES[name].ioctl}
    assert {number for number, told in answers.items() if told == LET} == listed
    assert {told for number, told in answers.items() if number not in listed} == {ASK}


@both
def test_calls_of_another_machine_end_the_process(name: str) -> None:
    assert answer(name, 39, audit=0x40000003) == KILL
    assert answer(name, 0x40000000) == (KILL if MACHINES[name].has_x32 else ASK)


@both
def test_files_are_asked_little(name: str) -> None:
    ioctl = MACHINES[name].ioctl
    assert {answer(name, ioctl, request) for request in (0x5401, 0x5421, 0x5450, 0x5451)} == {LET}
    assert {answer(name, ioctl, request) for request in (0x5412, 0x8912, 0)} == {0x00050000 | errno.ENOTTY}


def test_no_call_is_in_two_lists() -> None:
    assert not ALLOWED.keys() & (GRAVE.keys() | REFUSED.keys())
    assert not GRAVE.keys() & REFUSED.keys()


def test_an_unknown_machine_has_no_filter() -> None:
    assert program("riscv64") is None


@pytest.mark.parametrize(("place", "name"), list(enumerate(HEADERS)))
def test_the_numbers_are_the_kernels(place: int, name: str) -> None:
    if not HEADERS[name].exists():
        pytest.skip(f"no kernel header for {name} here")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[name].read_text())
    known: dict[str, int | None] = {call: int(number) for call, number in found}
    known.setdefault("newfstatat", known.get("fstatat"))
    ours = {call: numbers[place] for call, numbers in {**ALLOWED, **GRAVE, **REFUSED}.items()}
    assert {call: known.get(call) for call in ours} == ours
