"""What the gate promises, held against worlds whose truth is known; bounds leave Monte Carlo room."""

from __future__ import annotations

import pytest

from optimizer.gate.simulation.crew import Crew
from optimizer.gate.simulation.targets import STUDIES, Study, hold


def broken(study: Study, *, quick: bool) -> list[str]:
    lines = hold(study, Crew(), first=1000, quick=quick)
    assert lines
    return [f"{line.promise}: {line.measured} is not {line.sign} {line.bound}" for line in lines if not line.kept]


def test_every_target_of_the_nine_is_asked() -> None:
    assert {promise.target for study in STUDIES for promise in study.promises} == set(range(1, 10))


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_the_reduced_form_holds(study: Study) -> None:
    assert broken(study, quick=True) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_the_full_size_holds(study: Study) -> None:
    assert broken(study, quick=False) == []
