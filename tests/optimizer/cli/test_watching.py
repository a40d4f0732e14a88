"""`ratchet tail` and `ratchet replay`: what a run told, while it works, after it ended, and after it was killed."""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from optimizer.cli.watch.replay import MOST_GAP_S, ReplayClock, paced
from optimizer.ledger import DriverLock
from optimizer.run_folder import RunFolder
from optimizer.telling.events import EventLog, log_of, read_events
from optimizer.telling.progress import Progress

if TYPE_CHECKING:
    from conftest import FinishedRun

Run = Callable[..., Any]
CONTROL = re.compile(r"[^\n\x20-\x7e\u00a0-\uffff]")


@pytest.fixture
def copied(finished_run: FinishedRun, tmp_path: Path) -> RunFolder:
    """Copy the finished run, so that a test may change it."""
    shutil.copytree(finished_run.runs / finished_run.run, tmp_path / "runs" / "done")
    return RunFolder(tmp_path / "runs" / "done")


# tail ---------------------------------------------------------------------------------------


def test_tail_of_a_finished_run_ends_with_its_state_and_the_next_command(done: Run) -> None:
    answer = done("tail", "-n", 3)
    lines = answer.out.splitlines()
    assert answer.code == 0
    assert lines[2].endswith("  finished: iterations")
    assert lines[3].startswith("run done: finished; ")
    assert lines[-1].startswith("next: ratchet report done")


def test_tail_shows_as_many_events_as_asked_for(done: Run) -> None:
    lines = [line for line in done("tail", "-n", 5).out.splitlines() if re.match(r"\d\d:\d\d:\d\d  ", line)]
    assert len(lines) == 5
    assert not re.search(r"^\d\d:\d\d", done("tail", "-n", 0).out, re.MULTILINE)


def test_tail_in_a_pipe_has_no_control_characters_and_fits_80_columns(done: Run) -> None:
    out = done("tail", "-n", 500).out
    assert not CONTROL.search(out)
    assert max(len(line) for line in out.splitlines() if re.match(r"\d\d:\d\d:\d\d| {10}", line)) <= 80


def test_tail_as_json_lines_gives_the_log_itself(done: Run, finished_run: FinishedRun) -> None:
    answer = done("tail", "-n", 4, "--display", "json")
    log = log_of(finished_run.runs / finished_run.run).read_text().splitlines()
    assert answer.out.splitlines() == log[-4:]
    assert "run done: finished" in answer.err


def test_tail_as_one_json_answer_has_state_events_and_next_commands(done: Run) -> None:
    data = done("tail", "-n", 2, "--json").data
    assert (data["run"], data["state"], len(data["events"])) == ("done", "finished", 2)
    assert data["events"][-1]["kind"] == "finished"
    assert data["next"][0].startswith("ratchet report done")


def test_tail_of_a_run_without_a_log_still_tells_its_state(copied: RunFolder, ratchet: Run) -> None:
    log_of(copied.path).unlink()
    answer = ratchet("tail", "done", "--runs-dir", copied.path.parent)
    assert answer.code == 0
    assert answer.out.startswith("run done: finished")


def test_tail_of_no_run_is_not_found(ratchet: Run, tmp_path: Path) -> None:
    assert ratchet("tail", "nothing", "--runs-dir", tmp_path).code == 3


def test_tail_follows_a_living_driver_and_ends_with_it(copied: RunFolder, ratchet: Run) -> None:
    lock = DriverLock(copied.path)
    lock.__enter__()

    def drive() -> None:
        with EventLog(log_of(copied.path), lambda _: None) as log:
            time.sleep(0.5)
            log(Progress("notice", "said while it was watched"))
            time.sleep(0.5)
        lock.__exit__(None, None, None)

    driver = threading.Thread(target=drive)
    driver.start()
    answer = ratchet("tail", "done", "-n", 1, "--runs-dir", copied.path.parent)
    driver.join()
    said = [line[10:] for line in answer.out.splitlines()][:2]
    assert said == ["finished: iterations", "said while it was watched"]


# replay -------------------------------------------------------------------------------------


def test_replay_tells_the_whole_run_again_and_says_that_it_is_a_replay(done: Run) -> None:
    answer = done("replay", "--speed", "max")
    assert answer.code == 0
    assert answer.err.startswith("REPLAY of run done: nothing is run, decided or paid")
    assert "(simulated model)" in answer.out
    assert "baseline done" in answer.out
    assert answer.out.rstrip().endswith("end of the replay; run done itself: finished")


def test_replay_as_json_lines_is_the_log(done: Run, finished_run: FinishedRun) -> None:
    answer = done("replay", "--speed", "max", "--json")
    assert answer.out == log_of(finished_run.runs / finished_run.run).read_text()


