"""A copy of this interpreter and its standard library for jails: no package that is installed, no program beside it.

The jail's user may not be able to read the interpreter's own folder (below a home, for instance), and that
folder also holds what was installed; so what is needed is copied once per state of the interpreter, and kept.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from traces.errors import SandboxUnavailableError

INSIDE = "/python"
"""Where a jail has the copy."""

_LEFT_OUT = (
    *("site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip"),
    *("lib2to3", "config-*", "*.a", "_tkinter*", "__pycache__"),
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Name the copy's folder on the host, and the loader (host path, path in the jail) that starts its programs."""

    folder: Path
    loader: str

    @property
    def binds(self) -> list[str]:
        """Give the words that put it into a jail of bwrap."""
        inside = f"{self.folder}/loader"
        return ["--ro-bind", str(self.folder), INSIDE, "--ro-bind", inside, self.loader]

    @property
    def command(self) -> tuple[str, ...]:
        """Name the program in the jail, told to look at nothing but its own library."""
        return (f"{INSIDE}/bin/python3", "-s", "-S", "-P", "-B")

    @property
    def environment(self) -> Mapping[str, str]:
        """Give what its start needs to find its shared libraries; one hash seed, so that a run can be repeated."""
        return {"LD_LIBRARY_PATH": f"{INSIDE}/shared", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}


@functools.cache
def interpreter() -> Interpreter:
    """Make the copy once per state of this interpreter and user, and keep it; it holds nothing of a run.

    Raises:
        SandboxUnavailableError: It cannot be found out what the interpreter is made of.
    """
    program = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]  # the one outside a virtual environment
    library = Path(sysconfig.get_path("stdlib"))
    shared, loader = _shared([program, *_extensions(library)])
    path = Path(tempfile.gettempdir()) / f"ratchet-python-{os.geteuid()}-{_digest(program, library)}"
    if not is_ours(path):
        new = Path(tempfile.mkdtemp(prefix="ratchet-python-new-"))
        _fill(new, program, library, shared, loader)
        path = _settle(new, path)
    return Interpreter(path, loader)


def _shared(files: Sequence[Path]) -> tuple[dict[str, str], str]:
    """Find the shared libraries that `files` load, by the names they load them under, and the loader itself."""
    ldd = shutil.which("ldd")
    if ldd is None:
        raise SandboxUnavailableError("there is no `ldd` here to find the interpreter's shared libraries with")
    said = subprocess.run([ldd, *map(str, files)], capture_output=True, text=True, check=False).stdout
    found, loader = dict[str, str](), ""
    for line in said.splitlines():
        words = line.split()
        if len(words) >= 3 and words[1] == "=>" and words[2].startswith("/"):
            found[words[0]] = words[2]
        elif words and words[0].startswith("/") and words[-1].startswith("(0x"):
            loader = words[0]
    if not loader:
        raise SandboxUnavailableError(f"`ldd` does not name the loader of {files[0]}")
    return found, loader


def _extensions(library: Path) -> list[Path]:
    return [path for path in sorted((library / "lib-dynload").glob("*.so")) if not path.name.startswith("_tkinter")]


def _fill(folder: Path, program: Path, library: Path, shared: Mapping[str, str], loader: str) -> None:
    (folder / "bin").mkdir()
    (folder / "shared").mkdir()
    shutil.copy(program, folder / "bin" / "python3")
    shutil.copy(loader, folder / "loader")
    for name, path in shared.items():
        shutil.copy(path, folder / "shared" / name)
    shutil.copytree(
        library, folder / "lib" / library.name, ignore=shutil.ignore_patterns(*_LEFT_OUT), ignore_dangling_symlinks=True
    )
    compiled = [str(folder / "bin" / "python3"), "-m", "compileall", "-q", "-j", "0", "-s", str(folder)]
    env = {"LD_LIBRARY_PATH": str(folder / "shared")}
    subprocess.run([*compiled, str(folder / "lib")], env=env, capture_output=True, check=False)
    for made in (folder, *folder.rglob("*")):
        if not made.is_symlink():
            made.chmod(0o755 if made.is_dir() or made.stat().st_mode & stat.S_IXUSR else 0o644)


def _settle(new: Path, path: Path) -> Path:
    """Give the copy its name, unless another process was faster."""
    try:
        new.rename(path)
    except OSError:
        if not is_ours(path):
            return new
        shutil.rmtree(new)
    return path


def _digest(program: Path, library: Path) -> str:
    seen = hashlib.sha256(f"{sys.version} {program} {_LEFT_OUT}".encode())
    for path in (program, library, library / "lib-dynload"):
        if path.exists():
            seen.update(f"{path} {path.stat().st_mtime_ns}\n".encode())
    return seen.hexdigest()[:16]


def is_ours(path: Path) -> bool:
    """Say whether `path` is a folder of this user that nobody else may write."""
    try:
        state = path.lstat()
    except FileNotFoundError:
        return False
    return state.st_uid == os.geteuid() and stat.S_ISDIR(state.st_mode) and not state.st_mode & 0o022
