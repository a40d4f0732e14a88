"""What people ask of a driver: addressed to one driver, obeyed at once, and never left for the next."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from optimizer.control import NAME, Control, Request, ask, standing, withdraw
from optimizer.telling.progress import Progress

MINE = os.getpid()


class Clock:
    """Stand still until somebody sleeps; then do what was planned for that moment."""

    def __init__(self, *, at_sleep: Callable[[], object] = lambda: None) -> None:
        self.now = 0.0
        self.naps: list[float] = []
        self.at_sleep = at_sleep

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.naps.append(seconds)
        self.at_sleep()

    def __call__(self) -> float:
        return self.now


class Desk:
    """One driver's control, its clock, and what was told and broken off."""

    def __init__(self, folder: Path, *, grace_s: float = 10.0) -> None:
        self.clock = Clock()
        self.told: list[Progress] = []
        self.broken_off: list[float] = []
        self.control = Control(
            folder,
            self.told.append,
            grace_s=grace_s,
            clock=self.clock,
            sleep=self.clock.sleep,
            interrupt=lambda: self.broken_off.append(self.clock.now),
        )


def test_a_request_reaches_the_driver_it_names_and_no_other(tmp_path: Path) -> None:
    ask(tmp_path, Request("pause", MINE))
    assert standing(tmp_path, MINE) == Request("pause", MINE, at=standing(tmp_path, MINE).at)  # type: ignore[union-attr]
    assert standing(tmp_path, MINE + 1) is None
    assert standing(tmp_path, None) is None


def test_a_new_driver_removes_what_was_left_for_an_earlier_one_even_one_of_its_own_number(tmp_path: Path) -> None:
    ask(tmp_path, Request("stop", MINE))
    desk = Desk(tmp_path)
    assert desk.control.look() is None
    assert not desk.control.draining
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"verb": "explode", "pid": 1}', '{"pid": 1}', '{"verb": 3, "x": 1}'])
def test_a_file_that_is_no_request_asks_for_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(text)
    assert standing(tmp_path, 1) is None


def test_the_newest_request_replaces_the_earlier_one_and_can_be_withdrawn(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    ask(tmp_path, Request("pause", MINE))
    desk.control.look()
    assert desk.control.draining
    ask(tmp_path, Request("stop", MINE, "iteration"))
    assert desk.control.look() is not None
    assert not desk.control.draining
    withdraw(tmp_path)
    assert desk.control.look() is None
    assert [event.text for event in desk.told][-1] == "the request is withdrawn: the run goes on"


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    from traces.errors import UsageError

    with pytest.raises(UsageError, match="cannot write"):
        ask(tmp_path / "gone", Request("stop", 1))


def test_waiting_ends_after_its_time_or_as_soon_as_something_is_asked(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.control.wait(5.0)
    assert desk.clock.now == pytest.approx(5.0)
    desk.clock.at_sleep = lambda: ask(tmp_path, Request("stop", MINE, "iteration"))
    desk.control.wait(500.0)
    assert desk.clock.now < 6.0


def test_a_pause_holds_until_it_is_withdrawn_or_a_stop_replaces_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    ask(tmp_path, Request("pause", MINE))
    desk.clock.at_sleep = lambda: withdraw(tmp_path) if desk.clock.now > 100 else None
    assert desk.control.hold() is None
    assert desk.clock.now > 100
    ask(tmp_path, Request("pause", MINE))
    desk.clock.at_sleep = lambda: ask(tmp_path, Request("stop", MINE))
    assert desk.control.hold() == desk.control.look()


def test_what_is_in_flight_is_broken_off_once_when_its_grace_is_over(tmp_path: Path) -> None:
    desk = Desk(tmp_path, grace_s=10.0)
    ask(tmp_path, Request("stop", MINE, "now"))
    for now in (0.0, 5.0, 9.9, 10.1, 20.0):
        desk.clock.now = now
        desk.control.tick()
    assert desk.broken_off == [10.1]


@pytest.mark.parametrize("request_", [Request("pause", MINE), Request("stop", MINE, "iteration")])
def test_a_pause_and_a_stop_after_the_iteration_break_nothing_off(request_: Request, tmp_path: Path) -> None:
    desk = Desk(tmp_path, grace_s=10.0)
    ask(tmp_path, request_)
    for now in (0.0, 1e6):
        desk.clock.now = now
        desk.control.tick()
    assert desk.broken_off == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_drains_and_says_how_to_go_on_the_second_stops_at_once(
    number: signal.Signals, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, grace_s=7.0)
    before = signal.getsignal(number)
    with desk.control.signals():
        os.kill(MINE, number)
        assert desk.control.draining
        assert "ratchet resume" in desk.told[-1].text
        assert "7 s" in desk.told[-1].text
        with pytest.raises(KeyboardInterrupt):
            os.kill(MINE, signal.SIGINT)
    assert signal.getsignal(number) is before


def test_a_request_is_one_whole_line_of_json(tmp_path: Path) -> None:
    ask(tmp_path, Request("stop", 7, "now", certify=True))
    read = json.loads((tmp_path / NAME).read_text())
    assert (read["verb"], read["pid"], read["after"], read["certify"]) == ("stop", 7, "now", True)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
