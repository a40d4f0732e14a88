"""A night's lessons: told with a proposal, held against its screen, carried to the next night, never with task text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec
from optimizer.lessons import Book, Shelf, Status
from optimizer.sessions.briefing import opened, told
from optimizer.sessions.learning import begin_with, book_of, carry
from optimizer.sessions.proposing import propose_change
from optimizer.stages.examine import screen_on_train
from optimizer.stages.measure import baseline
from optimizer.stages.verdicts import decide
from task_agent.models.base import ModelReply
from task_agent.models.scripted import call

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
GENERAL = "Attempts fail because the last command's error is not looked at."
SETTINGS = {"lessons": {"book": "office"}}


def steps(lesson: str, used: list[str], number: int = 1) -> list[ModelReply]:
    claim = {
        "title": f"look twice, {number}",
        "hypothesis": "errors are overlooked",
        "refuted_by": "It fails as often.",
        "evidence": ["c000/sums-00/a00"],
        "prediction": {"fixes": ["sums-00", "sums-01", "sums-02"], "at_risk": []},
        "lesson": lesson,
        "lessons_used": used,
    }
    return [call("edit_file", {"path": "prompts/system.md", "new": f"Look {number}.\n"}), call("submit_change", claim)]


def night(bench: Worlds, rates: Rates, better: bool, said: list[ModelReply], **more: Any) -> Any:
    chances = {"c000": 0.0, "c001": float(better), "c002": float(better)}
    world = bench(rates(1, chances), proposer=said, settings=SETTINGS, **more)
    begin_with(world.folder, world.config)
    baseline(world.bench)
    return world


def decided(world: Any, slot: int) -> None:
    propose_change(world.bench, slot, "c000")
    name = f"c{slot:03d}"
    screen_on_train(world.bench, name, "c000")
    if name not in world.verdicts():
        decide(world.bench, name, "not_better", {})


@pytest.fixture
def home(bench: Worlds, rates: Rates) -> Callable[..., Any]:
    """Give a maker of nights of one scripted proposal."""

    def make(lesson: str, *, better: bool = True, used: list[str] | None = None, **more: Any) -> Any:
        world = night(bench, rates, better, steps(lesson, used or []), **more)
        decided(world, 1)
        return world

    return make


def test_a_told_lesson_becomes_a_rule_when_its_screen_confirms_it(home: Callable[..., Any]) -> None:
    [lesson] = book_of(home(GENERAL).bench).lessons
    assert (lesson.status, lesson.text, lesson.evidence) == (Status.RULE, GENERAL, ("r/c000/sums-00/a00",))


def test_a_lesson_whose_change_did_not_help_falls(home: Callable[..., Any]) -> None:
    [lesson] = book_of(home(GENERAL, better=False).bench).lessons
    assert lesson.status is Status.FALLEN


@pytest.mark.parametrize("lesson", ["In csv-sums-31 the answer is 48,213.77", "Look at sums-00 twice"])
def test_a_lesson_with_text_of_particular_tasks_is_never_remembered(
    bench: Worlds, rates: Rates, a_task: Callable[..., Any], lesson: str
) -> None:
    tasks = [a_task(number) for number in range(12)]
    tasks.append(a_task(31, "csv-sums", tests={"expected.txt": b"48,213.77\n"}))
    world = night(bench, rates, True, steps(lesson, []), tasks=tasks, sizes=(3, 6, 4))
    decided(world, 1)
    assert world.ledger.candidates()[1].lesson == lesson
    assert book_of(world.bench).lessons == ()
    carry(world.bench)
    assert "48" not in Shelf.of(world.folder.path.parent, "office").path.read_text()


def test_the_next_session_is_told_the_lessons_with_how_they_fared_and_without_where(
    bench: Worlds, rates: Rates
) -> None:
    world = night(bench, rates, True, steps(GENERAL, []))
    decided(world, 1)
    lines = list(told(world.bench, opened(world.bench, [2], "c000")[0]))
    [line] = [line for line in lines if GENERAL in line]
    assert "seen in 1 attempt; confirmed 1, contradicted 0" in line
    assert "sums-00" not in line


def test_a_lesson_that_a_later_change_stands_on_is_tested_again(bench: Worlds, rates: Rates) -> None:
    known = Book().tell(GENERAL, [], "r")[1]
    world = night(bench, rates, True, [*steps(GENERAL, []), *steps("", [known], 2)])
    decided(world, 1)
    decided(world, 2)
    assert GENERAL in (world.folder.path / "proposer" / "s002" / "lessons" / "lessons.md").read_text()
    assert book_of(world.bench).lessons[0].confirmed == 2


def test_a_book_is_carried_to_the_next_night_once_whatever_is_done_again(home: Callable[..., Any]) -> None:
    world = home(GENERAL)
    carry(world.bench)
    carry(world.bench)
    shelf = Shelf.of(world.folder.path.parent, "office")
    assert [lesson.confirmed for lesson in shelf.read().lessons] == [1]
    said = begin_with(world.folder, world.config)
    assert said == "the night begins with 1 lessons of the book 'office', 1 of them rules"


def test_a_run_without_a_book_neither_tells_nor_keeps(bench: Worlds, rates: Rates) -> None:
    world = bench(rates(1, {"c000": 0.0}), proposer=steps(GENERAL, []))
    baseline(world.bench)
    decided(world, 1)
    carry(world.bench)
    assert not list((world.folder.path / "proposer" / "s001" / "lessons").iterdir())
    assert not [line for line in told(world.bench, opened(world.bench, [2], "c000")[0]) if "Lessons" in line]
    assert not (world.folder.path.parent / "lessons").exists()
