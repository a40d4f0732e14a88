"""A night's lessons: told with a proposal, held against its screen, carried to the next night, never with task text."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec, Purpose
from optimizer.facts import read_facts
from optimizer.lessons import Book, Shelf, Status
from optimizer.report.accounts import spend_rows
from optimizer.sessions.briefing import foretold, opened, prediction_score, told
from optimizer.sessions.learning import begin_with, book_of, carry, lessons_told
from optimizer.sessions.proposing import propose_change, train_attempts
from optimizer.stages.afresh import afresh
from optimizer.stages.draws import OutageError
from optimizer.stages.evidence import measured
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
    outcome = more.pop("outcome", rates(1, chances))
    world = bench(outcome, proposer=said, settings=SETTINGS, **more)
    begin_with(world.folder, world.config)
    baseline(world.bench)
    return world


def decided(world: Any, slot: int) -> None:
    propose_change(world.bench, slot, "c000")
    name = f"c{slot:03d}"
    screen_on_train(world.bench, name, "c000")
    if name not in world.verdicts():
        decide(world.bench, name, "not_better", {})


def unlucky_baseline(spec: AttemptSpec) -> float:
    """Fail in the baseline, and pass whenever a task is tried again, with whatever harness."""
    return 0.0 if spec.purpose is Purpose.BASELINE else 1.0


@pytest.fixture
def home(bench: Worlds, rates: Rates) -> Callable[..., Any]:
    """Give a maker of nights of one scripted proposal."""

    def make(lesson: str, *, better: bool = True, used: list[str] | None = None, **more: Any) -> Any:
        world = night(bench, rates, better, steps(lesson, used or []), **more)
        decided(world, 1)
        return world

    return make


def test_a_told_lesson_stays_a_hypothesis_whatever_its_own_screen_says_for_it(home: Callable[..., Any]) -> None:
    [lesson] = book_of(home(GENERAL).bench).lessons
    assert (lesson.status, lesson.text, lesson.evidence) == (Status.HYPOTHESIS, GENERAL, ("r/c000/sums-00/a00",))


@pytest.mark.parametrize(("restated", "uses"), [(True, False), (False, True), (True, True)])
def test_a_lesson_becomes_a_rule_when_the_screen_of_a_later_candidate_confirms_it(
    bench: Worlds, rates: Rates, restated: bool, uses: bool
) -> None:
    known = Book().tell(GENERAL, [], "r")[1]
    later = steps(GENERAL if restated else "", [known] if uses else [], 2)
    world = night(bench, rates, True, [*steps(GENERAL, []), *later])
    decided(world, 1)
    decided(world, 2)
    [lesson] = book_of(world.bench).lessons
    assert (lesson.status, lesson.confirmed) == (Status.RULE, 1)
    assert any("rules, which later screens confirmed" in line for line in lessons_told(world.bench))


def test_the_champion_is_attempted_afresh_on_the_named_tasks_as_often_as_the_candidate(
    home: Callable[..., Any],
) -> None:
    world = home(GENERAL)
    rows = world.ledger.attempts("r", purpose="lesson")
    assert {row.stage for row in rows} == {"lesson/c001"}
    assert [(row.spec.candidate, row.spec.task) for row in rows] == [("c000", f"sums-0{n}") for n in range(3)]
    assert len(rows) == len(world.ledger.attempts("r", purpose="screen"))
    records = world.ledger.stage_records("c001")
    assert list(records) == ["lesson", "screen"]
    assert records["lesson"] == {"tasks": 3, "champion": 0.0, "candidate": 1.0}
    assert len(measured(world.bench, "c000")) == 3, "the champion's score rests on its baseline alone"
    facts = read_facts(world.folder)
    assert ["task: lesson", "train", "3"] in [row[:3] for row in spend_rows(facts)]
    assert facts.attempts_for("c001") == 6
    assert {view.id for view in train_attempts(world.bench)} == {
        row.spec.id for row in world.ledger.attempts("r", split="train") if row.spec.purpose is not Purpose.LESSON
    }


def test_tasks_that_failed_by_bad_luck_alone_confirm_nothing(bench: Worlds, rates: Rates) -> None:
    known = Book().tell(GENERAL, [], "r")[1]
    said = [*steps(GENERAL, []), *steps("", [known], 2)]
    world = night(bench, rates, True, said, outcome=unlucky_baseline)
    decided(world, 1)
    decided(world, 2)
    [lesson] = book_of(world.bench).lessons
    assert (lesson.status, lesson.confirmed) == (Status.FALLEN, 0)
    row = world.ledger.candidates()[1]
    for score in (prediction_score(world.bench, row), read_facts(world.folder).prediction_outcome(row)):
        assert score is not None
        assert (score.fixes.named, score.fixes.hits, score.afresh) == (3, 0, True)


def test_without_a_lesson_nothing_is_drawn_and_without_a_fresh_pair_nothing_is_said(home: Callable[..., Any]) -> None:
    world = home("")
    assert world.ledger.attempts("r", purpose="lesson") == []
    assert "lesson" not in world.ledger.stage_records("c001")

    def lost(spec: AttemptSpec) -> float | None:
        return None if spec.purpose is Purpose.LESSON and spec.task != "sums-00" else 0.0

    alone = home(GENERAL, outcome=lost)
    assert len(alone.ledger.attempts("r", purpose="lesson")) == 3
    [lesson] = book_of(alone.bench).lessons
    assert (lesson.status, lesson.contradicted) == (Status.HYPOTHESIS, 0)


def test_an_invalid_candidate_teaches_nothing_and_its_prediction_is_not_scored(bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, True, steps(GENERAL, []))
    propose_change(world.bench, 1, "c000")
    screen_on_train(world.bench, "c001", "c000")
    decide(world.bench, "c001", "tampered", {"changed": ["suite: grade.py"]})
    assert book_of(world.bench).lessons == ()
    [told_of] = foretold(world.bench)
    assert (told_of.kept, told_of.score) == (False, None)
    [record] = read_facts(world.folder).track_records
    assert (record.proposals, record.measured, record.fixes.named) == (1, 0, 0)


def test_a_night_with_a_book_that_dies_at_any_write_ends_with_the_same_ledger_and_book(
    bench: Worlds, rates: Rates, crash: type[BaseException], tmp_path: Path
) -> None:
    def screened(world: Any) -> tuple[Any, Book]:
        screen_on_train(world.bench, "c001", "c000")
        if "c001" not in world.verdicts():
            decide(world.bench, "c001", "not_better", {})
        return world.history(), book_of(world.bench)

    def begun(at: int | None) -> Any:
        root = shutil.copytree(first.root, tmp_path / f"at-{at}")
        world = night(bench, rates, True, [], outcome=outcome, root=root)
        world.fuse.burnt, world.fuse.at = 0, at
        return world

    outcome = rates(3, {"c000": 0.3, "c001": 0.8})
    first = night(bench, rates, True, steps(GENERAL, []), outcome=outcome)
    propose_change(first.bench, 1, "c000")
    first.close()
    alone = begun(None)
    wanted, writes = screened(alone), alone.fuse.burnt
    assert any(row.stage == "lesson/c001" for row in alone.ledger.attempts("r"))
    for at in range(1, writes + 1, 2):  # right before each write: right after one is the same as before the next
        world = begun(at)
        with pytest.raises(crash):
            screened(world)
        world.close()
        world.open()
        assert screened(world) == wanted, at


def test_an_outage_of_the_fresh_attempts_leaves_the_screen_open_and_is_no_verdict(bench: Worlds, rates: Rates) -> None:
    def out(spec: AttemptSpec) -> float | None:
        return None if spec.purpose is Purpose.LESSON and spec.replicate == 1 else float(spec.candidate == "c001")

    world = night(bench, rates, True, steps(GENERAL, []), outcome=out)
    propose_change(world.bench, 1, "c000")
    with pytest.raises(OutageError):
        screen_on_train(world.bench, "c001", "c000")
    assert world.verdicts() == {}
    screen_on_train(world.bench, "c001", "c000")
    assert set(afresh(world.bench, "c001")) == {"sums-00", "sums-01", "sums-02"}
    [*own] = [row for row in read_facts(world.folder).tallies.afresh if row.candidate == "c001"]
    assert [(row.task, row.scored) for row in own] == [(f"sums-0{n}", 1) for n in range(3)]


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
    assert "seen in 1 attempt; confirmed 0, contradicted 0" in line
    assert "sums-00" not in line


def test_a_lesson_that_a_later_change_stands_on_is_tested_again(bench: Worlds, rates: Rates) -> None:
    known = Book().tell(GENERAL, [], "r")[1]
    world = night(bench, rates, True, [*steps(GENERAL, []), *steps("", [known], 2)])
    decided(world, 1)
    decided(world, 2)
    assert GENERAL in (world.folder.path / "proposer" / "s002" / "lessons" / "lessons.md").read_text()
    assert book_of(world.bench).lessons[0].confirmed == 1


def test_a_book_is_carried_to_the_next_night_once_whatever_is_done_again(bench: Worlds, rates: Rates) -> None:
    world = night(bench, rates, True, [*steps(GENERAL, []), *steps(GENERAL, [], 2)])
    decided(world, 1)
    decided(world, 2)
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
    assert world.ledger.attempts("r", purpose="lesson") == []
