"""A night of a hundred candidates, for real: its page comes about beside the run and is small, whole and quick."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimizer.facts import read_facts
from optimizer.report.html import page
from optimizer.run_folder import RunFolder

if TYPE_CHECKING:
    from conftest import Nights

HUNDRED = Path(__file__).with_name("hundred.yaml")
CANDIDATES = 100


@pytest.mark.slow
def test_a_night_of_a_hundred_candidates_has_a_small_and_whole_page(nights: Nights) -> None:
    nights.ratchet("run", str(HUNDRED), "--run-id", "hundred", timeout_s=1_800)
    folder = RunFolder(nights.runs / "hundred")
    text = folder.page.read_text()
    assert len(text.encode()) < 1_000_000
    facts = read_facts(folder)
    assert len(facts.slots) == CANDIDATES
    assert facts.certificate is not None
    proposed = {row.id for row in facts.changes}
    assert proposed <= set(re.findall(r' id="(c\d{3})"', text))
    begun = time.process_time()
    page(facts)
    assert time.process_time() - begun < 1.0
