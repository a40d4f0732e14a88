"""Files of the host that a sandbox shows read-only: laid out to be bound, or packed for an engine that cannot."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

_READABLE, _RUNNABLE = 0o644, 0o755


def mirror(source: Path, target: Path) -> None:
    """Lay out `source` as `target`, readable by everybody: the same files where the disk allows, else copies.

    A jail's user need not be able to walk to where the files stand.
    """
    for path, relative in _entries(source):
        place = target / relative
        if path.is_dir():
            place.mkdir(mode=0o755)
        elif not _linked(path, place):
            shutil.copyfile(path, place)
            place.chmod(_mode(path))


def packed(shown: Mapping[str, Path], owner: int) -> IO[bytes]:
    """Make a tar of all that is shown, named from the root, which belongs to `owner`."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - handed on to the caller
    with tarfile.open(fileobj=spool, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for inside, source in shown.items():
            for path, relative in _entries(source):
                _add(tar, path, "/".join(filter(None, (inside.strip("/"), relative))), owner)
    spool.seek(0)
    return spool


def _entries(source: Path) -> Iterator[tuple[Path, str]]:
    """Give files and folders, outer ones first, by their place below `source`; links and special files never."""
    kind = source.lstat().st_mode
    if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
        yield source, ""
    if stat.S_ISDIR(kind):
        for entry in sorted(source.iterdir()):
            for path, relative in _entries(entry):
                yield path, "/".join(filter(None, (entry.name, relative)))


def _linked(path: Path, place: Path) -> bool:
    if not path.stat().st_mode & stat.S_IROTH:
        return False
    try:
        os.link(path, place)
    except OSError:
        return False
    return True


def _mode(path: Path) -> int:
    return _RUNNABLE if path.stat().st_mode & stat.S_IXUSR else _READABLE


def _folder(name: str, owner: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.uid, info.gid = tarfile.DIRTYPE, 0o755, owner, owner
    return info


def _add(tar: tarfile.TarFile, path: Path, name: str, owner: int) -> None:
    if path.is_dir():
        tar.addfile(_folder(name, owner))
        return
    info = tarfile.TarInfo(name)
    info.mode, info.uid, info.gid = _mode(path), owner, owner
    with path.open("rb") as file:
        info.size = os.fstat(file.fileno()).st_size
        tar.addfile(info, file)
