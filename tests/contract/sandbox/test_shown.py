"""What a sandbox shows can be read and not written; what an agent wrote in a folder comes back whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from task_agent.sandbox import Sandbox, SandboxKind, SandboxSpec, open_sandbox
from traces.errors import SandboxUnavailableError

from .cases import every_jail, every_kind, run, said

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
