"""Files copied out of a sandbox after the agent's phase, whatever the agent made of them."""

from __future__ import annotations

import fnmatch
import gzip
import io
import posixpath
import shlex
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.entry import Entry, from_tar, to_tar
from benchmarks.task import Artifact
from task_agent.errors import ArtifactTooLargeError, EngineLostError, SandboxLostError
from task_agent.sandbox.base import Sandbox

LIMIT_BYTES = 50_000_000
"""A work directory that is larger is not kept, and an artifact neither kept nor graded."""
_PACKED = "/tmp/.artifacts.tar"
_TAR_S = 120.0
_OWN = ("", ".")


@dataclass(frozen=True, slots=True)
class Kept:
    """Hold what an attempt left to be graded: artifacts by destination, and its work directory as a tar, or None."""

    files: Mapping[str, Entry] = field(default_factory=dict)
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


@dataclass(frozen=True, slots=True)
class Collected:
    """Hold what was copied out: each artifact's entries by path below it; its own is `.`, or empty for a file."""

    entries: Mapping[Artifact, Mapping[str, Entry]]
    too_large: tuple[Artifact, ...] = ()

    @property
    def files(self) -> dict[str, Entry]:
        """Name the entries by where they are kept."""
        return {
            posixpath.join(artifact.destination, name) if name not in _OWN else artifact.destination: entry
            for artifact, entries in self.entries.items()
            for name, entry in entries.items()
        }

    def check(self) -> None:
        """Refuse to go on without what was too large.

        Raises:
            ArtifactTooLargeError: Names it.
        """
        if self.too_large:
            raise ArtifactTooLargeError(
                f"the artifact {self.too_large[0].source!r} holds more than {LIMIT_BYTES // 1_000_000} MB, and its"
                " grader would not get it: name a smaller part as artifact, or grade where the agent worked"
            )


async def collect(artifacts: Sequence[Artifact], sandbox: Sandbox) -> Collected:
    """Copy out what is there: files with their modes, folders, and links that stay inside their artifact.

    What is absent gives no entries; what is larger than `LIMIT_BYTES` is named.
    """
    found: dict[Artifact, Mapping[str, Entry]] = {}
    too_large: list[Artifact] = []
    for one in artifacts:
        try:
            found[one] = await _one(one, sandbox)
        except ValueError:
            too_large.append(one)
    return Collected(found, tuple(too_large))


async def _one(artifact: Artifact, sandbox: Sandbox) -> dict[str, Entry]:
    source = sandbox.path(artifact.source)
    packed = await _packed(source, sandbox)
    if packed is None:
        try:
            return {"": Entry(await sandbox.get(source, limit_bytes=LIMIT_BYTES))}
        except FileNotFoundError:
            return {}
    found = from_tar(packed, LIMIT_BYTES)
    if "." not in found:
        files = [entry for entry in found.values() if entry.is_file]
        return {"": files[0]} if files else {}
    return {name: entry for name, entry in found.items() if not _is_excluded(name, artifact.exclude)}


async def _packed(source: str, sandbox: Sandbox) -> bytes | None:
    """Pack a folder from within, or a file; None where the sandbox has no `tar`, or a shell that the agent ended."""
    packed, folder, name = sandbox.path(_PACKED), *posixpath.split(source)
    tar, at = f"command tar cf {shlex.quote(packed)}", shlex.quote(source)
    alone = f"{tar} -C {shlex.quote(folder)} -- {shlex.quote(name)}"
    command = f"rm -f {shlex.quote(packed)}; if [ -d {at} ]; then {tar} -C {at} .; else {alone}; fi 2>/dev/null"
    try:
        await sandbox.exec(command, timeout_s=_TAR_S)
        try:
            return await sandbox.get(packed, limit_bytes=LIMIT_BYTES)
        finally:
            await sandbox.exec(f"rm -f {shlex.quote(packed)}", timeout_s=_TAR_S)
    except EngineLostError:
        raise
    except (FileNotFoundError, SandboxLostError):
        return None


def _is_excluded(name: str, patterns: Sequence[str]) -> bool:
    parts = (name, *name.split("/"))
    return any(fnmatch.fnmatchcase(part, pattern.strip("/")) for pattern in patterns for part in parts)


def by_artifact(artifacts: Sequence[Artifact], kept: Mapping[str, Entry]) -> Collected:
    """Sort what was kept by the artifact that it was collected for."""
    found: dict[Artifact, dict[str, Entry]] = {artifact: {} for artifact in artifacts}
    nested = sorted(artifacts, key=lambda artifact: -len(artifact.destination))
    for name, entry in kept.items():
        for artifact in nested:
            if name == artifact.destination or name.startswith(f"{artifact.destination.rstrip('/')}/"):
                own = name[len(artifact.destination) :].lstrip("/")
                found[artifact][own or ("" if entry.is_file else ".")] = entry
                break
    return Collected(found)


async def hand_over(found: Collected, sandbox: Sandbox, workdir: str) -> None:
    """Put what was collected at the places it came from, into another sandbox; what is relative, below `workdir`.

    Raises:
        SandboxLostError: It cannot be unpacked there.
    """
    for artifact, entries in found.entries.items():
        source = posixpath.join(workdir, artifact.source)
        folder, name = posixpath.split(source) if "" in entries else (source, "")
        if entries:
            await _unpack({path or name: entry for path, entry in entries.items()}, sandbox, folder)


async def _unpack(entries: Mapping[str, Entry], sandbox: Sandbox, folder: str) -> None:
    await sandbox.put({posixpath.basename(_PACKED): to_tar(entries)}, posixpath.dirname(_PACKED))
    packed, target = shlex.quote(sandbox.path(_PACKED)), _quoted(sandbox, folder)
    command = f"mkdir -p {target} && tar xopf {packed} -C {target}; code=$?; rm -f {packed}"
    done = await sandbox.exec(f"({command}; exit $code)", timeout_s=_TAR_S)
    if done.exit_code != 0:
        said = done.output.strip()[-300:]
        raise SandboxLostError(f"artifacts cannot be put at {folder!r} of the verifier's place: {said!r}")


def pack(files: Mapping[str, Entry]) -> bytes:
    """Make a compressed archive of what was collected."""
    return gzip.compress(to_tar(files), mtime=0)


def unpack(archive: bytes) -> dict[str, Entry]:
    """Read an archive that `pack` made.

    Raises:
        ValueError: It is none, or is damaged.
    """
    try:
        content = gzip.decompress(archive)
        tarfile.open(fileobj=io.BytesIO(content), mode="r:").close()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it is no archive of artifacts, or is damaged: {error}") from error
    return from_tar(content, len(content))
