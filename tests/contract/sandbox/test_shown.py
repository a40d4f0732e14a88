"""What a sandbox shows can be read and not written; what an agent wrote in a folder comes back whole or not at all."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from task_agent.sandbox import Sandbox, SandboxKind, SandboxSpec, open_sandbox
from traces.errors import SandboxUnavailableError

from .cases import every_jail, every_kind, run, said

APART = """
import asyncio, sys
from pathlib import Path
from task_agent.sandbox import SandboxSpec, open_sandbox
from task_agent.sandbox._binding import binds
async def main():
    sandbox = open_sandbox("docker", SandboxSpec(shown={"/app/folder": Path(sys.argv[1])}))
    try:
        print((await sandbox.exec("cat folder/a.txt; echo x > folder/a.txt || echo kept", timeout_s=60)).output)
    finally:
        await sandbox.close()
    print(binds("ratchet-base:bookworm"))
asyncio.run(main())
"""
pytestmark = pytest.mark.asyncio(loop_scope="module")


@every_jail
async def test_what_is_shown_can_be_read_and_not_written(kind: SandboxKind, tmp_path: Path) -> None:
    private = tmp_path / "private"
    (private / "folder/deep").mkdir(parents=True)
    (private / "folder/deep/a.txt").write_text("shown")
    (private / "folder/b.txt").write_text("closed to others")
    (private / "folder/b.txt").chmod(0o600)
    (private / "folder/out").symlink_to("/etc/shadow")
    (private / "run").write_text("#!/bin/sh\necho ran\n")
    (private / "run").chmod(0o755)
    private.chmod(0o700)
    shown = {"/app/folder": private / "folder", "/app/run": private / "run", "/opt/apart/folder": private / "folder"}
    sandbox = open_sandbox(kind, SandboxSpec(files={"mine": b"1"}, shown=shown))
    try:
        assert await said(sandbox, "cat folder/deep/a.txt folder/b.txt mine; ./run") == "shownclosed to others1ran"
        assert (
            await said(sandbox, "find folder | sort | tr '\\n' ' '")
            == "folder folder/b.txt folder/deep folder/deep/a.txt"
        )
        assert await said(sandbox, "cat /opt/apart/folder/b.txt") == "closed to others"
        for attack in (
            "echo x > folder/deep/a.txt",
            "echo x > folder/new",
            "rm folder/b.txt",
            "chmod 777 folder/b.txt",
        ):
            assert (await run(sandbox, attack)).exit_code != 0, attack
    finally:
        await sandbox.close()
    assert (private / "folder/deep/a.txt").read_text() == "shown"
    assert (private / "folder/b.txt").stat().st_mode & 0o777 == 0o600


WRITES = (
    "echo x >> {file}",
    ": > {file}",
    "truncate -s 1 {file}",
    "chmod 777 {file}",
    "chown 1000 {file}",
    "touch -d 2001-01-01 {file}",
    "rm -f {file}",
    "mv {file} /tmp/away",
    "cp /etc/passwd {file}",
    "ln {file} /tmp/same && echo x > /tmp/same",
    "ln -f /etc/passwd {file}",
    "mv {folder} /tmp/away",
    "mkdir {folder}/new",
    "mount -o remount,rw {folder}",
    "mount -o bind,remount,rw {folder}",
    "umount {folder}",
    "unshare -rm sh -c 'mount -o remount,bind,rw {folder} && echo x > {file}'",
    "exec 9< {file}; echo x > /proc/self/fd/9",
    "sh -c 'echo x > /proc/1/root{file}'",
    "python3 -c \"import os; os.pwrite(os.open('{file}', os.O_RDWR), b'x', 0)\"",
    "python3 -c \"import os; os.utime('{file}', (1, 1))\"",
    "python3 -c \"import os; os.setxattr('{file}', 'user.x', b'x')\"",
)


@every_jail
async def test_a_file_that_is_shared_with_the_host_cannot_be_changed_from_inside(
    kind: SandboxKind, tmp_path: Path
) -> None:
    segment = tmp_path / "folder/segment"
    segment.parent.mkdir()
    segment.write_bytes(b"PAR1 as it was sealed")
    segment.chmod(0o666)
    before = _facts(segment)
    sandbox = open_sandbox(kind, SandboxSpec(shown={"/app/folder": segment.parent}))
    try:
        for attack in WRITES:
            done = await run(sandbox, attack.format(file="/app/folder/segment", folder="/app/folder"))
            assert done.exit_code != 0, attack
        assert segment.stat().st_nlink == 2, "the sandbox shows the very file"
        assert await said(sandbox, "cat folder/segment") == "PAR1 as it was sealed"
    finally:
        await sandbox.close()
    assert _facts(segment) == before
    assert segment.stat().st_nlink == 1


def _facts(path: Path) -> tuple[object, ...]:
    facts = path.stat()
    return path.read_bytes(), facts.st_ino, facts.st_mode, facts.st_uid, facts.st_mtime_ns


@pytest.mark.docker
async def test_an_engine_that_does_not_see_this_machines_files_gets_copies(tmp_path: Path) -> None:
    """The temporary folder is on a file system that is in the mounts of the test's own process alone."""
    if os.geteuid() != 0:
        pytest.skip("making mounts of one's own takes root")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a.txt").write_text("shown\n")
    (tmp_path / "own").mkdir()
    script = f'mount -t tmpfs none {tmp_path}/own && TMPDIR={tmp_path}/own exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", APART, f"{tmp_path}/folder"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = await asyncio.to_thread(subprocess.run, command, env=env, capture_output=True, text=True, check=False)
    lines = done.stdout.split()
    assert (lines[:1], lines[-2:]) == (["shown"], ["kept", "False"]), done


async def test_the_process_kind_refuses_to_show_what_it_could_not_guard(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailableError, match="read-only"):
        open_sandbox("process", SandboxSpec(shown={"/app/x": tmp_path}))


@every_kind
async def test_a_folder_comes_back_whole(shared: Sandbox) -> None:
    await run(shared, "rm -rf w; mkdir -p w/deep/er w/none; echo -n 1 > w/a; echo -n 2 > w/deep/er/b; chmod +x w/a")
    assert await shared.get_folder("/app/w", limit_bytes=2, limit_files=2) == {"a": b"1", "deep/er/b": b"2"}


@every_kind
@pytest.mark.parametrize(
    "made", ["ln -s a w/x", "ln -s /etc w/x", "mkfifo w/x", "echo more > w/x", "echo -n > w/x", "ln -s / w/deep/x"]
)
async def test_a_folder_with_a_link_a_pipe_or_too_much_does_not_come_back(shared: Sandbox, made: str) -> None:
    await run(shared, f"rm -rf w; mkdir -p w/deep; echo -n 1 > w/a; {made}")
    with pytest.raises(ValueError, match=r"it holds more|neither a file nor a folder|too deep"):
        await shared.get_folder("/app/w", limit_bytes=3, limit_files=1)


@every_kind
@pytest.mark.parametrize("made", ["true", "echo 1 > w", "ln -s /etc w"])
async def test_what_is_no_folder_does_not_come_back(shared: Sandbox, made: str) -> None:
    await run(shared, f"rm -rf w; {made}")
    with pytest.raises(FileNotFoundError):
        await shared.get_folder("/app/w", limit_bytes=1000, limit_files=9)
