"""The host folder of one attempt, read and written without ever following a link the agent made."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from task_agent.sandbox import mark
from task_agent.sandbox._disk import is_over, occupied
from task_agent.sandbox._shown import mirror
from task_agent.sandbox._work import leads_out
from task_agent.sandbox.base import is_program
from traces.storage import no_more_files

PREFIX = "ratchet-"
WORK = "work"
SIDE = "agent"
SHOWN = "shown"
WRITABLE = (WORK, "tmp", SIDE, "verifier")
_DIR = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_FILES = 200
_MOST_DEPTH = 8
_MOST_NESTED = 200


_PLACES = {
    "/tmp": ("tmp",),
    "/harness": (SIDE, ".harness"),
    "/solution": (SIDE, ".solution"),
    "/logs/agent": (SIDE,),
    "/logs/verifier": ("verifier",),
    "/logs": (),
    "/tests": ("tests",),
}


class AttemptFolder:
    """Own a private folder and map each place inside the sandbox to one below it.

    Args:
        workdir: The work directory's name inside.
        owner: The uid and gid that the sandboxed processes have on the host, or None for our own.
    """

    def __init__(self, workdir: str, owner: int | None = None) -> None:
        self._owner = owner
        self._places = {workdir: (WORK,)} | _PLACES
        self.given_bytes = 0
        # Always of one length: what an agent prints must not depend on the run, the process or the hour.
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{mark.short(mark.current())}-{os.getpid():07d}"))
        if owner is not None:
            os.chown(self.path, owner, owner)

    def host(self, inside: str) -> str:
        """Give the host path of the absolute path `inside`.

        Raises:
            ValueError: The path is not below one of the attempt's own places.
        """
        return "/".join((str(self.path), *self._parts(inside)))

    def fresh(self, inside: str) -> None:
        """Make the folder `inside` empty, whatever stands there."""
        parts = self._parts(inside)
        with self._open(parts[:-1], make=True) as parent:
            self._instead(parent, parts[-1], self._make_folder)

    def copy(self, source: Path, inside: str) -> None:
        """Begin the folder `inside`, which no process of the attempt has seen yet, with a copy of `source`."""
        if not source.is_dir():
            return
        target = self.host(inside)
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        if self._owner is not None:
            for folder, folders, files in os.walk(target):
                for name in (".", *folders, *files):
                    os.chown(f"{folder}/{name}", self._owner, self._owner, follow_symlinks=False)

    def write(self, inside: str, files: Mapping[str, bytes]) -> None:
        """Write `files` below the folder `inside`; links in the way are replaced, never followed.

        Raises:
            ValueError: A name is absolute or leaves the folder.
        """
        base = self._parts(inside)
        by_folder: dict[tuple[str, ...], dict[str, bytes]] = {base: {}}
        for name, data in files.items():
            parts = base + _relative(name)
            by_folder.setdefault(parts[:-1], {})[parts[-1]] = data
        for folder, entries in by_folder.items():
            with self._open(folder, make=True) as parent:
                for name, data in entries.items():
                    fd = self._instead(parent, name, _create_script if is_program(data) else _create_plain)
                    self._fill(fd, data)
                    self.given_bytes += occupied(len(data))

    def is_over(self, limit_bytes: int) -> bool:
        """Say whether its writable files take more than that beside what was put there from outside."""
        return is_over([self.path / name for name in WRITABLE], limit_bytes + self.given_bytes)

    def read(self, inside: str, limit_bytes: int) -> bytes:
        """Read one regular file.

        Raises:
            FileNotFoundError: There is none, or a link stands on the way.
            ValueError: It is larger than `limit_bytes`.
        """
        try:
            parts = self._parts(inside)
        except ValueError as error:
            raise FileNotFoundError(f"no file of the attempt at {inside!r}") from error
        if not parts:
            raise FileNotFoundError(f"no regular file at {inside!r}")
        try:
            with self._open(parts[:-1]) as parent:
                return _read_file(parent, parts[-1], limit_bytes)
        except OSError as error:
            if no_more_files(error):
                raise
            raise FileNotFoundError(f"no regular file at {inside!r}") from error

    def read_all(self, inside: str, limit_bytes: int, limit_files: int) -> dict[str, bytes]:
        """Read every file below the folder `inside`.

        Raises:
            FileNotFoundError: There is no folder, or a link stands on the way.
            ValueError: It holds something else than files and folders, or too much.
        """
        found: dict[str, bytes] = {}
        try:
            with self._open(self._parts(inside)) as folder:
                _read_all(folder, "", found, _Limits(limit_bytes, limit_files))
        except OSError as error:
            if no_more_files(error):
                raise
            raise FileNotFoundError(f"no folder at {inside!r}") from error
        return found

    def show(self, shown: Mapping[str, Path]) -> None:
        """Lay out what is shown read-only, by its number in order; the processes do not own it."""
        if shown:
            (self.path / SHOWN).mkdir(mode=0o755)
        for number, source in enumerate(shown.values()):
            mirror(source, self.path / SHOWN / str(number))

    def collect(self, inside: str, limit_bytes: int) -> dict[str, bytes]:
        """Read the regular files below `inside` that are small enough; leave everything else out."""
        found: dict[str, bytes] = {}
        try:
            with self._open(self._parts(inside)) as folder:
                _collect(folder, "", limit_bytes, found, _MOST_DEPTH)
        except OSError as error:
            if no_more_files(error):
                raise
        return found

    def withhold(self, inside: str, name: str, guarded: Sequence[str]) -> bool:
        """Remove below the folder `inside` what no grader gets; False when it nests too deep to be looked through.

        Args:
            inside: The folder.
            name: What the sandboxed processes call it.
            guarded: The places, as they call them, that no link may lead into.
        """
        with self._open(self._parts(inside)) as folder:
            return _withhold(folder, name, guarded, _MOST_NESTED)

    def discard(self, inside: str) -> None:
        """Remove the file `inside` if it is there."""
        parts = self._parts(inside)
        try:
            with self._open(parts[:-1]) as parent:
                os.unlink(parts[-1], dir_fd=parent)
        except OSError:
            return

    def remove(self) -> None:
        """Remove the whole folder; nothing of the attempt may run any more."""
        remove_tree(self.path)

    def _parts(self, inside: str) -> tuple[str, ...]:
        for place, names in self._places.items():
            if inside == place:
                return names
            if inside.startswith(place) and inside[len(place)] == "/":
                return names + _relative(inside[len(place) + 1 :])
        raise ValueError(f"{inside!r} is not an absolute path below one of {', '.join(self._places)}")

    @contextmanager
    def _open(self, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
        fd = -1
        try:
            for part in parts or (".",):
                below = self._step(fd, part, make)
                if fd >= 0:
                    os.close(fd)
                fd = below
            yield fd
        finally:
            if fd >= 0:
                os.close(fd)

    def _step(self, parent: int, name: str, make: bool) -> int:
        """Open the folder `name` of an open folder, or of ours when none is open yet."""
        at = parent if parent >= 0 else None
        if at is None:
            name = f"{self.path}/{name}"
        try:
            return os.open(name, _DIR, dir_fd=at)
        except FileNotFoundError:
            if not make:
                raise
        except OSError:
            if not make:
                raise
            _remove_entry(at, name)
        self._make_folder(at, name)
        return os.open(name, _DIR, dir_fd=at)

    def _make_folder(self, parent: int | None, name: str) -> int:
        os.mkdir(name, 0o755, dir_fd=parent)
        if self._owner is not None:
            os.chown(name, self._owner, self._owner, dir_fd=parent, follow_symlinks=False)
        return -1

    def _fill(self, fd: int, data: bytes) -> None:
        with os.fdopen(fd, "wb", buffering=0) as file:
            while data:
                data = data[file.write(data) :]
            if self._owner is not None:
                os.fchown(fd, self._owner, self._owner)

    @staticmethod
    def _instead(parent: int, name: str, make: Callable[[int, str], int]) -> int:
        """Make an entry, in the place of whatever has its name."""
        try:
            return make(parent, name)
        except FileExistsError:
            _remove_entry(parent, name)
        return make(parent, name)


def _create_plain(parent: int, name: str) -> int:
    return os.open(name, _NEW, 0o644, dir_fd=parent)


def _create_script(parent: int, name: str) -> int:
    return os.open(name, _NEW, 0o755, dir_fd=parent)


def remove_tree(path: Path) -> None:
    """Remove a folder, however deep its entries nest and whatever modes they were given."""
    try:
        _remove_fast(path)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            subprocess.run([*command, "--", path], check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def leftovers(of: str) -> list[Path]:
    """Name the attempt folders in the temporary directory that carry the mark `of`, dead or alive."""
    return sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}{mark.short(of)}-*"))


def _remove_fast(path: Path | str) -> None:
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _remove_fast(entry.path)
            else:
                Path(entry.path).unlink()
    Path(path).rmdir()


def _remove_entry(parent: int | None, name: str) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        shutil.rmtree(name, dir_fd=parent)


def _read_file(parent: int, name: str, limit_bytes: int) -> bytes:
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise FileNotFoundError(name)
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise ValueError(f"{name!r} is larger than {limit_bytes} bytes")
    return data


def _collect(folder: int, prefix: str, limit_bytes: int, found: dict[str, bytes], depth: int) -> None:
    for name in sorted(os.listdir(folder)):
        if len(found) >= _MOST_FILES:
            return
        kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISDIR(kind) and depth:
            below = os.open(name, _DIR, dir_fd=folder)
            try:
                _collect(below, f"{prefix}{name}/", limit_bytes, found, depth - 1)
            finally:
                os.close(below)
        elif stat.S_ISREG(kind):
            try:
                found[prefix + name] = _read_file(folder, name, limit_bytes)
            except ValueError:
                continue
            except OSError as error:
                if no_more_files(error):
                    raise


@dataclass(frozen=True, slots=True)
class _Limits:
    size_bytes: int
    files: int


def _read_all(folder: int, prefix: str, found: dict[str, bytes], limits: _Limits, depth: int = _MOST_DEPTH) -> None:
    for name in sorted(os.listdir(folder)):
        path = prefix + name
        kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISDIR(kind) and depth:
            try:
                below = os.open(name, _DIR, dir_fd=folder)
            except OSError:
                raise ValueError(f"{path!r} cannot be read") from None
            try:
                _read_all(below, f"{path}/", found, limits, depth - 1)
            finally:
                os.close(below)
        elif stat.S_ISREG(kind):
            _read_one(folder, name, path, found, limits)
        else:
            raise ValueError(f"{path!r} is neither a file nor a folder, or lies too deep")


def _read_one(folder: int, name: str, path: str, found: dict[str, bytes], limits: _Limits) -> None:
    left = limits.size_bytes - sum(map(len, found.values()))
    if len(found) >= limits.files:
        raise ValueError(f"it holds more than {limits.files:,} files")
    try:
        found[path] = _read_file(folder, name, left)
    except OSError:
        raise ValueError(f"{path!r} cannot be read") from None
    except ValueError:
        raise ValueError(f"it holds more than {limits.size_bytes:,} bytes") from None


def _withhold(folder: int, name: str, guarded: Sequence[str], depth: int) -> bool:
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        if entry.is_symlink():
            if leads_out(os.readlink(entry.name, dir_fd=folder), name, guarded):
                os.unlink(entry.name, dir_fd=folder)
        elif entry.is_dir(follow_symlinks=False):
            if not depth or not _withhold_below(folder, entry.name, name, guarded, depth):
                return False
        elif not entry.is_file(follow_symlinks=False):
            os.unlink(entry.name, dir_fd=folder)
    return True


def _withhold_below(folder: int, entry: str, name: str, guarded: Sequence[str], depth: int) -> bool:
    try:
        below = os.open(entry, _DIR, dir_fd=folder)
    except PermissionError:
        return True  # as shut to the grader, who is the same user
    try:
        return _withhold(below, f"{name}/{entry}", guarded, depth - 1)
    finally:
        os.close(below)


def _relative(name: str) -> tuple[str, ...]:
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or not parts or "\0" in name:
        raise ValueError(f"{name!r} is not a relative path inside its folder")
    return parts
