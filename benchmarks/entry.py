"""What a sandbox's tar holds, taken apart: files, folders and links, with names and links that stay inside."""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

PLAIN_MODE = 0o644


class TooLargeError(ValueError):
    """Say that entries hold more bytes than allowed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold one file, folder or link (`kind` is its tar type); `data` is the content, or where a link leads to."""

    data: bytes = b""
    mode: int = PLAIN_MODE
    kind: bytes = tarfile.REGTYPE

    @property
    def is_file(self) -> bool:
        """Say whether it is a regular file."""
        return self.kind == tarfile.REGTYPE


def to_tar(entries: Mapping[str, Entry]) -> bytes:
    """Make a tar, whose owners and times say nothing."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, entry in entries.items():
            info = tarfile.TarInfo(name)
            info.mode, info.type = entry.mode, entry.kind
            if entry.kind == tarfile.SYMTYPE:
                info.linkname = entry.data.decode("utf-8", "surrogateescape")
            info.size = len(entry.data) if entry.is_file else 0
            tar.addfile(info, io.BytesIO(entry.data))
    return buffer.getvalue()


def from_tar(content: bytes, limit_bytes: int) -> dict[str, Entry]:
    """Read a tar that the agent's side packed, as far as it can be read.

    Devices and pipes are left out, and so is whatever leads out: names, links, and what lies behind a link. A hard
    link is the file that it names, once more.

    Raises:
        TooLargeError: The files hold more than that.
    """
    found: dict[str, Entry] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for member in tar:
                name, entry = posixpath.normpath(member.name), _entry(tar, member, found)
                if entry is not None and _is_inside(name, found):
                    limit_bytes -= len(entry.data)
                    if limit_bytes < 0:
                        raise TooLargeError("the files hold more than is allowed")
                    found[name] = entry
    except tarfile.TarError:
        pass
    return found


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo, found: Mapping[str, Entry]) -> Entry | None:
    mode = member.mode & 0o7777
    if member.islnk():
        return found.get(posixpath.normpath(member.linkname))
    if member.issym():
        stays = _stays(posixpath.normpath(member.name), member.linkname)
        return Entry(member.linkname.encode("utf-8", "surrogateescape"), mode, tarfile.SYMTYPE) if stays else None
    if member.isdir():
        return Entry(b"", mode, tarfile.DIRTYPE)
    file = tar.extractfile(member) if member.isreg() else None
    return Entry(file.read(), mode) if file is not None else None


def _is_inside(name: str, found: Mapping[str, Entry]) -> bool:
    parts = name.split("/")
    above = ("/".join(parts[:length]) for length in range(1, len(parts)))
    behind = any(outer in found and found[outer].kind == tarfile.SYMTYPE for outer in above)
    return not name.startswith("/") and parts[0] != ".." and not behind


def _stays(name: str, target: str) -> bool:
    """Say whether a link leads to something below the top, without climbing after it went down."""
    steps = [step for step in target.split("/") if step not in ("", ".")]
    climbs = next((place for place, step in enumerate(steps) if step != ".."), len(steps))
    return bool(steps) and not target.startswith("/") and climbs <= name.count("/") and ".." not in steps[climbs:]
