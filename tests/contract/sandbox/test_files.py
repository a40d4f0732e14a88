"""Files go in and come out, and no link leads out, in every kind of sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from task_agent.sandbox import Sandbox

from .cases import every_kind, on_host, run, said

pytestmark = pytest.mark.asyncio(loop_scope="module")


@every_kind
async def test_files_put_in_come_out_again(shared: Sandbox) -> None:
    data = bytes(range(256)) * 1000
    await shared.put({"new/one.bin": data, "new/empty": b""}, "/app")
    assert await shared.get("/app/new/one.bin") == data
    assert await shared.get("/app/new/empty") == b""
    assert await said(shared, "wc -c < new/one.bin; echo more >> new/one.bin; echo own > new/own") == "256000"


@every_kind
@pytest.mark.parametrize("folder", ["/harness/tools/count", "/solution", "/tmp/sub", "/app/bin"])
async def test_scripts_put_in_can_be_run(shared: Sandbox, folder: str) -> None:
    await shared.put({"run": b"#!/bin/sh\necho ran; cat\n", "plain.txt": b"no script"}, folder)
    done = await run(shared, f"{shared.path(folder)}/run", stdin=b'{"a": 1}')
    assert (done.exit_code, done.output) == (0, 'ran\n{"a": 1}')
    assert (await run(shared, f"test -x {shared.path(folder)}/plain.txt")).exit_code == 1


@every_kind
@pytest.mark.parametrize(
    "made", ["true", "mkdir x", "mkfifo x", "ln -s /etc/passwd x", "ln -s data.csv x", "ln -s x x"]
)
async def test_only_a_regular_file_can_be_read(shared: Sandbox, made: str) -> None:
    await run(shared, f"rm -rf x; {made}")
    with pytest.raises(FileNotFoundError):
        await shared.get("/app/x")
    await run(shared, "rm -rf x")


@every_kind
async def test_a_file_larger_than_the_limit_is_not_read(shared: Sandbox) -> None:
    await run(shared, "head -c 100 /dev/zero > hundred")
    assert len(await shared.get("/app/hundred", limit_bytes=100)) == 100
    with pytest.raises(ValueError, match="larger than 99"):
        await shared.get("/app/hundred", limit_bytes=99)


@every_kind
@pytest.mark.parametrize("name", ["../up", "/abs", "a/../../b", ""])
async def test_a_name_that_leaves_the_folder_is_refused(shared: Sandbox, name: str) -> None:
    with pytest.raises(ValueError, match="not a relative path"):
        await shared.put({name: b""}, "/app")


@on_host
async def test_a_link_out_of_the_work_directory_is_not_followed(shared: Sandbox, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    (tmp_path / "secret").write_text("host")
    await run(shared, f"rm -rf out file; ln -s {tmp_path} out; ln -s {tmp_path}/secret file")
    with pytest.raises(FileNotFoundError):
        await shared.get("/app/out/secret")
    await shared.put({"out/new": b"1", "file": b"2"}, "/app")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert (tmp_path / "secret").read_text() == "host"
    assert await said(shared, "cat out/new file") == "12"
