"""Files copied out of a sandbox after the agent's phase, whatever the agent made of them."""

from __future__ import annotations

import fnmatch
import io
import posixpath
import shlex
import tarfile
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.task import Artifact
from task_agent.sandbox.base import Sandbox

LIMIT_BYTES = 50_000_000
_PACKED = "/tmp/.artifacts.tar"
_TAR_S = 120.0


async def collect(artifacts: Sequence[Artifact], sandbox: Sandbox) -> dict[Artifact, dict[str, bytes]]:
    """Copy out what is there: for each artifact its files, by path below it; a file's own path is empty.

    Only regular files count. What is absent, or larger than `LIMIT_BYTES`, gives no files.
    """
    return {one: await _one(one, sandbox) for one in artifacts}


async def _one(artifact: Artifact, sandbox: Sandbox) -> dict[str, bytes]:
    source = sandbox.path(artifact.source)
    try:
        return {"": await sandbox.get(source, limit_bytes=LIMIT_BYTES)}
    except ValueError:
        return {}
    except FileNotFoundError:
        pass
    packed = sandbox.path(_PACKED)
    command = f"command tar cf {shlex.quote(packed)} -C {shlex.quote(source)} . 2>/dev/null"
    await sandbox.exec(command, timeout_s=_TAR_S)
    try:
        content = await sandbox.get(packed, limit_bytes=LIMIT_BYTES)
    except (FileNotFoundError, ValueError):
        return {}
    await sandbox.exec(f"rm -f {shlex.quote(packed)}", timeout_s=_TAR_S)
    return {name: data for name, data in _files(content) if not _is_excluded(name, artifact.exclude)}


def _files(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Read the regular files of a tar that the agent's side packed; names that leave it are dropped."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for member in tar:
                name = posixpath.normpath(member.name)
                if member.isreg() and not name.startswith(("/", "..")) and (file := tar.extractfile(member)):
                    yield name, file.read()
    except tarfile.TarError:
        return


def _is_excluded(name: str, patterns: Sequence[str]) -> bool:
    parts = (name, *name.split("/"))
    return any(fnmatch.fnmatchcase(part, pattern.strip("/")) for pattern in patterns for part in parts)


def by_destination(found: dict[Artifact, dict[str, bytes]]) -> dict[str, bytes]:
    """Name collected files by where they are kept."""
    return {
        posixpath.join(artifact.destination, name) if name else artifact.destination: data
        for artifact, files in found.items()
        for name, data in files.items()
    }


async def hand_over(found: dict[Artifact, dict[str, bytes]], sandbox: Sandbox) -> None:
    """Put collected files at the places they came from, into another sandbox."""
    for artifact, files in found.items():
        folder, name = posixpath.split(artifact.source)
        if "" in files:
            await sandbox.put({name: files[""]}, folder)
        elif files:
            await sandbox.put(files, artifact.source)


def pack(files: Mapping[str, bytes]) -> bytes:
    """Make a compressed archive of collected files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
