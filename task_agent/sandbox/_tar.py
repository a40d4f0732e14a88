"""Files to tar and back, with the sizes and kinds that we accept."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from task_agent.sandbox.base import is_program

_STREAM_LIMIT = 64_000_000
_MOST_ENDS = 3


def pack(files: Mapping[str, bytes], *, owner: int = 0, folders: Iterable[str] = (), read_only: bool = False) -> bytes:
    """Make a tar of `folders` and `files`; programs become executable."""
    buffer = io.BytesIO()
    mask = 0o555 if read_only else 0o777
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in folders:
            info = _info(name, owner, 0o755 & mask)
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
        for name, data in files.items():
            info = _info(name, owner, (0o755 if is_program(data) else 0o644) & mask)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def below(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Name `files` by their place below the absolute `folder`, as seen from the root.

    Raises:
        ValueError: A name is absolute or leaves the folder.
    """
    for name in files:
        if name.startswith("/") or ".." in name.split("/") or not name.strip("/."):
            raise ValueError(f"{name!r} is not a relative path inside its folder")
    return {f"{folder}/{name}".lstrip("/"): data for name, data in files.items()}


def parents(names: Iterable[str]) -> list[str]:
    """Name every folder above `names`, outer ones first."""
    found: dict[str, None] = {}
    for name in names:
        steps = name.split("/")[:-1]
        for length in range(1, len(steps) + 1):
            found.setdefault("/".join(steps[:length]))
    return [name for name in found if name]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Hold the files of a tar, and whether it was read to its end."""

    files: dict[str, bytes]
    whole: bool


def unpack(chunks: Iterable[bytes], limit_bytes: int) -> Unpacked:
    """Read the regular files of at most `limit_bytes` from a tar stream, named below its top folder.

    Stops after a bounded number of bytes: what comes later in a huge stream is left out.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=Stream(chunks), mode="r|") as tar:
            for member in tar:
                if member.isreg() and member.size <= limit_bytes and (file := tar.extractfile(member)):
                    found[member.name.partition("/")[2] or member.name] = file.read()
    except tarfile.TarError:
        return Unpacked(found, whole=False)
    return Unpacked(found, whole=True)


def unpack_all(chunks: Iterable[bytes], limit_bytes: int, limit_files: int) -> dict[str, bytes]:
    """Read every file of a folder's tar stream, named below its top folder.

    Raises:
        FileNotFoundError: The top is no folder.
        ValueError: There is something else than files and folders in it, or too much.
    """
    found: dict[str, bytes] = {}
    left = limit_bytes
    try:
        with tarfile.open(fileobj=Stream(chunks, limit_bytes + _STREAM_LIMIT), mode="r|") as tar:
            for member in tar:
                name = member.name.partition("/")[2]
                if not name and not member.isdir():
                    raise FileNotFoundError("it is no folder")
                if member.isdir():
                    continue
                left -= member.size
                if left < 0 or len(found) >= limit_files:
                    raise ValueError(f"it holds more than {limit_files:,} files or {limit_bytes:,} bytes")
                file = tar.extractfile(member) if member.isreg() else None
                if file is None:
                    raise ValueError(f"{name!r} is neither a file nor a folder")
                found[name] = file.read()
    except tarfile.TarError as error:
        raise ValueError(f"it cannot be read to its end ({error})") from error
    return found


def _info(name: str, owner: int, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode = mode
    info.uid = info.gid = owner
    return info


class Stream(io.RawIOBase):
    """Let tarfile read from an iterator of chunks, up to a limit."""

    def __init__(self, chunks: Iterable[bytes], limit_bytes: int = _STREAM_LIMIT) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._rest = b""
        self._left = limit_bytes
        self._ends = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            chunk = next(self._chunks, b"") if self._left > 0 else b""
            if not chunk:
                self._ends += 1
                break
            self._left -= len(chunk)
            self._rest += chunk
        if self._ends > _MOST_ENDS:
            raise tarfile.ReadError("the stream is too long, or ends early")
        size = len(self._rest) if size < 0 else size
        data, self._rest = self._rest[:size], self._rest[size:]
        return data
