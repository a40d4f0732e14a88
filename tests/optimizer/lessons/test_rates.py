"""How often a lesson becomes a rule: one without any effect, and a true one.

Attempts are coins, not a model's: the figures say what the rules of a book do, given chances that are configured here.
"""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from optimizer.lessons import Book, Outcome, Status, judge

TASKS, RUNS, LATER, LIVES = 6, 2, 3, 800
MOST_CHANCE = 0.6
"""Tasks pass by chances spread evenly from 0 to this with the champion; those that failed in each run are named."""


def screen(coin: random.Random, gain: float, *, afresh: bool) -> Outcome:
    """Name tasks that failed, screen a change that passes them `gain` more often, and let the pair say something."""
    before: list[float] = []
    after: list[float] = []
    while len(before) < TASKS:
        chance = coin.uniform(0, MOST_CHANCE)
        seen = [coin.random() < chance for _ in range(RUNS)]
        if any(seen):
            continue
        again = [coin.random() < chance for _ in range(RUNS)]
        before.append(fmean(again if afresh else seen))
        after.append(fmean(coin.random() < min(1.0, chance + gain) for _ in range(RUNS)))
    return judge(before, after)


def rules(gain: float, later: int, *, afresh: bool = True) -> float:
    """Give the share of lessons that are rules after their own screen and `later` ones, each of another candidate."""
    coin, found = random.Random(6), 0
    for _ in range(LIVES):
        book = Book()
        for _ in range(1 + later):
            book = book.taught("Look twice.", [], [], screen(coin, gain, afresh=afresh), "r")
        found += book.lessons[0].status is Status.RULE
    return found / LIVES


def test_no_lesson_is_a_rule_by_its_own_screen_alone() -> None:
    assert rules(0.0, 0) == rules(0.3, 0) == rules(0.9, 0) == 0.0


@pytest.mark.parametrize(("later", "most"), [(1, 0.07), (LATER, 0.07)])
def test_a_lesson_without_effect_seldom_becomes_a_rule(later: int, most: float) -> None:
    assert rules(0.0, later) <= most


@pytest.mark.parametrize(("later", "least"), [(1, 0.5), (LATER, 0.75)])
def test_a_true_lesson_mostly_becomes_one(later: int, least: float) -> None:
    assert rules(0.3, later) >= least


def test_against_the_attempts_that_tasks_were_chosen_by_a_lesson_without_effect_would_become_a_rule() -> None:
    assert rules(0.0, 1, afresh=False) > 0.5
