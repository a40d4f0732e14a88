"""How a jail is worded for bwrap, and from which thread one may be started.

The words are the same for commands, gradings and orchestration code: what differs is what each binds on top.
"""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from task_agent.sandbox._etc import system_folder
from traces.errors import SandboxUnavailableError

T = TypeVar("T")
UNPRIVILEGED_ID = 65_533
_INSIDE_ID = "1000"
_TOP = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_OURS = ("optimizer", "task_agent", "benchmarks", "traces")
_SHM_BYTES = 64 * 1024 * 1024
_EACH_HAS = ("/.dockerenv", "/proc", "/dev", "/sys", "/tmp", "/logs", "/tests", "/harness", "/solution")


async def start_jail(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Start a jail in a thread that lives as long as we do: a step into a group may wait for the kernel.

    The jail ends with the thread that started it, so no thread of a shorter life may do this.
    """
    starting = asyncio.get_running_loop().run_in_executor(_threads(), start)
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        process = await starting
        process.kill()
        process.wait()
        raise


async def in_jail_thread(start: Callable[[], T]) -> T:
    """Run what starts a jail in a thread that lives as long as this process."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), start)


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="jail-start")


@functools.cache
def jail_argv(root: str | None = None, *, nests: bool = False) -> tuple[str, ...]:
    """Give the part of the command line that is the same for every jail over one root.

    Args:
        root: A folder that stands as the root; None is an allow-list of this machine's own.
        nests: Let it make further user namespaces.

    Raises:
        SandboxUnavailableError: A program that is needed is missing, or the root is.
    """
    argv = [*closed_argv(nests=nests), *(_own_top() if root is None else _top_of(Path(root)))]
    argv += ["--proc", "/proc", "--dev", "/dev"]
    return (*argv, "--size", str(_SHM_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev")


@functools.cache
def closed_argv(*, nests: bool = False) -> tuple[str, ...]:
    """Give the words for a jail that has nothing: no file, no network, no capability, no environment, no way on.

    Args:
        nests: Let it make further user namespaces.

    Raises:
        SandboxUnavailableError: A program that is needed is missing.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise SandboxUnavailableError("there is no `bwrap` here", hint="install the package `bubblewrap`")
    argv = [*_drop_root(), bwrap, "--unshare-all", "--unshare-user", "--uid", _INSIDE_ID, "--gid", _INSIDE_ID]
    argv += ["--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL", "--clearenv"]
    argv += ["--hostname", "sandbox"]
    return (*argv, "--disable-userns") if not nests and _knows_disable_userns(bwrap) else tuple(argv)


def _own_top() -> list[str]:
    top: list[str] = []
    for path, link in top_folders().items():
        if path not in ("/etc", "/dev"):
            top += ["--symlink", link, path] if link else ["--ro-bind", path, path]
    return [*top, *_hidden_sources(), "--ro-bind", str(system_folder()), "/etc"]


def _top_of(root: Path) -> list[str]:
    """Bind everything at the top of a root, but for what every jail has of its own."""
    if not root.is_dir():
        raise SandboxUnavailableError(f"the root {root} is not there", hint="take it out anew: ratchet tasks roots")
    if closed := _closed_above(root):
        raise SandboxUnavailableError(
            f"a jail cannot reach the root {root}: {closed} is closed to other users",
            hint=f"chmod o+x {closed}, or keep roots elsewhere",
        )
    args: list[str] = []
    for path in sorted(root.iterdir()):
        place = f"/{path.name}"
        if path.is_symlink():
            args += ["--symlink", str(path.readlink()), place]
        elif place not in _EACH_HAS:
            args += ["--ro-bind", str(path), place]
    return args


def _closed_above(root: Path) -> Path | None:
    """Find what keeps the user that a jail of root's runs as from a folder."""
    if os.geteuid() != 0:
        return None
    return next((path for path in (root, *root.parents) if not path.stat().st_mode & stat.S_IXOTH), None)


def _drop_root() -> list[str]:
    if os.geteuid() != 0:
        return []
    chroot = shutil.which("chroot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if chroot is None:
        raise SandboxUnavailableError("there is no `chroot` here to give up root with", hint="run as a plain user")
    return [chroot, f"--userspec=+{UNPRIVILEGED_ID}:+{UNPRIVILEGED_ID}", "--groups=", "/"]


def _knows_disable_userns(bwrap: str) -> bool:
    if Path(bwrap).stat().st_mode & stat.S_ISUID:
        return False
    said = subprocess.run([bwrap, "--help"], capture_output=True, text=True, check=False, env={})
    return "--disable-userns" in said.stdout + said.stderr


def top_folders() -> dict[str, str | None]:
    """Name what a jail's root has of programs, settings and devices, with what it links to where it is a link."""
    paths = [Path("/") / name for name in ("usr", *_TOP, "etc", "dev")]
    return {str(path): str(path.readlink()) if path.is_symlink() else None for path in paths if path.is_dir()}


def _hidden_sources() -> list[str]:
    """Cover our own packages where they are installed below `/usr`: a task's answers must not be importable."""
    root = Path(__file__).resolve().parents[2]
    args: list[str] = []
    for path in (root / name for name in _OURS):
        if path.is_dir() and path.is_relative_to("/usr"):
            args += ["--tmpfs", str(path)]
    return args
