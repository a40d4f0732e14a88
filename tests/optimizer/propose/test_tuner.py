"""The tuner alone: the same history gives the same proposal, pruning only ends, cost is a constraint."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from optimizer.propose.tuner import FEWEST_TASKS, Tried, Tuner, distribution
from task_agent.harness import Knob
from task_agent.harness.spec import SearchRange

TASKS = range(24)
TURNS = Knob("limits.turns", SearchRange(low=1, high=40), 8)
ROUNDS = Knob("rounds", SearchRange(choices=(1, 2, 3)), 1)
EFFORT = Knob("effort", SearchRange(choices=(None, "low", True)), None)
KNOBS = (TURNS, ROUNDS, EFFORT)
OWN = Tried({knob.key: knob.value for knob in KNOBS}, dict.fromkeys(TASKS, 0.0), 1.0)
Setting = Mapping[str, Any]  # Any: values of harness.yaml


def peak(setting: Setting) -> float:
    """Give the true gain of a setting: best at 28 turns, nothing else matters."""
    return 0.6 - abs(setting["limits.turns"] - 28) / 30


def noisy(setting: Setting, seed: str) -> dict[int, float]:
    coin = random.Random(seed)
    return {task: peak(setting) + coin.gauss(0, 0.3) for task in TASKS}


def study(
    trials: int, *, journal: Path | None = None, lose: bool = False, cost_limit: float | None = None
) -> list[Tried]:
    """Tune from the beginning; with `lose` the journal is gone before every setting."""
    history = [OWN]
    for number in range(trials):
        if lose and journal is not None:
            journal.unlink(missing_ok=True)
        tuner = Tuner(KNOBS, history, seed="s", cost_limit=cost_limit, journal=journal)
        setting = tuner.ask()
        history.append(Tried(setting, noisy(setting, str(number)), setting["limits.turns"] / 10))
        tuner.tell(history[-1])
    return history


# Proposals ---------------------------------------------------------------------------------------


def test_equal_history_and_seed_give_equal_settings_with_any_journal_or_none(tmp_path: Path) -> None:
    journal = tmp_path / "tuner" / "c000.journal"
    plain = study(14)
    assert study(14, journal=journal) == plain
    assert study(14, journal=journal, lose=True) == plain
    assert len({str(tried.setting) for tried in plain}) > 8


@pytest.mark.parametrize("spoil", ["torn", "foreign", "empty", "longer"])
def test_a_journal_that_does_not_agree_with_the_history_is_begun_anew(spoil: str, tmp_path: Path) -> None:
    journal = tmp_path / "c000.journal"
    history = study(9, journal=journal)
    expected = Tuner(KNOBS, history[:8], seed="s").ask()
    match spoil:
        case "torn":
            journal.write_bytes(journal.read_bytes()[:-20])
        case "foreign":
            journal.unlink()
            for setting in ({"limits.turns": 3, "rounds": 1, "effort": None},):
                Tuner(KNOBS, [Tried(setting, {0: 1.0})], seed="s", journal=journal)
        case "empty":
            journal.write_bytes(b"")
    assert Tuner(KNOBS, history[:8], seed="s", journal=journal).ask() == expected


def test_a_setting_taken_up_after_a_kill_leads_to_the_same_next_one(tmp_path: Path) -> None:
    whole = study(8)
    journal = tmp_path / "c000.journal"
    Tuner(KNOBS, whole[:7], seed="s", journal=journal).ask()  # killed while it is tried
    again = Tuner(KNOBS, whole[:7], seed="s", journal=journal)
    again.take_up(whole[7].setting)
    again.tell(whole[7])
    assert Tuner(KNOBS, whole[:8], seed="s", journal=journal).ask() == whole[8].setting


def test_it_learns_where_the_gain_lies() -> None:
    history = study(40)
    first, last = history[1:7], history[-15:]
    assert sum(map(lambda t: peak(t.setting), last)) / 15 > sum(map(lambda t: peak(t.setting), first)) / 6 + 0.1


def test_another_seed_gives_other_settings() -> None:
    assert Tuner(KNOBS, [OWN], seed="s").ask() != Tuner(KNOBS, [OWN], seed="t").ask()


def test_a_standing_outside_the_ranges_and_a_setting_without_a_score_teach_nothing() -> None:
    outside = Tried({**OWN.setting, "limits.turns": 99}, {0: 5.0})
    foreign = Tried({**OWN.setting, "effort": "huge"}, {0: 5.0})
    silent = Tried(OWN.setting, {})
    assert Tuner(KNOBS, [outside, foreign, silent], seed="s").ask() == Tuner(KNOBS, [], seed="s").ask()


def test_a_setting_without_any_score_can_be_ended() -> None:
    tuner = Tuner(KNOBS, [OWN], seed="s")
    first = tuner.ask()
    tuner.tell(Tried(first, {}))
    with pytest.raises(ValueError, match="no setting is being tried"):
        Tuner(KNOBS, [OWN], seed="s").tell(Tried(first, {}))
    assert set(tuner.ask()) == set(first)


# Pruning -----------------------------------------------------------------------------------------


def test_what_is_clearly_worse_on_the_same_tasks_is_futile_and_what_is_better_never_is() -> None:
    tuner = Tuner(KNOBS, [OWN], seed="s")
    tuner.ask()
    assert tuner.is_futile({task: -0.5 for task in range(8)})
    tuner = Tuner(KNOBS, [OWN], seed="s")
    tuner.ask()
    assert not any(tuner.is_futile(dict.fromkeys(range(tasks), 0.5)) for tasks in TASKS)


def test_nothing_is_futile_on_a_handful_of_tasks_or_without_a_difference() -> None:
    tuner = Tuner(KNOBS, [OWN], seed="s")
    tuner.ask()
    assert not tuner.is_futile({task: -1.0 for task in range(FEWEST_TASKS - 1)})
    tuner = Tuner(KNOBS, [OWN], seed="s")
    tuner.ask()
    assert not tuner.is_futile({task: 0.0 for task in TASKS})


def test_a_task_that_the_best_setting_lacks_is_left_out_of_the_pairs() -> None:
    tuner = Tuner(KNOBS, [Tried(OWN.setting, dict.fromkeys(range(10), 0.0))], seed="s")
    tuner.ask()
    assert tuner.is_futile({task: -0.5 for task in TASKS})


def test_a_part_of_the_tasks_is_valued_on_the_scale_of_all_of_them() -> None:
    assert Tried({}, {0: 0.5, 1: -0.5, 2: 0.3}).gain == pytest.approx(0.1)


# Cost --------------------------------------------------------------------------------------------


def test_settings_that_cost_too_much_are_tried_less_and_less() -> None:
    free, held = study(36), study(36, cost_limit=1.5)
    late_free, late_held = ([tried.cost_ratio or 0 for tried in history[-12:]] for history in (free, held))
    assert sum(late_free) / 12 > 2.2
    assert sum(late_held) / 12 < 1.9


# Ranges in Optuna's words --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        (SearchRange(low=1, high=9), IntDistribution(1, 9)),
        (SearchRange(low=1, high=9, step=4), IntDistribution(1, 9, step=4)),
        (SearchRange(low=1, high=4096, log=True), IntDistribution(1, 4096, log=True)),
        (SearchRange(low=0.5, high=2), FloatDistribution(0.5, 2)),
        (SearchRange(low=0.5, high=2.0, step=0.25), FloatDistribution(0.5, 2.0, step=0.25)),
        (SearchRange(choices=(True, None, "a", 1.5)), CategoricalDistribution((True, None, "a", 1.5))),
    ],
)
def test_ranges_become_distributions(search: SearchRange, expected: object) -> None:
    assert distribution(Knob("k", search, None)) == expected


# Optuna stays where it is ----------------------------------------------------------------------------


def test_optuna_is_loaded_by_the_tuner_alone_and_does_not_log(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import sys, optimizer.stages.tuning, optimizer.execute; sys.exit('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    study(2)
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("optuna").getEffectiveLevel() == logging.WARNING
