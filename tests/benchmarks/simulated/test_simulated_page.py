from __future__ import annotations

import contextlib
import re
from dataclasses import astuple
from pathlib import Path

from benchmarks.simulated import SimulatedSettings
from benchmarks.simulated.catalogue import SLIPS
from benchmarks.simulated.structures import KINDS

PAGE = Path(__file__).parents[3] / "docs" / "simulated-model.md"


def _table() -> list[str]:
    return [
        f"| `{s.id}` | {s.base:g} | {s.side:g} | {s.weight:g} | {s.guided:g} | {s.tooled:g} | {s.caught:g} "
        f"| {s.caught_guided:g} |"
        for s in SLIPS.values()
    ]


def test_the_page_lists_the_catalogue_as_it_is():
    shown = PAGE.read_text().partition("<!-- catalogue -->")[2].partition("<!-- end of catalogue -->")[0]
    assert [line for line in shown.splitlines() if line.startswith("| `")] == _table()


def test_the_page_lists_what_structure_does_as_it_is():
    shown = PAGE.read_text().partition("<!-- structures -->")[2].partition("<!-- end of structures -->")[0]
    rows = [f"| `{name}` | " + " | ".join(f"{n:g}" for n in astuple(each)) + " |" for name, each in KINDS.items()]
    assert [line for line in shown.splitlines() if line.startswith("| `")] == rows


def test_the_page_shows_the_default_settings():
    defaults = SimulatedSettings()
    text = PAGE.read_text()
    assert f"detection: {defaults.reflector.detection}, false_alarm: {defaults.reflector.false_alarm}" in text
    assert f"detection: {defaults.referee.detection}, false_alarm: {defaults.referee.false_alarm}" in text
    assert f"good: {defaults.mix.good}, useless: {defaults.mix.useless}" in text


def test_the_code_on_the_page_runs():
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code
    with contextlib.chdir(PAGE.parents[1]):
        for block in code:
            exec(compile(block, str(PAGE), "exec"), {})


def test_the_catalogue_is_rich_enough():
    assert len(SLIPS) >= 12
    for slip in SLIPS.values():
        assert min(len(slip.telltales), len(slip.guidance)) >= 3
        assert len(slip.held_out) >= 2
        assert not set(slip.held_out) & set(slip.guidance)
    phrases = [text for slip in SLIPS.values() for text in (*slip.telltales, slip.problem)]
    assert len(set(phrases)) == len(phrases)
