"""Nights that differ in what the proposer sees: counted by the attempts they need, kept, read again, and honest."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from optimizer.facts import read_facts
from optimizer.gate.simulation.measures import Measure
from optimizer.run_file import load_run_file
from optimizer.run_folder import RunFolder
from optimizer.studies.ablation import VIEWS, Ablation, Night, climb, tabulate
from optimizer.studies.audit import load_truth
from optimizer.studies.tool_trial import ToolTrials
from traces.errors import UsageError

RUN_FILE = Path(__file__).parents[3] / "configs/bench-proposer.yaml"


def night(view: str, seed: int, attempts: int | None, spent: int = 400, score: float = 0.5) -> Night:
    return Night(view, seed, attempts, spent, 0.3, score, 2)


def value(cell: object) -> float | None:
    assert isinstance(cell, Measure)
    return cell.value


def test_views_are_summed_up_seed_by_seed() -> None:
    nights = [night("traces", 1, 100), night("traces", 2, 300), night("blanked", 1, 350), night("blanked", 2, None)]
    rich, blind = tabulate(nights, ["traces", "blanked"])
    assert (rich["nights"], rich["reached"], rich["attempts_median"]) == (2, 2, 200.0)
    assert (value(rich["attempts"]), value(rich["fewer_than_blanked"])) == (200.0, 175.0)
    assert (blind["reached"], blind["attempts_median"], value(blind["attempts"])) == (1, None, 375.0)
    assert value(blind["fewer_than_blanked"]) is None


def test_two_nights_that_never_reached_the_score_are_equal_whatever_they_spent() -> None:
    rich, _ = tabulate([night("traces", 1, None, 470), night("blanked", 1, None, 380)], ["traces", "blanked"])
    assert value(rich["attempts"]) == 470.0
    assert value(rich["fewer_than_blanked"]) == 0.0


def test_a_median_stands_while_most_nights_reached_the_score() -> None:
    nights = [night("traces", seed, attempts) for seed, attempts in enumerate((100, 300, None))]
    assert next(tabulate(nights, ["traces"]))["attempts_median"] == 300.0


def test_a_climb_begins_at_the_baseline_and_holds_the_true_score_of_each_champion(
    finished_run: tuple[Path, str],
) -> None:
    folder = RunFolder(finished_run[0] / finished_run[1])
    facts, steps = read_facts(folder), climb(folder)
    assert (steps[0].champion, steps[0].after) == ("c000", 0)
    assert [step.after for step in steps] == sorted(step.after for step in steps)
    with ToolTrials("process") as trials:
        truth = load_truth(facts, trials)
        assert all(step.score == truth.score(step.champion, "heldout", "test") for step in steps)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_richer_view_is_no_worse_and_a_blanked_one_no_better_than_chance(tmp_path: Path) -> None:
    """The plumbing: with the simulated model a proposer without traces guesses, whatever tools it is left."""
    ablation = Ablation(load_run_file(RUN_FILE), tmp_path, 0.4)
    said: list[str] = []
    nights = [ablation.night(view, seed, said.append) for seed in (1, 2, 3) for view in VIEWS]
    by_view = {view: [night for night in nights if night.view == view] for view in VIEWS}
    blind = [dataclasses.replace(night, view="scores") for night in by_view["blanked"]]
    assert by_view["scores"] == blind, "scores alone are all that a blanked session has"
    rows = {str(row["view"]): row for row in tabulate(nights, VIEWS)}
    for view in ("traces", "digests"):
        fewer = rows[view]["fewer_than_blanked"]
        assert isinstance(fewer, Measure)
        assert fewer.value is not None
        assert fewer.value >= -2 * (fewer.error or math.inf)
        assert int(str(rows[view]["reached"])) >= int(str(rows["blanked"]["reached"]))
    assert len(said) == 12
    assert ablation.night("traces", 1, said.append) == nights[0], "what is finished is read, not played"
    other = dataclasses.replace(ablation, config=load_run_file(RUN_FILE, {"stop.iterations": 3}))
    with pytest.raises(UsageError, match="another run file"):
        other.night("traces", 1, said.append)
