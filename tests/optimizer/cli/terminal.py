"""The real command, as a person or a program starts it: on a terminal of some width, or in a pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
SILENT = ("ANTHROPIC_", "RATCHET_", "NO_COLOR", "COLUMNS", "LC_", "PYTHON")


class Said(NamedTuple):
    """Hold how a process ended and what it wrote."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """Give an environment in which nothing is said about Ratchet but what the test says."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(SILENT)}
    return {**kept, "TERM": "xterm", "PYTHONPATH": str(ROOT), **more}


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "optimizer", *map(str, words)]


def piped(*words: object, stdin: str = "", cwd: Path | None = None, **env: str) -> Said:
    """Run a command whose streams are pipes."""
    done = subprocess.run(
        command(*words), check=False, capture_output=True, input=stdin, text=True, env=environment(**env), cwd=cwd
    )
    return Said(done.returncode, done.stdout, done.stderr)


def on_terminal(*words: object, columns: int = 100, typed: str = "", cwd: Path | None = None, **env: str) -> Said:
    """Run a command on a terminal; both streams come together in `out`."""
    main, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        command(*words), stdin=child, stdout=child, stderr=child, env=environment(**env), cwd=cwd, close_fds=True
    ) as process:
        os.close(child)
        if typed:
            os.write(main, typed.encode())
        said = b"".join(iter(lambda: _read(main), b""))
        code = process.wait(60)
    os.close(main)
    return Said(code, said.decode().replace("\r\n", "\n"), "")


def _read(file: int) -> bytes:
    try:
        return os.read(file, 65536)
    except OSError:  # Linux's way to say that the other end is closed
        return b""
