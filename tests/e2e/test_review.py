"""A night that asks before a change counts: in the background, answered from another terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from conftest import Nights

MINI = Path(__file__).with_name("mini.yaml")


def asking(nights: Nights) -> Path:
    """Write the mini night anew, as one that asks."""
    config = yaml.safe_load(MINI.read_text())
    for key in ("harness", "prices"):
        config[key] = str((MINI.parent / config[key]).resolve())
    made = nights.runs.parent / "asking.yaml"
    made.write_text(yaml.safe_dump({**config, "autonomy": "approve"}))
    return made


def test_a_night_in_the_background_asks_and_ends_as_it_is_told(nights: Nights) -> None:
    nights.ratchet("run", str(asking(nights)), "--run-id", "asks", "--detach")
    waiting = awaited(nights)
    listed = nights.data("review", "asks")
    assert [row["candidate"] for row in listed["rows"]] == waiting
    shown = nights.ratchet("review", "asks", waiting[0], "--format", "table").stdout
    assert "waits for a person's word" in shown
    assert "held-out tasks" in shown
    assert "--accept" in shown
    too_soon = nights.ratchet("review", "asks", "c000", "--accept", check=False)
    assert too_soon.returncode == 2
    said = nights.data("review", "asks", waiting[0], "--accept", "--by", "ada", "--reason", "general advice")
    assert (said["said"], said["by"]) == ("accepted", "ada")
    while more := awaited(nights):
        nights.data("review", "asks", more[0], "--refuse")
    assert nights.data("status", "asks")["champion"] == waiting[0]
    page = nights.ratchet("candidates", "show", "asks", waiting[0], "--format", "table").stdout
    assert "general advice" in page


def awaited(nights: Nights) -> list[str]:
    """Wait until the night asks, or is finished; give what waits."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        stands = nights.data("status", "asks")
        if stands["state"] == "finished":
            return []
        if stands["waiting"]:
            return list(stands["waiting"])
        time.sleep(0.3)
    raise AssertionError(stands)
