"""Disks that fill, turn read-only or vanish under a night: said in words, nothing lost, and the night ends the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimizer.cli.exit_codes import ExitCode
from traces.store import TraceStore

if TYPE_CHECKING:
    from conftest import Nights

HERE = Path(__file__).parent
Whole = tuple["Nights", Sequence[str]]


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of runs with one night, `half`, that was killed in the middle of its first gate test."""
    root = tmp_path_factory.mktemp("half")
    orders = {"killed": str(root / "killed"), "kills": [("ledger:record:gate:after", 5, "driver")]}
    command = [sys.executable, str(HERE / "doomed.py"), json.dumps(orders), "run", str(HERE / "mini.yaml")]
    done = subprocess.run(
        [*command, "--run-id", "half", "--runs-dir", str(root / "runs")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False, capture_output=True,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    return root / "runs"


@pytest.fixture
def disk() -> Iterator[Path]:
    """Mount a small disk of its own; only root can."""
    place = Path(tempfile.mkdtemp(prefix="ratchet-test-disk-"))
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(place)], check=False, capture_output=True, text=True
    )
    if made.returncode:
        place.rmdir()
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)
    place.rmdir()


def remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)


def on(disk: Path, half: Path, nights: Nights) -> Nights:
    shutil.copytree(half, disk / "runs")
    return type(nights)(disk / "runs")


def storage_fault(done: subprocess.CompletedProcess[str]) -> str:
    """Check that a command ended with a storage fault in words, and give the words."""
    said = done.stderr + done.stdout  # in a pipe, some commands answer in JSON
    assert "Traceback" not in said
    assert "a bug" not in said
    assert done.returncode == ExitCode.STORAGE
    assert "cannot use /" in said
    assert "  try: " in said or '"hint": "' in said
    return said


def test_a_full_disk_stops_the_night_and_with_room_it_ends_as_if_nothing_had_happened(
    disk: Path, half: Path, nights: Nights, whole_night: Whole
) -> None:
    small = on(disk, half, nights)
    fill = disk / "fill"
    with fill.open("wb") as file:
        file.write(b"x" * max(shutil.disk_usage(disk).free - 200_000, 0))
    assert "the disk is full" in storage_fault(small.ratchet("resume", "half", check=False))
    assert small.data("status", "half")["attempts"]["scored"] > 0
    fill.unlink()
    small.ratchet("resume", "half")
    whole, _ = whole_night
    assert small.facts("half") == whole.facts("whole")


def test_on_a_read_only_disk_a_night_is_refused_and_can_still_be_read(disk: Path, half: Path, nights: Nights) -> None:
    small = on(disk, half, nights)
    remount(disk, "ro")
    assert "the disk is read-only" in storage_fault(small.ratchet("resume", "half", check=False))
    assert small.data("status", "half")["state"] != "finished"
    refused = small.ratchet("run", str(HERE / "mini.yaml"), "--run-id", "new", check=False)
    assert refused.returncode == ExitCode.USAGE
    assert "Read-only file system" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (disk / "runs" / "new").exists()


def test_a_run_folder_that_vanishes_stops_its_driver_and_does_not_come_back(nights: Nights) -> None:
    folder = nights.runs / "gone"
    command = nights.command("run", str(HERE / "mini.yaml"), "--run-id", "gone")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as night:
        while not any(folder.glob("traces/live/*/*.jsonl")):
            assert night.poll() is None
            time.sleep(0.02)
        folder.rename(nights.runs.parent / "elsewhere")
        said = night.communicate(timeout=60)[1]
    assert night.returncode == ExitCode.STORAGE
    assert "Traceback" not in said
    assert "removed or replaced during the run" in said
    assert not (folder / "ledger.sqlite").exists()
    (nights.runs.parent / "elsewhere").rename(nights.runs / "back")
    assert nights.data("status", "back")["attempts"]["planned"] > 0


def test_a_damaged_trace_is_set_aside_and_named_and_the_night_ends_the_same(
    half: Path, nights: Nights, whole_night: Whole
) -> None:
    shutil.copytree(half, nights.runs)
    store = TraceStore(nights.runs / "half" / "traces")
    bad, good = store.segments()[0], store.segments()[-1]
    (store.root / bad.path).write_bytes(b"PAR1 no more")
    nights.ratchet("resume", "half")
    whole, _ = whole_night
    assert nights.facts("half") == whole.facts("whole")
    assert (store.root / "damaged" / bad.path).read_bytes() == b"PAR1 no more"
    assert f"set aside: trace file {bad.path}" in (nights.runs / "half" / "report.md").read_text()
    assert TraceStore(store.root).read_attempt(good.attempts[0])


@pytest.mark.parametrize("command", ["status", "resume", "report"])
def test_a_cut_ledger_is_said_in_words_by_every_command(command: str, half: Path, nights: Nights) -> None:
    shutil.copytree(half, nights.runs)
    ledger = nights.runs / "half" / "ledger.sqlite"
    for log in ("-wal", "-shm"):
        ledger.with_name(ledger.name + log).unlink(missing_ok=True)
    ledger.write_bytes(ledger.read_bytes()[:5000])
    assert "the ledger is damaged" in storage_fault(nights.ratchet(command, "half", check=False))


def test_too_few_open_files_are_said_in_words(half: Path, nights: Nights) -> None:
    shutil.copytree(half, nights.runs)
    limited = ["prlimit", "--nofile=24:24", *nights.command("resume", "half")]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert "ulimit -n" in storage_fault(done)