def test_replay_of_a_killed_run_plays_what_there_is(copied: RunFolder, ratchet: Run) -> None:
    path = log_of(copied.path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    answer = ratchet("replay", "done", "--speed", "max", "--display", "json", "--runs-dir", copied.path.parent)
    assert answer.code == 0
    assert [json.loads(line)["seq"] for line in answer.out.splitlines()] == [e.seq for e in read_events(path)]


def test_replay_without_a_log_says_what_is_left_to_read(copied: RunFolder, ratchet: Run) -> None:
    log_of(copied.path).unlink()
    answer = ratchet("replay", "done", "--runs-dir", copied.path.parent)
    assert answer.code == 3
    assert "ratchet report" in answer.err


def test_a_log_sent_without_its_run_can_be_replayed(finished_run: FinishedRun, ratchet: Run, tmp_path: Path) -> None:
    log = tmp_path / "sent.jsonl"
    shutil.copy(log_of(finished_run.runs / finished_run.run), log)
    answer = ratchet("replay", log, "--speed", "max")
    assert answer.code == 0
    assert answer.out.rstrip().endswith("end of the replay")
    assert answer.err.startswith("REPLAY of sent.jsonl:")
    assert ratchet("replay", tmp_path / "none.jsonl").code == 3


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "inf", "nan"])
def test_a_speed_that_is_none_is_refused(done: Run, speed: str) -> None:
    answer = done("replay", "--speed", speed)
    assert (answer.code, "is no speed" in answer.err) == (2, True)


def replayed(*gaps: float, speed: float | None, kinds: str = "") -> tuple[list[float], list[float]]:
    """Replay events with these gaps; give the real waits, and the clock's time at each event."""
    waits: list[float] = []
    real = [0.0]

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        real[0] += seconds

    clock = ReplayClock(speed, sleep=sleep, monotonic=lambda: real[0])
    ats = [1000.0, *itertools.accumulate(gaps, initial=1000.0)][1:]
    events = [Progress("started" if n in map(int, kinds) else "notice", "", at=at) for n, at in enumerate(ats)]
    seen = [clock() for _ in paced(events, clock)]
    return waits, seen


def test_a_replay_keeps_the_pace_times_its_speed() -> None:
    assert replayed(40.0, 20.0, speed=20.0) == ([2.0, 1.0], [1000.0, 1040.0, 1060.0])


def test_a_replay_at_full_speed_waits_for_nothing() -> None:
    assert replayed(40.0, 20.0, speed=None) == ([], [1000.0, 1040.0, 1060.0])


def test_the_hours_between_two_drivers_are_cut_short() -> None:
    waits, seen = replayed(36_000.0, speed=2.0, kinds="1")
    assert (waits, seen[-1]) == ([MOST_GAP_S], 37_000.0)


def test_a_clock_that_jumped_back_does_not_stop_a_replay() -> None:
    assert replayed(-3600.0, 10.0, speed=10.0)[0] == [0.0, 1.0]


# On a real terminal -------------------------------------------------------------------------


def on_terminal(*words: object, columns: int = 80, rows: int = 24, **env: str) -> tuple[int, str]:
    """Run `ratchet WORDS` on a pseudo-terminal; give its exit code and all it wrote there."""
    import fcntl
    import struct
    import termios

    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "RATCHET_FORMAT")}
    command = [sys.executable, "-m", "optimizer", *map(str, words)]
    shell = subprocess.Popen(
        command, stdin=other, stdout=other, stderr=other, env={**kept, "TERM": "xterm-256color", **env}
    )
    os.close(other)
    written = b""
    try:
        while piece := os.read(main, 65536):
            written += piece
    except OSError:  # how Linux tells that nobody holds the other end any more
        pass
    os.close(main)
    return shell.wait(60), written.decode()


def test_on_a_terminal_a_replay_is_a_live_view_that_gives_the_cursor_back(finished_run: FinishedRun) -> None:
    code, written = on_terminal("replay", "done", "--speed", 30, "--runs-dir", finished_run.runs)
    assert code == 0
    for part in ("REPLAY at 30x", "SIMULATED MODEL", "certify", "iteration", "champion", "●", "climb"):
        assert part in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


def test_without_colour_the_view_has_none(finished_run: FinishedRun) -> None:
    words = ("replay", "done", "--speed", "max", "--runs-dir", finished_run.runs)
    _, coloured = on_terminal(*words)
    _, plain = on_terminal(*words, NO_COLOR="1")
    colour = re.compile(r"\x1b\[[0-9;]*3[0-7][;m]")
    assert colour.search(coloured)
    assert not colour.search(plain)
    assert "REPLAY" in plain


def test_a_dumb_terminal_gets_lines_and_no_control_characters(finished_run: FinishedRun) -> None:
    words = ("replay", "done", "--speed", "max", "--runs-dir", finished_run.runs)
    code, written = on_terminal(*words, columns=60, TERM="dumb")
    text = written.replace("\r\n", "\n")
    assert code == 0
    assert not CONTROL.search(text)
    assert max(map(len, text.splitlines())) <= 60


@pytest.mark.slow
def test_a_whole_night_on_a_terminal(tmp_path: Path) -> None:
    mini = Path(__file__).parents[2] / "e2e" / "mini.yaml"
    code, written = on_terminal("run", mini, "--run-id", "night", "--runs-dir", tmp_path)
    assert code == 0
    for part in ("ratchet night", "SIMULATED MODEL", "preflight", "gate c001, look 1 of 2", "certify", "finished"):
        assert part in written
    assert "Traceback" not in written
