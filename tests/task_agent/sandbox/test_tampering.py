"""What counts as tampering in a container that is graded where the agent worked, and which links lead out."""

from __future__ import annotations

import io
import tarfile

import pytest

from task_agent.sandbox._tampering import Change, Kind, matters
from task_agent.sandbox._work import carry, leads_out


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("changed", "/usr/bin/bash"),
        ("deleted", "/bin/sh"),
        ("changed", "/usr/bin/python3.11"),
        ("shadows", "/usr/local/bin/cmp"),
        ("added", "/etc/ld.so.preload"),
        ("added", "/usr/lib/python3/dist-packages/sitecustomize.py"),
        ("added", "/root/.local/lib/python3.11/site-packages/usercustomize.py"),
        ("added", "/usr/local/lib/python3.13/site-packages/zz.pth"),
        ("changed", "/usr/lib/python3.11/json/__init__.py"),
        ("changed", "/usr/lib/python3.11/__pycache__/os.cpython-311.pyc"),
        ("changed", "/usr/local/lib/python3.13/site-packages/_pytest/main.py"),
        ("changed", "/usr/lib/x86_64-linux-gnu/libc.so.6"),
        ("deleted", "/usr/lib/python3.11"),
        ("deleted", "/usr/lib/python3.11/json"),
        ("deleted", "/usr/lib/x86_64-linux-gnu"),
        ("deleted", "/usr/bin"),
        ("deleted", "/usr/local/lib/python3.13/site-packages/pluggy"),
        ("added", "/usr/lib/python311.zip"),
        ("added", "/usr/bin/pyvenv.cfg"),
        ("added", "/usr/lib/python3.11/sitecustomize.cpython-311-x86_64-linux-gnu.so"),
        ("added", "/usr/local/lib/python3.11/dist-packages/apport_python_hook/__init__.py"),
    ],
)
def test_what_a_grader_runs_unasked_may_not_change(kind: Kind, path: str) -> None:
    assert matters(Change(path, kind), "/app")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("added", "/usr/bin/python3"),
        ("added", "/usr/local/bin/pytest"),
        ("changed", "/usr/bin/vim"),
        ("added", "/usr/lib/python3/dist-packages/numpy/__init__.py"),
        ("added", "/usr/local/lib/python3.13/site-packages/distutils-precedence.pth"),
        ("added", "/app/venv/bin/python3"),
        ("changed", "/root/.bashrc"),
        ("deleted", "/usr/lib/python3.11/__pycache__"),
        ("added", "/app/venv/pyvenv.cfg"),
        ("changed", "/etc/nginx/nginx.conf"),
        ("changed", "/usr/local/lib/python3.13/site-packages/requests/api.py"),
    ],
)
def test_other_work_on_the_system_is_work(kind: Kind, path: str) -> None:
    assert not matters(Change(path, kind), "/app")


def test_links_count_by_where_they_stand() -> None:
    assert matters(Change("/app/out", "added", "/tests/expected"), "/app")
    assert matters(Change("/app", "changed", "/tests"), "/app")
    assert matters(Change("/opt/x", "added", "../tests/expected"), "/app")
    assert not matters(Change("/opt/x", "added", "/usr/bin/x"), "/app")
    assert not matters(Change("/etc/mtab", "added", "/proc/mounts"), "/")
    assert matters(Change("/out", "added", "tests/expected"), "/")


@pytest.mark.parametrize(
    "target",
    [
        "/tests/x",
        "//tests/x",
        "../tests/x",
        "../../../tests",
        "/",
        "..",
        "m/../../tests",
        "/usr/../tests",
        "/proc/1/root",
    ],
)
def test_a_link_into_the_grading_leads_out(target: str) -> None:
    assert leads_out(target, "/app")


@pytest.mark.parametrize("target", ["x", "./x", "../app/x", "/usr/bin/python3", "/app/venv", "../../opt", "/testsuite"])
def test_other_links_do_not(target: str) -> None:
    assert not leads_out(target, "/app")


def _tar(*entries: tarfile.TarInfo) -> list[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry in entries:
            tar.addfile(entry, io.BytesIO(b"x" * entry.size) if entry.isreg() else None)
    return [buffer.getvalue()]


def _entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


def test_a_grader_gets_files_folders_and_harmless_links() -> None:
    work = carry(
        _tar(
            _entry("app", tarfile.DIRTYPE),
            _entry("app/a", size=3),
            _entry("app/b", tarfile.LNKTYPE, "app/a"),
            _entry("app/c", tarfile.SYMTYPE, "a"),
            _entry("app/d", tarfile.SYMTYPE, "/tests/answer"),
            _entry("app/e", tarfile.FIFOTYPE),
        ),
        "/app",
        100,
    )
    assert work.whole
    with work.tar, tarfile.open(fileobj=work.tar) as tar:
        assert tar.getnames() == ["app", "app/a", "app/b", "app/c"]


def test_a_work_folder_that_is_a_link_is_nothing() -> None:
    work = carry(_tar(_entry("app", tarfile.SYMTYPE, "/usr")), "/app", 100)
    with work.tar, tarfile.open(fileobj=work.tar) as tar:
        assert tar.getnames() == []


def test_a_work_folder_above_its_limit_is_not_whole() -> None:
    work = carry(_tar(_entry("app/a", size=60), _entry("app/b", size=60)), "/app", 100)
    assert not work.whole
    work.tar.close()
