"""The bare loops of the kinds without an engine: `bwrap` or nothing between the caller and the processes."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from task_agent.sandbox._jail import UNPRIVILEGED_ID
from task_agent.sandbox.bench.work import COMMANDS, FILES, REWARD, TEST


@functools.cache
def jail() -> tuple[str, ...]:
    """Give the shortest command line of bwrap that isolates files, users, network and processes as ours does."""
    argv = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--die-with-parent"]
    argv += ["--new-session", "--cap-drop", "ALL", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin"]
    argv += ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for name in ("bin", "lib", "lib64", "sbin"):
        if Path(f"/{name}").is_symlink():
            argv += ["--symlink", f"usr/{name}", f"/{name}"]
    if os.geteuid() == 0:
        chroot = shutil.which("chroot") or "/usr/sbin/chroot"
        argv = [chroot, f"--userspec=+{UNPRIVILEGED_ID}:+{UNPRIVILEGED_ID}", "--groups=", "/", *argv]
    return tuple(argv)


def attempt(*, jailed: bool) -> bool:
    """Make a folder, run the commands over one shell, grade in a fresh process, read, remove."""
    base = Path(tempfile.mkdtemp())
    for name in ("app/notes", "tests", "logs/verifier"):
        (base / name).mkdir(parents=True)
    for name, data in FILES.items():
        (base / "app" / name).write_bytes(data)
    if jailed and os.geteuid() == 0:
        _give(base)
    _work(base, [*jail(), "--bind", f"{base}/app", "/app", "--chdir", "/app"] if jailed else [])
    (base / "tests/test.sh").write_bytes(TEST)
    _grade(base, jailed=jailed)
    earned = (base / "logs/verifier/reward.txt").read_bytes() == REWARD
    shutil.rmtree(base)
    return earned


def _work(base: Path, before: list[str]) -> None:
    shell = subprocess.Popen([*before, "/bin/bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=base / "app")
    with shell:
        assert shell.stdin is not None
        assert shell.stdout is not None
        for command in COMMANDS:
            shell.stdin.write(f"{command}\necho @@done $?\n".encode())
            shell.stdin.flush()
            while not shell.stdout.readline().startswith(b"@@done"):
                pass
        shell.kill()


def _grade(base: Path, *, jailed: bool) -> None:
    before: list[str] = []
    if jailed:
        before = [*jail(), "--bind", f"{base}/app", "/app", "--ro-bind", f"{base}/tests", "/tests"]
        before += ["--bind", f"{base}/logs", "/logs", "--chdir", "/app"]
    script = "/tests/test.sh" if jailed else f"{base}/tests/test.sh"
    env = {"PATH": "/usr/bin:/bin", "LOGS_DIR": "/logs" if jailed else f"{base}/logs"}
    command = [*before, "/bin/bash", script]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, cwd=base / "app", env=env)


def _give(base: Path) -> None:
    for root, folders, files in os.walk(base):
        for name in (root, *(f"{root}/{entry}" for entry in (*folders, *files))):
            os.chown(name, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
