"""Files copied out of a sandbox after the agent's phase, whatever the agent made of them."""

from __future__ import annotations

import fnmatch
import gzip
import io
import posixpath
import shlex
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.task import Artifact
from task_agent.errors import SandboxLostError
from task_agent.sandbox.base import Sandbox

LIMIT_BYTES = 50_000_000
"""An artifact, or a work directory, that is larger is not kept."""
_PACKED = "/tmp/.artifacts.tar"
_TAR_S = 120.0


@dataclass(frozen=True, slots=True)
class Kept:
    """Hold what an attempt left to be graded: artifacts by destination, and its work directory as a tar, or None."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    work: bytes | None = None


async def snapshot(sandbox: Sandbox, workdir: str) -> bytes | None:
    """Give the work directory as a tar with modes and links; None when it is too large or cannot be packed.

    An agent that ended its own shell is graded all the same, so a lost shell loses the copy alone.
    """
    packed = sandbox.path(_PACKED)
    command = f"command tar cf {shlex.quote(packed)} -C {_quoted(sandbox, workdir)} . 2>/dev/null"
    try:
        await sandbox.exec(command, timeout_s=_TAR_S)
        work = await sandbox.get(packed, limit_bytes=LIMIT_BYTES)
        await sandbox.exec(f"rm -f {shlex.quote(packed)}", timeout_s=_TAR_S)
    except (FileNotFoundError, ValueError, SandboxLostError):
        return None
    return work


async def restore(work: bytes, sandbox: Sandbox, workdir: str) -> None:
    """Make the work directory of another sandbox what a snapshot holds, and nothing else.

    Raises:
        SandboxLostError: It cannot be unpacked there.
    """
    await sandbox.put({posixpath.basename(_PACKED): work}, posixpath.dirname(_PACKED))
    packed, folder = shlex.quote(sandbox.path(_PACKED)), _quoted(sandbox, workdir)
    command = (
        f"find {folder} -mindepth 1 -delete && tar xpf {packed} --no-same-owner -C {folder}; code=$?; rm -f {packed}"
    )
    done = await sandbox.exec(f"({command}; exit $code)", timeout_s=_TAR_S)
    if done.exit_code != 0:
        raise SandboxLostError(f"the kept work directory cannot be put back: {done.output.strip()[-300:]!r}")


def _quoted(sandbox: Sandbox, folder: str) -> str:
    return shlex.quote(sandbox.path(folder))


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


def by_artifact(artifacts: Sequence[Artifact], kept: Mapping[str, bytes]) -> dict[Artifact, dict[str, bytes]]:
    """Sort kept files by the artifact that they were collected for: what `by_destination` took apart."""
    found: dict[Artifact, dict[str, bytes]] = {artifact: {} for artifact in artifacts}
    nested = sorted(artifacts, key=lambda artifact: -len(artifact.destination))
    for name, data in kept.items():
        for artifact in nested:
            if name == artifact.destination or name.startswith(f"{artifact.destination.rstrip('/')}/"):
                found[artifact][name[len(artifact.destination) :].lstrip("/")] = data
                break
    return found


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


def unpack(archive: bytes) -> dict[str, bytes]:
    """Read the files of an archive that `pack` made.

    Raises:
        ValueError: It is none, or is damaged.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive)), mode="r:") as tar:
            return {entry.name: file.read() for entry in tar if (file := tar.extractfile(entry))}
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it is no archive of artifacts, or is damaged: {error}") from error
