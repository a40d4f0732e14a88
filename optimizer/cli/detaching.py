"""Starts a driver that outlives the terminal: in a session of its own, its output in a file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Final

import typer

from optimizer.ledger.lock import holder
from optimizer.run_folder import RunFolder

LAUNCH_S: Final = 60.0
LOOK_EVERY_S: Final = 0.05
TAIL_BYTES: Final = 4000


def launch(folder: RunFolder, *, as_json: bool) -> None:
    """Start a driver that takes the run up, and print the launch record once it holds the run.

    Raises:
        typer.Exit: The driver ended at once; with its exit code, after its last words.
    """
    with folder.log.open("ab") as log:
        begun = log.tell()
        driver = subprocess.Popen(
            [sys.executable, "-m", "optimizer", "resume", folder.id, "--runs-dir", str(folder.path.parent.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    until = time.monotonic() + LAUNCH_S
    while holder(folder.path) != driver.pid and time.monotonic() < until:
        if (code := driver.poll()) is not None:
            _tell_end(folder, begun)
            raise typer.Exit(code)
        time.sleep(LOOK_EVERY_S)
    driver.returncode = 0  # it goes on without this process, which must not wait for it
    _tell_launch(folder, driver.pid, as_json=as_json)


def _tell_end(folder: RunFolder, begun: int) -> None:
    from optimizer.cli.output import complain

    with folder.log.open("rb") as log:
        log.seek(begun)
        words = log.read()[-TAIL_BYTES:].decode(errors="replace")
    complain(f"the driver ended at once; its words stand in {folder.log}:")
    complain(words.rstrip())


def _tell_launch(folder: RunFolder, pid: int, *, as_json: bool) -> None:
    from optimizer.cli.output import say, write_json

    following = {
        "status": folder.command("status"),
        "tail": folder.command("tail"),
        "pause": folder.command("pause"),
        "stop": folder.command("stop"),
        "report": folder.command("report"),
    }
    if as_json:
        log = str(folder.log.resolve())
        write_json({"run": folder.id, "pid": pid, "folder": str(folder.path), "log": log, "next": following})
        return
    say(f"run {folder.id} goes on in the background: process {pid}, output in {folder.log}")
    purposes = {"status": "how it stands", "tail": "follow it", "stop": "stop it, to be resumed"}
    for name, purpose in purposes.items():
        say(f"  {following[name]}  # {purpose}")
